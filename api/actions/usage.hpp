#pragma once
// GET /api/usage (W36): what workspaces, nodes and the cluster use, as the nodes measured it; the same as metrics.

#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"
#include "api/types/node.hpp"

#include <set>

namespace berth {

struct Metrics;

/// One live workspace. Without `cpu` and `memory` nothing has been measured yet, or the node is silent.
struct WorkspaceUse {
    std::string id;
    std::string status;
    std::string node;
    std::string owner;
    std::optional<double> cpu;
    std::optional<std::int64_t> memory;
    std::optional<double> memoryPercent;
    double cpuLimit = 0;
    std::int64_t memoryLimit = 0;
    static constexpr std::array docs{std::pair{"owner", "name of the key that it counts for"},
        std::pair{"cpu", "cores"}, std::pair{"memory", "bytes"}, std::pair{"memoryPercent", "of the limit"}};
};
BOOST_DESCRIBE_STRUCT(
    WorkspaceUse, (), (id, status, node, owner, cpu, memory, memoryPercent, cpuLimit, memoryLimit))

struct NodeUse {
    std::string id;
    std::string hostname;
    bool stale = true;
    std::optional<Time> measuredAt;
    std::optional<MachineUsage> usage;
    std::int64_t workspaces = 0;
    double workspaceCpu = 0;
    std::int64_t workspaceMemory = 0;
    static constexpr std::array docs{
        std::pair{"stale", "its agent has been silent for more than two minutes: what it uses is not known"},
        std::pair{"workspaces", "that have a container there"}, std::pair{"workspaceCpu", "cores, of these"},
        std::pair{"workspaceMemory", "bytes, of these"}};
};
BOOST_DESCRIBE_STRUCT(
    NodeUse, (), (id, hostname, stale, measuredAt, usage, workspaces, workspaceCpu, workspaceMemory))

struct ClusterUse {
    std::int64_t nodes = 0;
    std::int64_t staleNodes = 0;
    MachineUsage usage;
    std::int64_t workspaces = 0;
    double workspaceCpu = 0;
    std::int64_t workspaceMemory = 0;
    static constexpr std::array docs{std::pair{"staleNodes", "whose figures are not in the sums"},
        std::pair{"usage", "sums over the nodes that report"}};
};
BOOST_DESCRIBE_STRUCT(
    ClusterUse, (), (nodes, staleNodes, usage, workspaces, workspaceCpu, workspaceMemory))

struct UsageAnswer {
    Time at{};
    ClusterUse cluster;
    std::vector<NodeUse> nodes;
    std::vector<WorkspaceUse> workspaces;
};
BOOST_DESCRIBE_STRUCT(UsageAnswer, (), (at, cluster, nodes, workspaces))

/// Owned by main; I/O thread. What it refers to outlives it.
class UsageAction {
public:
    UsageAction(const Store& store, const WorkspaceCache& workspaces, const Clock& clock, Metrics& metrics);

    void mount(Router& router);
    awaitable<UsageAnswer> usage(Call call);
    UsageAnswer look() const;
    /// Brings the series of workspaces and nodes up to date: those that are gone or silent have none.
    void measure();

private:
    const Store& store_;
    const WorkspaceCache& workspaces_;
    const Clock& clock_;
    Metrics& metrics_;
    std::set<std::string> measured_workspaces_;
    std::set<std::string> measured_nodes_;
};

} // namespace berth
