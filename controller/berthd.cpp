#include "controller/berthd.hpp"

#include "controller/base/log.hpp"

namespace berth {

namespace {

constexpr std::string_view kInstallIdName = "install-id";
/// So long the Swarm is watched closely after a proxy has connected: filters follow its address.
constexpr Duration kProxyUp = std::chrono::seconds{2};
constexpr Duration kSwarmRetry = std::chrono::seconds{2};
constexpr Duration kSweepPeriod = std::chrono::seconds{30};

PublicAddress public_address(const Config& config)
{
    return {config.public_scheme, config.domain, config.public_port, config.routing_mode};
}

WorkspaceSettings workspace_settings(
    const Config& config, const std::string& install_id, const std::string& probe_token)
{
    WorkspaceSettings settings;
    settings.install_id = install_id;
    settings.edge_network = config.edge_network;
    settings.address = public_address(config);
    settings.route_labels = config.route_source == RouteSource::labels;
    settings.route_entrypoint = config.route_entrypoint;
    settings.route_cert_resolver = config.route_cert_resolver;
    settings.api_url = config.edge_callback_url;
    settings.probe_token = probe_token;
    settings.platform_key = config.s3_access_key;
    settings.image = config.workspace_image;
    settings.isolation = config.isolation == Switch::on;
    settings.idle = {config.inactivity_mode, config.inactivity_timeout, config.inactivity_warning};
    settings.limits = {config.cpu_limit, config.memory_limit.bytes};
    settings.life.start_deadline = config.start_timeout;
    settings.life.archive_after = config.archive_after;
    return settings;
}

EdgeSettings edge_settings(const Config& config, const std::string& install_id)
{
    EdgeSettings settings;
    settings.install_id = install_id;
    settings.edge_network = config.edge_network;
    settings.proxy_service = config.proxy_service;
    return settings;
}

/// What a workspace without a template runs.
WorkspaceTemplateSpec install_flavor(const Config& config)
{
    WorkspaceTemplateSpec flavor;
    flavor.image = config.workspace_image;
    flavor.limits = {config.cpu_limit, config.memory_limit.bytes};
    return flavor;
}

/// A pool stops growing, and gives up slots, well before a user would be refused.
PoolSettings pool_settings(const Config& config)
{
    PoolSettings settings;
    settings.flavor = install_flavor(config);
    settings.limits.grow_below_percent = config.max_memory_percent * 0.9;
    settings.limits.yield_above_percent = config.max_memory_percent * 0.95;
    return settings;
}

ContainerSettings container_settings(const Config& config)
{
    ContainerSettings settings;
    settings.address = public_address(config);
    settings.flavor = install_flavor(config);
    return settings;
}

CapacitySettings capacity_settings(const Config& config)
{
    CapacitySettings settings;
    settings.max_memory_percent = config.max_memory_percent;
    settings.reserved_memory = std::min(WorkspaceSettings{}.reserved_memory, config.memory_limit.bytes);
    settings.cpu_limit = config.cpu_limit;
    return settings;
}

S3Defaults s3_defaults(const Config& config)
{
    return {config.s3_endpoint, config.s3_access_key, config.s3_secret_key, endpoint_rules(config)};
}

AdmissionSettings admission_settings(const Config& config, const std::vector<ConfiguredKey>& keys)
{
    AdmissionSettings settings;
    settings.s3 = s3_defaults(config);
    for (const auto& key : keys)
        if (key.max_containers > 0) settings.key_limits[owner_label(key.name)] = key.max_containers;
    return settings;
}

RouteSettings route_settings(const Config& config)
{
    RouteSettings settings;
    settings.address = public_address(config);
    settings.tls = config.public_scheme == "https";
    settings.api_url = config.edge_callback_url;
    return settings;
}

docker::ClientOptions docker_options(Metrics& metrics)
{
    docker::ClientOptions options;
    options.observer = [&metrics](const docker::CallRecord& call) {
        metrics.rest_client_requests.with({call.code, call.method, "docker"}).Increment();
        metrics.rest_client_request_duration.with({call.method, "docker"}).Observe(call.seconds);
    };
    return options;
}

docker::ObservedOptions observed_options(const Config& config)
{
    docker::ObservedOptions options;
    options.relist_interval = config.relist_interval;
    return options;
}

} // namespace

Berthd::Berthd(Ports ports, const Config& config, std::vector<ConfiguredKey> keys, Metrics& metrics,
    Store& store, const std::string& install_id)
    : ports_(std::move(ports)),
      config_(config),
      metrics_(metrics),
      store_(store),
      install_id_(install_id),
      docker_(ports_.docker, ports_.clock, docker_options(metrics)),
      observed_(ports_.io, ports_.clock, docker_, observed_options(config)),
      workspace_(store, docker_, observed_, ports_.traefik, ports_.clock,
          workspace_settings(config, install_id, probe_token_), &metrics),
      warm_pool_(store, ports_.clock, pool_settings(config), &metrics),
      node_(store, observed_, ports_.clock),
      edge_(store, observed_, ports_.clock, edge_settings(config, install_id)),
      orphans_(store, docker_, observed_, install_id),
      manager_(store, observed_, ports_.clock, metrics, ports_.io),
      workspaces_(store),
      routes_(workspaces_, ports_.io, ports_.clock, route_settings(config)),
      page_(workspaces_, PageSettings{public_address(config), probe_token_}),
      logs_(workspaces_, ports_.io, ports_.clock),
      capacity_(store, workspaces_, ports_.clock, capacity_settings(config)),
      admission_(store, ports_.buckets, capacity_, admission_settings(config, keys)),
      containers_(store, workspaces_, admission_, ports_.clock, container_settings(config)),
      extend_(store, ports_.clock, public_address(config)),
      usage_(store, workspaces_, ports_.clock, metrics),
      s3_requests_(store, metrics),
      dashboard_(store, workspaces_, usage_, containers_),
      explain_(workspaces_, config.start_timeout),
      container_files_(store, workspaces_, ports_.clock),
      health_(store, workspaces_, ports_.clock, [this] { return docker_health(); }),
      recovery_(store, [this] { return kept_services(); }),
      authenticator_(std::move(keys), store)
{
    mount();
}

void Berthd::mount()
{
    register_kinds(
        manager_, router_, store_, ports_.clock, {workspace_, node_, edge_, warm_pool_}, {admission_});
    routes_.on_connect = [this] { observed_.watch_closely(kProxyUp); };
    observed_.on_relist([this] { metrics_.docker_relists->Increment(); });
    manager_.every("orphans", kSweepPeriod, [this] { return orphans_.sweep(); });
    containers_.mount(router_);
    explain_.mount(router_);
    container_files_.mount(router_);
    health_.mount(router_);
    recovery_.mount(router_);
    extend_.mount(router_);
    usage_.mount(router_);
    dashboard_.mount(router_);
    routes_.mount(router_);
    page_.mount(router_);
    logs_.mount(router_);
    Doc doc{.summary = "Metrics for Prometheus", .tag = "Operation", .roles = kReaders};
    doc.content_type = std::string(Metrics::kContentType);
    router_.get("/metrics", std::move(doc), &Berthd::metrics, this);
    router_.mount_openapi();
}

awaitable<Reply> Berthd::metrics(Call)
{
    std::map<std::string, int> counts;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<Phase>>(
        [&](auto phase) { counts[phase.name] = 0; });
    for (const auto& [key, workspace] : workspaces_.all()) ++counts[workspace.phase()];
    for (const auto& [phase, count] : counts) metrics_.workspaces.with({phase}).Set(count);
    metrics_.workspaces_at_risk->Set(at_risk());
    usage_.measure();
    metrics_.routes->Set(double(routes_.workspaces() * kWorkspacePorts.size()));
    metrics_.docker_objects.with({"service"}).Set(double(observed_.services().size()));
    metrics_.docker_objects.with({"task"}).Set(double(observed_.tasks().size()));
    metrics_.docker_objects.with({"node"}).Set(double(observed_.nodes().size()));
    metrics_.docker_objects.with({"service-without-object"}).Set(double(orphans_.unowned().size()));
    metrics_.docker_objects.with({"network"}).Set(double(observed_.networks().size()));
    co_return Reply::text(200, metrics_.serialize(), std::string(Metrics::kContentType));
}

std::vector<KeptService> Berthd::kept_services() const
{
    std::vector<KeptService> kept;
    for (const auto& service : orphans_.unowned()) {
        const auto label = [&](std::string_view name) {
            const auto found = service->Spec.Labels.find(std::string(name));
            return found == service->Spec.Labels.end() ? std::string{} : found->second;
        };
        kept.push_back({service->ID, service->Spec.Name, label(kOrgLabel), label(kNameLabel), label(kUidLabel)});
    }
    return kept;
}

/// Only a workspace that is stopping can be; the others are not looked into.
int Berthd::at_risk() const
{
    int count = 0;
    for (const auto& [key, workspace] : workspaces_.all()) {
        if (workspace.phase() != detail::enumerator_name(Phase::stopping)) continue;
        const auto* risk = find_condition(workspace->status.conditions, condition::kDataAtRisk);
        if (risk && risk->status == ConditionStatus::True) ++count;
    }
    return count;
}

awaitable<> Berthd::converge()
{
    co_await prepare_swarm();
    co_await manager_.run();
}

/// Docker may be away at the start, and for as long as it likes.
awaitable<> Berthd::prepare_swarm()
{
    const SwarmSettings settings{
        install_id_, config_.advertise_address, config_.edge_network, config_.edge_subnet};
    for (;;) {
        std::string problem;
        try {
            const auto version = co_await docker_.version();
            engine_version_ = version.Version;
            co_await ensure_swarm(docker_, settings);
        } catch (const Error& error) {
            problem = error.what();
        }
        if (problem.empty()) co_return;
        log::warning("Docker is not ready", {{"error", problem}});
        co_await ports_.clock.sleep(kSwarmRetry);
    }
}

/// Kept in the store: a store that is lost takes the claim on what it made with it, so nothing can be taken
/// for ours.
awaitable<std::string> prepare_store(Store& store, const Config& config)
{
    auto id = config.install_id.empty() ? store.meta(kInstallIdName) : config.install_id;
    if (id.empty()) id = random_text(12);
    if (store.meta(kInstallIdName) != id) co_await store.set_meta(std::string(kInstallIdName), id);
    co_await ensure_default_pool(store, config.pre_warmed_queue_size);
    co_return id;
}

} // namespace berth
