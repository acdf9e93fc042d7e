#pragma once
// Keeps each Workspace the way its spec wants it: observe → decide (workspace_plan) → one idempotent step →
// return.

#include "controller/base/http_client.hpp"
#include "controller/runtime/action.hpp"
#include "controller/runtime/sources.hpp"
#include "docker/observed.hpp"
#include "reconcilers/workspace_service.hpp"

namespace berth {

struct Metrics;

/// Owned by main; lives on the I/O thread; any number of keys at the same time (one key never twice). Reads
/// Docker from Observed's cache, and live only where a stale answer would do harm. Creates by a fixed name
/// and removes by ID, so every step can be repeated. Throws Error for the controller's back-off; an unknown
/// outcome is looked at again, never assumed.
class WorkspaceReconciler {
public:
    /// `traefik` reaches the reverse proxy (TRAEFIK_URL) for the probe. Everything outlives the reconciler.
    WorkspaceReconciler(Store& store, docker::Client& docker, docker::Observed& observed, Transport& traefik,
        Clock& clock, WorkspaceSettings settings, Metrics* metrics = nullptr);

    static void watch(Sources<Workspace>& on);
    awaitable<Action> reconcile(Workspace& workspace);
    awaitable<Action> finalize(Workspace& workspace);

private:
    struct Look;
    awaitable<Plan> step(Workspace& workspace);
    void count(const WorkspaceStatus& before, const WorkspaceStatus& after) const;
    awaitable<Look> look(const Workspace& workspace);
    awaitable<std::optional<docker::Service>> service_of(const Workspace& workspace);
    std::vector<TaskFacts> tasks_of(const Workspace& workspace, const std::string& service_id) const;
    void look_at_node(const std::string& id, Seen& seen) const;
    awaitable<bool> probe(const Workspace& workspace);
    awaitable<> create(Workspace& workspace, const Flavor& flavor, const std::string& settings_hash);
    awaitable<> forget_report(const Workspace& workspace);
    awaitable<bool> open(std::string service_id);
    awaitable<> remove(std::string service_id);
    awaitable<> judge_idle(Workspace& workspace, const Seen& seen, Plan& plan);
    awaitable<> stop_idle(const Workspace& workspace, std::optional<ActivityStatus> before);

    Store& store_;
    docker::Client& docker_;
    docker::Observed& observed_;
    Transport& traefik_;
    Clock& clock_;
    WorkspaceSettings settings_;
    Metrics* metrics_; ///< may be null
    const Time watching_since_;
};

} // namespace berth
