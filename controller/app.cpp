#include "controller/app.hpp"

#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "controller/base/version.hpp"
#include "reconcilers/orphans.hpp"

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

BucketCheckSettings bucket_check_settings(const Config& config)
{
    BucketCheckSettings settings;
    settings.own_endpoint = config.s3_endpoint;
    settings.endpoints = endpoint_rules(config);
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

Endpoint docker_endpoint(const Config& config)
{
    auto endpoint = Endpoint::parse(config.docker_host);
    if (endpoint.kind == Endpoint::Kind::Tcp && !config.docker_cert_path.empty()) endpoint.kind = Endpoint::Kind::Tls;
    return endpoint;
}

HttpClientOptions docker_transport_options(const Config& config)
{
    HttpClientOptions options;
    if (config.docker_cert_path.empty()) return options;
    options.tls = {config.docker_cert_path + "/ca.pem", config.docker_cert_path + "/cert.pem",
        config.docker_cert_path + "/key.pem"};
    return options;
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

ServerOptions server_options(const Config& config, Metrics& metrics, Executor work)
{
    ServerOptions options;
    options.address = config.listen_address;
    options.port = config.port;
    options.rate_limit_per_minute = config.rate_limit_per_minute;
    options.work = std::move(work);
    options.metrics = &metrics;
    return options;
}

} // namespace

/// Everything that needs the open store. Members are made in this order and destroyed in the opposite one.
struct App::Parts {
    Parts(Executors& executors, const Config& config, std::vector<ConfiguredKey> keys, Clock& clock, Metrics& metrics,
        Store& store, const std::string& id)
        : install_id(id), docker_transport(executors.io, clock, docker_endpoint(config), docker_transport_options(config)),
          docker(docker_transport, clock, docker_options(metrics)),
          observed(executors.io, clock, docker, observed_options(config)),
          traefik(executors.io, clock, Endpoint::parse(config.traefik_url)),
          workspace(store, docker, observed, traefik, clock, workspace_settings(config, id, probe_token), &metrics),
          warm_pool(store, clock, pool_settings(config), &metrics), node(store, observed, clock), edge(store, observed, clock, edge_settings(config, id)), orphans(store, docker, observed, id),
          manager(store, observed, clock, metrics, executors.io), workspaces(store),
          routes(workspaces, executors.io, clock, route_settings(config)),
          page(workspaces, PageSettings{public_address(config), probe_token}), logs(workspaces, executors.io, clock),
          bucket_check(executors.work, clock, bucket_check_settings(config)),
          capacity(store, workspaces, clock, capacity_settings(config)),
          admission(store, bucket_check, capacity, admission_settings(config, keys)),
          containers(store, workspaces, admission, clock, container_settings(config)),
          extend(store, clock, public_address(config)), usage(store, workspaces, clock, metrics),
          dashboard(store, workspaces, usage, containers),
          explain(workspaces, config.start_timeout),
          container_files(store, workspaces, clock),
          health(store, workspaces, clock, [this] { return docker_health(); }), authenticator(std::move(keys), store),
          server(executors.io, clock, router, authenticator, server_options(config, metrics, executors.work)),
          tasks(executors.io)
    {
    }
    DockerHealth docker_health() const { return {observed.connected(), engine_version}; }

    std::string install_id;
    std::string probe_token = random_text(40); ///< of this process
    std::string engine_version;
    HttpClient docker_transport;
    docker::Client docker;
    docker::Observed observed;
    HttpClient traefik;
    WorkspaceReconciler workspace;
    WarmPoolReconciler warm_pool;
    NodeReconciler node;
    EdgeReconciler edge;
    OrphanSweeper orphans;
    Manager manager;
    WorkspaceCache workspaces;
    RouteTable routes;
    WorkspacePage page;
    Logs logs;
    S3BucketCheck bucket_check;
    Capacity capacity;
    WorkspaceAdmission admission;
    Containers containers;
    ContainerExtend extend;
    UsageAction usage;
    Dashboard dashboard;
    ExplainAction explain;
    ContainerFiles container_files;
    HealthAction health;
    Router router;
    Authenticator authenticator;
    Server server;
    TaskGroup tasks;
};

App::App(Executors executors, Config config, std::vector<ConfiguredKey> keys)
    : executors_(std::move(executors)), config_(std::move(config)), keys_(std::move(keys)), metrics_(kVersion),
      stopped_(executors_.io)
{
}

App::~App() = default;

awaitable<> App::run()
{
    co_await open_store();
    const auto id = co_await install_id();
    co_await ensure_default_pool(*store_, config_.pre_warmed_queue_size);
    parts_ = std::make_unique<Parts>(executors_, config_, std::move(keys_), clock_, metrics_, *store_, id);
    mount();
    std::exception_ptr failure;
    try {
        parts_->server.listen();
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) {
        log::info("berthd serves", {{"version", kVersion}, {"port", int(parts_->server.port())}, {"install", id}});
        parts_->tasks.spawn("server", parts_->server.run());
        parts_->tasks.spawn("converge", converge());
        while (!stopping_) co_await stopped_.wait();
        log::info("berthd stops");
    }
    co_await close();
    if (failure) std::rethrow_exception(failure);
}

void App::stop()
{
    stopping_ = true;
    stopped_.notify_all();
}

awaitable<> App::open_store()
{
    StoreOptions options{config_.data_dir, executors_.io, executors_.db, clock_};
    options.metrics = &metrics_;
    options.audit_keep = config_.audit_keep;
    store_ = co_await Store::open(std::move(options));
}

/// Kept in the store: a store that is lost takes the claim on what it made with it, so nothing can be taken for ours.
awaitable<std::string> App::install_id()
{
    auto id = config_.install_id.empty() ? store_->meta(kInstallIdName) : config_.install_id;
    if (id.empty()) id = random_text(12);
    if (store_->meta(kInstallIdName) != id) co_await store_->set_meta(std::string(kInstallIdName), id);
    co_return id;
}

void App::mount()
{
    auto& p = *parts_;
    register_kinds(p.manager, p.router, *store_, clock_, {p.workspace, p.node, p.edge, p.warm_pool}, {p.admission});
    p.routes.on_connect = [&p] { p.observed.watch_closely(kProxyUp); };
    p.observed.on_relist([this] { metrics_.docker_relists->Increment(); });
    p.manager.every("orphans", kSweepPeriod, [&p] { return p.orphans.sweep(); });
    p.containers.mount(p.router);
    p.explain.mount(p.router);
    p.container_files.mount(p.router);
    p.health.mount(p.router);
    p.extend.mount(p.router);
    p.usage.mount(p.router);
    p.dashboard.mount(p.router);
    p.routes.mount(p.router);
    p.page.mount(p.router);
    p.logs.mount(p.router);
    Doc doc{.summary = "Metrics for Prometheus", .tag = "Operation", .roles = kReaders};
    doc.content_type = std::string(Metrics::kContentType);
    p.router.get("/metrics", std::move(doc), &App::metrics, this);
    p.router.mount_openapi();
}

awaitable<Reply> App::metrics(Call)
{
    std::map<std::string, int> counts;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<Phase>>(
        [&](auto phase) { counts[phase.name] = 0; });
    for (const auto& [key, workspace] : parts_->workspaces.all()) ++counts[workspace.phase()];
    for (const auto& [phase, count] : counts) metrics_.workspaces.with({phase}).Set(count);
    metrics_.workspaces_at_risk->Set(at_risk());
    parts_->usage.measure();
    metrics_.routes->Set(double(parts_->routes.workspaces() * kWorkspacePorts.size()));
    const auto& seen = parts_->observed;
    metrics_.docker_objects.with({"service"}).Set(double(seen.services().size()));
    metrics_.docker_objects.with({"task"}).Set(double(seen.tasks().size()));
    metrics_.docker_objects.with({"node"}).Set(double(seen.nodes().size()));
    metrics_.docker_objects.with({"network"}).Set(double(seen.networks().size()));
    co_return Reply::text(200, metrics_.serialize(), std::string(Metrics::kContentType));
}

/// Only a workspace that is stopping can be; the others are not looked into.
int App::at_risk() const
{
    int count = 0;
    for (const auto& [key, workspace] : parts_->workspaces.all()) {
        if (workspace.phase() != detail::enumerator_name(Phase::stopping)) continue;
        const auto* risk = find_condition(workspace->status.conditions, condition::kDataAtRisk);
        if (risk && risk->status == ConditionStatus::True) ++count;
    }
    return count;
}

awaitable<> App::converge()
{
    co_await prepare_swarm();
    co_await parts_->manager.run();
}

/// Docker may be away at the start, and for as long as it likes.
awaitable<> App::prepare_swarm()
{
    const SwarmSettings settings{
        parts_->install_id, config_.advertise_address, config_.edge_network, config_.edge_subnet};
    for (;;) {
        std::string problem;
        try {
            const auto version = co_await parts_->docker.version();
            parts_->engine_version = version.Version;
            co_await ensure_swarm(parts_->docker, settings);
        } catch (const Error& error) {
            problem = error.what();
        }
        if (problem.empty()) co_return;
        log::warning("Docker is not ready", {{"error", problem}});
        co_await clock_.sleep(kSwarmRetry);
    }
}

awaitable<> App::close()
{
    parts_->manager.stop();
    co_await parts_->server.stop();
    // Reconciliations that run get the manager's own grace; before that, waiting for Docker has no end of its own.
    if (parts_->manager.started()) co_await parts_->tasks.join();
    parts_->tasks.cancel();
    co_await parts_->tasks.join();
    co_await store_->close();
}

} // namespace berth
