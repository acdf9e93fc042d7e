#pragma once
// /api/dashboard (W7): what an overview page shows, in one call each, and its buttons. Looking at it is no use of a
// workspace: only signs from inside count (W29). Its lines of output are Logs' (GET /api/dashboard/logs).

#include "api/actions/containers.hpp"
#include "api/actions/usage.hpp"

namespace berth {

struct PoolSummary {
    std::string name;
    std::int64_t wanted = 0;
    std::int64_t ready = 0;
    std::int64_t starting = 0;
    bool degraded = false;
    std::string message;
};
BOOST_DESCRIBE_STRUCT(PoolSummary, (), (name, wanted, ready, starting, degraded, message))

/// A container that needs somebody's attention.
struct TroubledContainer {
    std::string id;
    ContainerStatus status = ContainerStatus::failed;
    std::string reason;
    std::string message;
    static constexpr std::array docs{std::pair{"reason", "why it failed, or a condition: DataAtRisk, MemoryPressure, …"}};
};
BOOST_DESCRIBE_STRUCT(TroubledContainer, (), (id, status, reason, message))

struct StatusCounts {
    std::int64_t starting = 0;
    std::int64_t running = 0;
    std::int64_t stopping = 0;
    std::int64_t stopped = 0;
    std::int64_t failed = 0;
    std::int64_t total = 0;
    static constexpr std::array docs{std::pair{"total", "without archived ones and slots of pools"}};
};
BOOST_DESCRIBE_STRUCT(StatusCounts, (), (starting, running, stopping, stopped, failed, total))

struct DashboardOverview {
    Time at{};
    StatusCounts containers;
    ClusterUse cluster;
    std::vector<PoolSummary> pools;
    std::vector<TroubledContainer> trouble;
    static constexpr std::array docs{std::pair{"trouble", "at most 50 containers"}};
};
BOOST_DESCRIBE_STRUCT(DashboardOverview, (), (at, containers, cluster, pools, trouble))

struct DashboardNode {
    std::string id;
    std::string hostname;
    NodeRole role = NodeRole::worker;
    NodeAvailability availability = NodeAvailability::active;
    std::string state;
    bool ready = false;
    std::string message;
    std::string agentVersion;
    std::string engineVersion;
    std::optional<Time> lastHeartbeat;
    std::optional<MachineUsage> usage;
    std::int64_t workspaces = 0;
    static constexpr std::array docs{std::pair{"state", "Docker's word"}, std::pair{"message", "why it is not ready"},
        std::pair{"usage", "missing while its agent is silent"}};
};
BOOST_DESCRIBE_STRUCT(DashboardNode, (),
    (id, hostname, role, availability, state, ready, message, agentVersion, engineVersion, lastHeartbeat, usage, workspaces))

struct DashboardNodes {
    std::vector<DashboardNode> nodes;
};
BOOST_DESCRIBE_STRUCT(DashboardNodes, (), (nodes))

enum class ContainerVerb { start, stop, restart, delete_ };
BOOST_DESCRIBE_ENUM(ContainerVerb, start, stop, restart, delete_)

struct ActionRequest {
    ContainerVerb action = ContainerVerb::start;
    static constexpr std::array required{"action"};
    static constexpr std::array docs{
        std::pair{"action", "delete: the files go to S3 once more, then nothing of it is left, the object included"}};
};
BOOST_DESCRIBE_STRUCT(ActionRequest, (), (action))

/// Owned by main, outlives the server; I/O thread. Everything that it refers to outlives it.
class Dashboard {
public:
    Dashboard(const Store& store, const WorkspaceCache& workspaces, const UsageAction& usage, Containers& containers);

    void mount(Router& router);

private:
    awaitable<DashboardOverview> overview(Call call);
    awaitable<DashboardNodes> nodes(Call call);
    awaitable<Answer<ContainerView>> act(Call call, ActionRequest request);

    const Store& store_;
    const WorkspaceCache& workspaces_;
    const UsageAction& usage_;
    Containers& containers_;
};

} // namespace berth
