#include "api/actions/dashboard.hpp"

#include "api/types/warm_pool.hpp"

namespace berth {

namespace {

constexpr const char* kOrg = "default";
constexpr const char* kTag = "Dashboard";
constexpr std::size_t kMostTroubles = 50;

/// Conditions that tell of trouble while they are True, beside Failed.
constexpr std::array kTroubles{"Failed", "DataAtRisk", "MemoryPressure", "IdleUnknown"};

std::int64_t& counter(StatusCounts& counts, ContainerStatus status)
{
    switch (status) {
    case ContainerStatus::running: return counts.running;
    case ContainerStatus::stopping: return counts.stopping;
    case ContainerStatus::stopped: return counts.stopped;
    case ContainerStatus::failed: return counts.failed;
    default: return counts.starting;
    }
}

std::optional<TroubledContainer> trouble_of(const Workspace& workspace, ContainerStatus status)
{
    for (const auto* type : kTroubles) {
        const auto* condition = find_condition(workspace.status.conditions, type);
        if (!condition || condition->status != ConditionStatus::True) continue;
        const bool failed = condition->type == "Failed";
        return TroubledContainer{
            workspace.metadata.name, status, failed ? condition->reason : condition->type, condition->message};
    }
    return std::nullopt;
}

std::vector<PoolSummary> pools_of(const Store& store)
{
    std::vector<PoolSummary> pools;
    for (const auto& pool : store.list<WarmPool>()) {
        if (pool.metadata.org != kOrg) continue;
        const auto& status = pool.status;
        const auto* degraded = find_condition(status.conditions, "Degraded");
        const bool bad = degraded && degraded->status == ConditionStatus::True;
        pools.push_back({pool.metadata.name, status.wanted, status.ready, status.starting, bad,
            bad ? degraded->message : ""});
    }
    return pools;
}

DashboardNode view_of(const Node& node)
{
    const auto& status = node.status;
    DashboardNode view;
    view.id = node.metadata.name;
    view.hostname = status.hostname;
    view.role = status.role;
    view.availability = status.availability;
    view.state = status.state;
    const auto* ready = find_condition(status.conditions, "Ready");
    view.ready = ready && ready->status == ConditionStatus::True;
    if (ready && !view.ready) view.message = ready->message;
    view.agentVersion = status.agentVersion;
    view.engineVersion = status.engineVersion;
    view.lastHeartbeat = status.lastHeartbeat;
    return view;
}

} // namespace

Dashboard::Dashboard(
    const Store& store, const WorkspaceCache& workspaces, const UsageAction& usage, Containers& containers)
    : store_(store),
      workspaces_(workspaces),
      usage_(usage),
      containers_(containers)
{}

void Dashboard::mount(Router& router)
{
    Doc overview{.summary = "Everything at a glance", .tag = kTag, .roles = kReaders};
    overview.description = "How many containers are in which state, what the cluster uses, the pools, and who is in trouble.";
    router.get("/api/dashboard/overview", std::move(overview), &Dashboard::overview, this);
    Doc nodes{.summary = "The nodes", .tag = kTag, .roles = kReaders};
    nodes.description = "As Docker and their agents see them.";
    router.get("/api/dashboard/nodes", std::move(nodes), &Dashboard::nodes, this);
    Doc act{.summary = "Start, stop, restart or delete a container", .tag = kTag, .success = 202, .roles = kUsers};
    act.description = "The same as the verbs below /api/containers/{id}. 200 when there was nothing to do.";
    act.more_success = {200};
    act.errors = {409, 422, 503};
    router.post<ActionRequest>("/api/dashboard/container/{id}/action", std::move(act), &Dashboard::act, this);
}

awaitable<DashboardOverview> Dashboard::overview(Call)
{
    const auto used = usage_.look();
    DashboardOverview answer{used.at, {}, used.cluster, pools_of(store_), {}};
    for (const auto& [key, workspace] : workspaces_.all()) {
        const auto status = container_status(*workspace);
        if (key.org != kOrg || is_slot(*workspace) || status == ContainerStatus::archived) continue;
        ++answer.containers.total;
        ++counter(answer.containers, status);
        if (answer.trouble.size() >= kMostTroubles) continue;
        if (auto trouble = trouble_of(*workspace, status)) answer.trouble.push_back(std::move(*trouble));
    }
    co_return answer;
}

awaitable<DashboardNodes> Dashboard::nodes(Call)
{
    std::map<std::string, NodeUse> used;
    for (auto& use : usage_.look().nodes) used.emplace(use.id, std::move(use));
    DashboardNodes answer;
    for (const auto& node : store_.list<Node>()) {
        auto view = view_of(node);
        if (const auto use = used.find(view.id); use != used.end()) {
            view.usage = use->second.usage;
            view.workspaces = use->second.workspaces;
        }
        answer.nodes.push_back(std::move(view));
    }
    co_return answer;
}

awaitable<Answer<ContainerView>> Dashboard::act(Call call, ActionRequest request)
{
    if (request.action == ContainerVerb::start) co_return co_await containers_.start_again(std::move(call));
    if (request.action == ContainerVerb::stop) co_return co_await containers_.stop(std::move(call));
    if (request.action == ContainerVerb::restart) co_return co_await containers_.restart(std::move(call));
    co_return co_await containers_.remove(std::move(call));
}

} // namespace berth
