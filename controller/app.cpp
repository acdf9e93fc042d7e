#include "controller/app.hpp"

#include "api/http/server.hpp"
#include "controller/backups.hpp"
#include "controller/base/log.hpp"
#include "controller/base/version.hpp"
#include "controller/berthd.hpp"

#include <sys/resource.h>

namespace berth {

namespace {

BucketCheckSettings bucket_check_settings(const Config& config)
{
    BucketCheckSettings settings;
    settings.own_endpoint = config.s3_endpoint;
    settings.endpoints = endpoint_rules(config);
    return settings;
}

Endpoint docker_endpoint(const Config& config)
{
    auto endpoint = Endpoint::parse(config.docker_host);
    if (endpoint.kind == Endpoint::Kind::Tcp && !config.docker_cert_path.empty())
        endpoint.kind = Endpoint::Kind::Tls;
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

/// The store and Docker have theirs whatever clients do: a flush that finds no descriptor would make the
/// store read-only.
std::size_t descriptors_for_clients()
{
    constexpr rlim_t kOurs = 400; // RocksDB's max_open_files and what else there is
    constexpr rlim_t kLeast = 64;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeast;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > kOurs + kLeast ? limit.rlim_cur - kOurs : kLeast;
}

ServerOptions server_options(const Config& config, Metrics& metrics, Executor work)
{
    ServerOptions options;
    options.address = config.listen_address;
    options.port = config.port;
    options.max_connections = std::min(options.max_connections, descriptors_for_clients());
    options.rate_limit_per_minute = config.rate_limit_per_minute;
    options.work = std::move(work);
    options.metrics = &metrics;
    return options;
}

BackupSettings backup_settings(const Config& config)
{
    BackupSettings settings;
    settings.folder = config.backup_dir.empty() ? config.data_dir + "/backups" : config.backup_dir;
    settings.interval = config.backup_interval;
    settings.keep = config.backup_keep;
    return settings;
}

} // namespace

/// Everything that needs the open store, and the real ports. Members are made in this order and destroyed in
/// the opposite one.
struct App::Parts {
    Parts(Executors& executors, const Config& config, std::vector<ConfiguredKey> keys, Clock& clock,
        Metrics& metrics, Store& store, const std::string& install_id)
        : docker(executors.io, clock, docker_endpoint(config), docker_transport_options(config)),
          traefik(executors.io, clock, Endpoint::parse(config.traefik_url)),
          buckets(executors.work, clock, bucket_check_settings(config)),
          berthd({executors.io, clock, docker, traefik, buckets}, config, std::move(keys), metrics, store,
              install_id),
          backups(store, clock, executors.work, backup_settings(config)),
          server(executors.io, clock, berthd.router(), berthd.authenticator(),
              server_options(config, metrics, executors.work)),
          tasks(executors.io),
          upkeep(executors.io)
    {
        backups.mount(berthd.router());
    }

    HttpClient docker;
    HttpClient traefik;
    S3BucketCheck buckets;
    Berthd berthd;
    Backups backups;
    Server server;
    TaskGroup tasks;
    TaskGroup upkeep; ///< has no end of its own
};

App::App(Executors executors, Config config, std::vector<ConfiguredKey> keys)
    : executors_(std::move(executors)),
      config_(std::move(config)),
      keys_(std::move(keys)),
      metrics_(kVersion),
      stopped_(executors_.io)
{}

App::~App() = default;

awaitable<> App::run()
{
    co_await open_store();
    const auto id = co_await prepare_store(*store_, config_);
    parts_ = std::make_unique<Parts>(executors_, config_, std::move(keys_), clock_, metrics_, *store_, id);
    std::exception_ptr failure;
    try {
        parts_->server.listen();
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) {
        log::info(
            "berthd serves", {{"version", kVersion}, {"port", int(parts_->server.port())}, {"install", id}});
        parts_->tasks.spawn("server", parts_->server.run());
        parts_->tasks.spawn("converge", parts_->berthd.converge());
        parts_->upkeep.spawn("backups", parts_->backups.run());
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

awaitable<> App::close()
{
    parts_->upkeep.cancel();
    parts_->berthd.stop();
    co_await parts_->server.stop();
    co_await parts_->upkeep.join();
    // Reconciliations that run get the manager's own grace; before that, waiting for Docker has no end of its
    // own.
    if (parts_->berthd.started()) co_await parts_->tasks.join();
    parts_->tasks.cancel();
    co_await parts_->tasks.join();
    co_await store_->close();
}

} // namespace berth
