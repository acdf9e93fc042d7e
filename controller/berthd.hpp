#pragma once
// Everything that berthd does, between its store and its ports: no socket is opened here, and no other clock
// is asked.

#include "api/actions/bucket_check.hpp"
#include "api/actions/container_files.hpp"
#include "api/actions/containers.hpp"
#include "api/actions/dashboard.hpp"
#include "api/actions/explain.hpp"
#include "api/actions/extend.hpp"
#include "api/actions/health.hpp"
#include "api/actions/logs.hpp"
#include "api/actions/recovery.hpp"
#include "api/actions/routes.hpp"
#include "api/actions/s3_requests.hpp"
#include "api/actions/usage.hpp"
#include "api/actions/workspace_page.hpp"
#include "api/http/auth.hpp"
#include "controller/base/random.hpp"
#include "controller/config.hpp"
#include "controller/registry.hpp"
#include "docker/observed.hpp"
#include "metrics/metrics.hpp"
#include "reconcilers/orphans.hpp"
#include "reconcilers/swarm_setup.hpp"

namespace berth {

/// Where berthd touches the world. Everything outlives it.
struct Ports {
    Executor io; ///< owns all state
    Clock& clock;
    Transport& docker;    ///< the manager's engine
    Transport& traefik;   ///< the reverse proxy, for the probe of a route
    BucketCheck& buckets; ///< object storage
};

/// Owned by App (or a test); lives on the I/O thread. The store must be open. Members are made in their order
/// and destroyed in the opposite one.
class Berthd {
public:
    Berthd(Ports ports, const Config& config, std::vector<ConfiguredKey> keys, Metrics& metrics, Store& store,
        const std::string& install_id);
    Berthd(const Berthd&) = delete;
    Berthd& operator=(const Berthd&) = delete;

    /// Prepares the Swarm, for as long as that takes, then reconciles until stop(). Spawn it once.
    awaitable<> converge();
    /// The reconciliations that run get the manager's grace.
    void stop() { manager_.stop(); }
    /// The workers are running.
    bool started() const noexcept { return manager_.started(); }
    const Router& router() const noexcept { return router_; }
    /// For routes of App's own, before the server serves.
    Router& router() noexcept { return router_; }
    const Authenticator& authenticator() const noexcept { return authenticator_; }

private:
    void mount();
    awaitable<> prepare_swarm();
    awaitable<Reply> metrics(Call call);
    int at_risk() const;
    std::vector<KeptService> kept_services() const;
    DockerHealth docker_health() const { return {observed_.connected(), engine_version_}; }

    Ports ports_;
    const Config& config_;
    Metrics& metrics_;
    Store& store_;
    std::string install_id_;
    std::string probe_token_ = random_text(40); ///< of this process
    std::string engine_version_;
    docker::Client docker_;
    docker::Observed observed_;
    WorkspaceReconciler workspace_;
    WarmPoolReconciler warm_pool_;
    NodeReconciler node_;
    EdgeReconciler edge_;
    OrphanSweeper orphans_;
    Manager manager_;
    WorkspaceCache workspaces_;
    RouteTable routes_;
    WorkspacePage page_;
    Logs logs_;
    Capacity capacity_;
    WorkspaceAdmission admission_;
    Containers containers_;
    ContainerExtend extend_;
    UsageAction usage_;
    S3RequestCount s3_requests_;
    Dashboard dashboard_;
    ExplainAction explain_;
    ContainerFiles container_files_;
    HealthAction health_;
    RecoveryAction recovery_;
    Router router_;
    Authenticator authenticator_;
};

/// Sees to what must be in a store before anything runs: the install's id, which it gives back, and the pool
/// that the environment asks for.
awaitable<std::string> prepare_store(Store& store, const Config& config);

} // namespace berth
