#include "reconcilers/node.hpp"

#include "controller/runtime/missing.hpp"

namespace berth {

namespace {

/// Nodes belong to the install, not to a tenant.
constexpr const char* kNodeOrg = "default";

void set(Conditions& conditions, std::string type, ConditionStatus status, std::string reason,
    std::string message, Time now)
{
    Condition condition;
    condition.type = std::move(type);
    condition.status = status;
    condition.reason = std::move(reason);
    condition.message = std::move(message);
    set_condition(conditions, std::move(condition), now);
}

void take_over_docker(NodeStatus& status, const docker::Node& node)
{
    status.hostname = node.Description.Hostname;
    status.address = node.Status.Addr;
    status.role = node.Spec.Role == "manager" ? NodeRole::manager : NodeRole::worker;
    status.availability = node.Spec.Availability == "drain"   ? NodeAvailability::drain
                          : node.Spec.Availability == "pause" ? NodeAvailability::pause
                                                              : NodeAvailability::active;
    status.state = node.Status.State;
    status.engineVersion = node.Description.Engine.EngineVersion;
    status.cpuCores = double(node.Description.Resources.NanoCPUs) / 1e9;
    status.memoryBytes = node.Description.Resources.MemoryBytes;
}

void judge_agent(NodeStatus& status, const std::optional<NodeReport>& report, Duration stale, Time now)
{
    if (!report || !report->spec.reportedAt) {
        set(status.conditions, "AgentReady", ConditionStatus::Unknown, "NeverReported",
            "no agent has reported yet", now);
        return;
    }
    status.agentVersion = report->spec.agentVersion;
    status.lastHeartbeat = report->spec.reportedAt;
    status.usage = report->spec.usage;
    const bool fresh = now - *report->spec.reportedAt < stale;
    if (fresh)
        set(status.conditions, "AgentReady", ConditionStatus::True, "Reporting", "", now);
    else
        set(status.conditions, "AgentReady", ConditionStatus::False, "Silent",
            "the last report came at " + format_time(*report->spec.reportedAt), now);
}

} // namespace

NodeStatus node_status(NodeStatus status, const docker::Node& node, const std::optional<NodeReport>& report,
    Duration agent_stale, Time now)
{
    take_over_docker(status, node);
    judge_agent(status, report, agent_stale, now);
    const bool up = node.Status.State == "ready";
    const auto agent = find_condition(status.conditions, "AgentReady")->status;
    if (!up)
        set(status.conditions, "Ready", ConditionStatus::False, "NodeDown",
            "Docker says " + node.Status.State, now);
    else if (agent != ConditionStatus::True)
        set(status.conditions, "Ready", agent, "AgentNotReady", "the agent of the node does not report", now);
    else
        set(status.conditions, "Ready", ConditionStatus::True, "Ready", "", now);
    return status;
}

NodeReconciler::NodeReconciler(Store& store, docker::Observed& observed, Clock& clock, NodeSettings settings)
    : store_(store),
      observed_(observed),
      clock_(clock),
      settings_(settings)
{}

void NodeReconciler::watch(Sources<Node>& on)
{
    on.self();
    on.same_name<NodeReport>();
    on.docker(docker::ObjectType::Node, [](const docker::ObservedChange& change) {
        return std::vector<Key>{{kNodeOrg, change.id}};
    });
}

awaitable<Action> NodeReconciler::reconcile(Node& node)
{
    const auto key = key_of(node);
    const auto member = observed_.node(key.name);
    if (!member) {
        // Observed never believes a list without nodes, so this one has really left.
        auto forget = [key](Txn& txn) {
            txn.remove<NodeReport>(key);
            txn.remove<Node>(key);
        };
        co_await store_.transact(std::move(forget));
        co_return Action::wait();
    }
    const auto report = store_.get<NodeReport>(key);
    node.status = node_status(std::move(node.status), *member, report, settings_.agent_stale, clock_.now());
    if (!node.status.lastHeartbeat) co_return Action::wait();
    const auto stale_at = *node.status.lastHeartbeat + settings_.agent_stale;
    if (clock_.now() >= stale_at) co_return Action::wait();
    co_return Action::again(std::chrono::duration_cast<Duration>(stale_at - clock_.now()));
}

awaitable<Action> NodeReconciler::missing(Key key)
{
    if (key.org != kNodeOrg || !observed_.node(key.name)) co_return Action::wait();
    co_await make_missing<Node>(store_, std::move(key));
    co_return Action::again(Duration{0});
}

} // namespace berth
