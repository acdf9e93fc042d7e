#include "controller/app.hpp"

#include "api/http/server.hpp"
#include "controller/base/log.hpp"
#include "controller/base/version.hpp"
#include "controller/berthd.hpp"

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
          server(executors.io, clock, berthd.router(), berthd.authenticator(),
              server_options(config, metrics, executors.work)),
          tasks(executors.io)
    {}

    HttpClient docker;
    HttpClient traefik;
    S3BucketCheck buckets;
    Berthd berthd;
    Server server;
    TaskGroup tasks;
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
    parts_->berthd.stop();
    co_await parts_->server.stop();
    // Reconciliations that run get the manager's own grace; before that, waiting for Docker has no end of its
    // own.
    if (parts_->berthd.started()) co_await parts_->tasks.join();
    parts_->tasks.cancel();
    co_await parts_->tasks.join();
    co_await store_->close();
}

} // namespace berth
