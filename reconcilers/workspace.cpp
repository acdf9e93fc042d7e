#include "reconcilers/workspace.hpp"

#include "api/types/node.hpp"
#include "api/types/proxy_routes.hpp"
#include "api/types/warm_pool.hpp"
#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "controller/runtime/conditions.hpp"
#include "metrics/metrics.hpp"
#include "reconcilers/workspace_report.hpp"
#include "storage/rescue.hpp"

namespace berth {

namespace {

constexpr Duration kWatchFor = std::chrono::seconds{3};
constexpr Duration kOpenAgain = std::chrono::seconds{2};
constexpr Duration kDoubt = std::chrono::seconds{60};

Time last_change(const Workspace& workspace)
{
    const auto& history = workspace.status.history;
    return history.empty() || !history.back().at ? Time{} : *history.back().at;
}

/// Of one that is to end: a create whose answer was an error may have had its effect.
bool may_have_just_been_made(const Workspace& workspace, Time now)
{
    const auto phase = workspace.status.phase;
    if (phase == Phase::stopping) return now - last_change(workspace) < kDoubt;
    const bool ends = workspace.metadata.deletionTimestamp || workspace.spec.desiredState == DesiredState::stopped;
    return ends && (phase == Phase::starting || phase == Phase::failed);
}

/// A template that is made or mended may be what failed workspaces wait for.
std::vector<Key> failed_for_want_of(const Store& store, const Entry& made)
{
    std::vector<Key> keys;
    Selector failed;
    failed.org = made.key.org;
    failed.phase = detail::enumerator_name(Phase::failed);
    for (const auto& workspace : store.list<Workspace>(failed))
        if (workspace.spec.template_ == made.key.name) keys.push_back(key_of(workspace));
    return keys;
}

} // namespace

/// What one look found, with what is needed to act on it.
struct WorkspaceReconciler::Look {
    Seen seen;
    Flavor flavor;
};

WorkspaceReconciler::WorkspaceReconciler(Store& store, docker::Client& docker, docker::Observed& observed,
    Transport& traefik, Clock& clock, WorkspaceSettings settings, Metrics* metrics)
    : store_(store),
      docker_(docker),
      observed_(observed),
      traefik_(traefik),
      clock_(clock),
      settings_(std::move(settings)), metrics_(metrics), watching_since_(clock.now())
{}

void WorkspaceReconciler::watch(Sources<Workspace>& on)
{
    on.self();
    on.same_name<WorkspaceReport>();
    on.all_of<WorkspaceTemplate>(failed_for_want_of);
    on.docker(docker::ObjectType::Service);
    on.docker(docker::ObjectType::Task);
    // Slots of a warm pool wait for those that somebody waits for.
    on.background([](const Entry& entry) { return entry.labels.contains(std::string(kPoolLabel)); });
}

awaitable<Action> WorkspaceReconciler::reconcile(Workspace& workspace)
{
    const auto plan = co_await step(workspace);
    co_return Action{plan.next_look};
}

awaitable<Action> WorkspaceReconciler::finalize(Workspace& workspace)
{
    const auto plan = co_await step(workspace);
    if (plan.finished || planted("workspace.finalizer-too-early")) co_return Action::wait();
    co_return Action::again(plan.next_look.value_or(settings_.life.safety_net));
}

awaitable<Plan> WorkspaceReconciler::step(Workspace& workspace)
{
    const auto look = co_await this->look(workspace);
    auto plan = decide(workspace, look.seen, settings_.life, clock_.now());
    count(workspace.status, plan.status);
    workspace.status = std::move(plan.status);
    workspace.status.urls = workspace_urls(settings_.address, workspace.metadata.name);
    co_await judge_idle(workspace, look.seen, plan);
    if (plan.archived) co_await forget_report(workspace);
    if (plan.in_transition) observed_.watch_closely(kWatchFor);
    switch (plan.step) {
    case Step::None:
        break;
    case Step::Create:
        co_await create(workspace, look.flavor, look.seen.settings_hash);
        break;
    case Step::Remove:
        co_await remove(plan.service_id);
        break;
    case Step::Open:
        if (!co_await open(plan.service_id)) plan.next_look = kOpenAgain;
        break;
    }
    co_return plan;
}

/// Reasons come from a fixed set in the plan, so they make a bounded number of series.
void WorkspaceReconciler::count(const WorkspaceStatus& before, const WorkspaceStatus& after) const
{
    if (!metrics_ || after.history.empty()) return;
    if (after.incarnation > before.incarnation)
        metrics_->workspace_incarnations.with({after.history.back().reason}).Increment();
    if (before.phase != Phase::starting || after.phase != Phase::running || before.history.empty()) return;
    const auto& began = before.history.back();
    if (!began.at || !after.startedAt) return;
    metrics_->workspace_start.with({began.reason})
        .Observe(std::chrono::duration<double>(*after.startedAt - *began.at).count());
}

awaitable<WorkspaceReconciler::Look> WorkspaceReconciler::look(const Workspace& workspace)
{
    Look look;
    auto& seen = look.seen;
    std::optional<WorkspaceTemplate> chosen;
    const auto& wanted = workspace.spec.template_;
    if (!wanted.empty()) {
        chosen = store_.get<WorkspaceTemplate>({workspace.metadata.org, wanted});
        if (!chosen) seen.obstacle = Obstacle{"TemplateMissing", "there is no template named " + wanted};
    }
    look.flavor = flavor_of(chosen, settings_);
    if (!seen.obstacle && look.flavor.image.empty())
        seen.obstacle = Obstacle{"NoImage", "no image is configured for workspaces"};
    seen.request_hash = request_hash(workspace);
    seen.settings_hash = settings_hash(workspace, chosen);
    auto told = told_of(store_, workspace);
    seen.report = std::move(told.report);
    seen.agent_seen_at = told.agent_seen_at;
    seen.isolation = settings_.isolation;
    seen.watching_since = watching_since_;
    if (wants_probe(workspace, seen.report, seen.isolation)) seen.routed = co_await probe(workspace);

    const auto service = co_await service_of(workspace);
    if (service) seen.service = facts_of(*service, settings_.install_id);
    // A restored store may not know the one that has the name now.
    if (service && seen.service->uid != workspace.metadata.uid && !store_.meta(kRestoredName).empty())
        seen.service->ours = false;
    seen.tasks = tasks_of(workspace, service ? service->ID : "");
    if (!told.node_id.empty()) look_at_node(told.node_id, seen);
    co_return look;
}

/// From the cache; live when the cache may not know it yet and a wrong "it is gone" would do harm.
awaitable<std::optional<docker::Service>> WorkspaceReconciler::service_of(const Workspace& workspace)
{
    const auto name = service_name(workspace.metadata.name);
    if (const auto cached = observed_.service_by_name(name)) co_return *cached;
    const bool expected = !workspace.status.serviceName.empty();
    const bool leaving = may_have_just_been_made(workspace, clock_.now());
    if ((!expected && !leaving) || planted("workspace.trusts-its-cache")) co_return std::nullopt;
    auto live = co_await docker_.find_service(name);
    if (live) observed_.poke();
    co_return live;
}

/// With a service: its tasks. Without: whatever earlier ones have left, which is on its node once it has one.
std::vector<TaskFacts> WorkspaceReconciler::tasks_of(
    const Workspace& workspace, const std::string& service_id) const
{
    const auto& node = workspace.status.nodeId;
    const auto tasks = !service_id.empty() ? observed_.tasks_of_service(service_id)
                       : !node.empty()     ? observed_.tasks_of_node(node)
                                           : observed_.tasks();
    std::vector<TaskFacts> facts;
    for (const auto& task : tasks)
        if (is_task_of(*task, workspace, settings_.install_id)) facts.push_back(facts_of(*task));
    for (auto& task : facts)
        if (const auto where = observed_.node(task.node_id)) task.node_name = where->Description.Hostname;
    return facts;
}

void WorkspaceReconciler::look_at_node(const std::string& id, Seen& seen) const
{
    const auto node = observed_.node(id);
    seen.node_known = node != nullptr;
    seen.node_up = node && node->Status.State != "down";
    if (node) seen.node_name = node->Description.Hostname;
}

/// Whether Traefik serves the code-server by host name: "running" is said only after this.
awaitable<bool> WorkspaceReconciler::probe(const Workspace& workspace)
{
    const auto& id = workspace.metadata.name;
    HttpRequest request;
    request.target = workspace_path(settings_.address, id, kCodeServerPort) + "healthz";
    request.headers.set("Host", workspace_host(settings_.address, id, kCodeServerPort));
    if (!workspace.spec.pool.empty()) request.headers.set(kProbeHeader, settings_.probe_token);
    request.deadline = settings_.probe_timeout;
    bool served = false;
    try {
        const auto response = co_await traefik_.send(std::move(request));
        served = response.status == 200;
    } catch (const Error& error) {
        log::debug("probe through the reverse proxy failed", {{"workspace", id}, {"error", error.what()}});
    }
    co_return served;
}

awaitable<> WorkspaceReconciler::create(
    Workspace& workspace, const Flavor& flavor, const std::string& settings_hash)
{
    workspace.status.resourceLimits = flavor.limits;
    std::optional<Error> failure;
    try {
        co_await docker_.create_service(desired_service(workspace, flavor, settings_));
    } catch (const Error& error) {
        failure = error;
    }
    observed_.poke();
    if (!failure) co_return;
    if (failure->code() == Errc::Exists || failure->code() == Errc::Conflict) {
        // Ours from an attempt whose answer was lost, or a foreign one: the live look of the next step tells.
        // The name stays noted, so that step asks Docker itself.
        co_await observed_.relist_now();
        if (!observed_.service_by_name(workspace.status.serviceName)) workspace.status.serviceName.clear();
        co_return;
    }
    workspace.status.serviceName.clear();
    if (failure->code() == Errc::Unavailable || failure->code() == Errc::Timeout) throw *failure;
    log::warning("Docker refused a workspace's service",
        {{"workspace", workspace.metadata.name}, {"error", failure->what()}});
    const Obstacle why{"ServiceRefused", "Docker refused the service: " + std::string(failure->what())};
    const auto generation = workspace.metadata.generation;
    for (const auto type : {condition::kPlaced, kReadyCondition}) {
        Condition refused{std::string(type), ConditionStatus::False, why.reason, why.message, {}, generation};
        set_condition(workspace.status.conditions, std::move(refused), clock_.now());
    }
    workspace.status.message = why.message;
    if (failure->code() != Errc::Invalid) throw Error{Errc::Unavailable, why.message};
    // The same words will never do: whoever wrote them is told at once.
    mark_failed(workspace.status, why, settings_hash, generation, clock_.now());
    note_decision(workspace.status, {clock_.now(), "enter failed", why.reason, why.message});
}

/// An archived workspace has nothing on any node; a report that comes all the same wakes it.
awaitable<> WorkspaceReconciler::forget_report(const Workspace& workspace)
{
    auto forget = [key = key_of(workspace), uid = workspace.metadata.uid](Txn& txn) {
        const auto report = txn.get<WorkspaceReport>(key);
        if (report && report->spec.workspaceUid == uid) txn.remove<WorkspaceReport>(key);
    };
    co_await store_.transact(std::move(forget));
}

/// From Docker's own words of now: only the labels may differ, or the Swarm would replace the task. False: not
/// yet; the claim that is being written down does not wait for it.
awaitable<bool> WorkspaceReconciler::open(std::string service_id)
{
    try {
        auto live = co_await docker_.find_service(service_id);
        if (!live || !open_route(live->Spec)) co_return true;
        co_await docker_.update_service(live->ID, live->Version.Index, std::move(live->Spec));
    } catch (const Error& error) {
        log::warning("a claimed workspace's route still asks", {{"service", service_id}, {"error", error.what()}});
        co_return false;
    }
    observed_.poke();
    co_return true;
}

awaitable<> WorkspaceReconciler::remove(std::string service_id)
{
    co_await docker_.remove_service(std::move(service_id));
    // What is decided next (are its tasks gone?) must not rest on a list from before the removal.
    co_await observed_.relist_now();
}

} // namespace berth
