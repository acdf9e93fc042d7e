#include "controller/app.hpp"

#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "controller/base/version.hpp"
#include "reconcilers/orphans.hpp"

namespace berth {

namespace {

constexpr std::string_view kInstallIdName = "install-id";
constexpr Duration kSwarmRetry = std::chrono::seconds{2};
constexpr Duration kSweepPeriod = std::chrono::seconds{30};

PublicAddress public_address(const Config& config)
{
    return {config.public_scheme, config.domain, config.public_port, config.routing_mode};
}

WorkspaceSettings workspace_settings(const Config& config, const std::string& install_id)
{
    WorkspaceSettings settings;
    settings.install_id = install_id;
    settings.edge_network = config.edge_network;
    settings.address = public_address(config);
    settings.route_labels = config.route_source == RouteSource::labels;
    settings.image = config.workspace_image;
    settings.limits = {config.cpu_limit, config.memory_limit.bytes};
    return settings;
}

ContainerSettings container_settings(const Config& config)
{
    ContainerSettings settings;
    settings.address = public_address(config);
    settings.s3 = {config.s3_endpoint, config.s3_access_key, config.s3_secret_key};
    settings.max_memory_percent = config.max_memory_percent;
    return settings;
}

RouteSettings route_settings(const Config& config)
{
    RouteSettings settings;
    settings.address = public_address(config);
    settings.tls = config.public_scheme == "https";
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
          workspace(store, docker, observed, traefik, clock, workspace_settings(config, id), &metrics),
          node(store, observed, clock), orphans(store, docker, observed, id),
          manager(store, observed, clock, metrics, executors.io), workspaces(store),
          routes(workspaces, executors.io, clock, route_settings(config)), bucket_check(executors.work, clock),
          containers(store, workspaces, bucket_check, clock, container_settings(config)),
          health(store, workspaces, clock, [this] { return docker_health(); }), authenticator(std::move(keys), store),
          server(executors.io, clock, router, authenticator, server_options(config, metrics, executors.work)),
          tasks(executors.io)
    {
    }
    DockerHealth docker_health() const { return {observed.connected(), engine_version}; }

    std::string install_id;
    std::string engine_version;
    HttpClient docker_transport;
    docker::Client docker;
    docker::Observed observed;
    HttpClient traefik;
    WorkspaceReconciler workspace;
    NodeReconciler node;
    OrphanSweeper orphans;
    Manager manager;
    WorkspaceCache workspaces;
    RouteTable routes;
    S3BucketCheck bucket_check;
    Containers containers;
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
    register_kinds(p.manager, p.router, *store_, clock_, {p.workspace, p.node});
    p.observed.on_relist([this] { metrics_.docker_relists->Increment(); });
    p.manager.every("orphans", kSweepPeriod, [&p] { return p.orphans.sweep(); });
    p.containers.mount(p.router);
    p.health.mount(p.router);
    p.routes.mount(p.router);
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
