#pragma once
// Node: a machine of the Swarm, as Docker and its agent see it. Made and kept by NodeReconciler.
// NodeReport: the agent's half, written by the agent only (role `node`), and its heartbeat. Both are named after the
// Swarm node id.

#include "api/types/meta.hpp"

namespace berth {

enum class NodeRole { manager, worker };
BOOST_DESCRIBE_ENUM(NodeRole, manager, worker)
enum class NodeAvailability { active, pause, drain };
BOOST_DESCRIBE_ENUM(NodeAvailability, active, pause, drain)

struct MachineUsage {
    double cpuCores = 0;
    double cpuUsed = 0; ///< cores busy
    std::int64_t memoryTotal = 0;
    std::int64_t memoryUsed = 0;
    std::int64_t diskTotal = 0;
    std::int64_t diskUsed = 0; ///< of the file system that holds the volumes
    std::int64_t containersRunning = 0;
    std::int64_t containersTotal = 0;
    bool operator==(const MachineUsage&) const = default;
};
BOOST_DESCRIBE_STRUCT(MachineUsage, (),
    (cpuCores, cpuUsed, memoryTotal, memoryUsed, diskTotal, diskUsed, containersRunning, containersTotal))

struct NodeReportSpec {
    static constexpr KindInfo kind{"NodeReport", "nodereports"};
    std::string nodeId;
    std::string hostname;
    std::string agentVersion;
    std::string engineVersion;
    std::optional<Time> reportedAt;
    MachineUsage usage;
    std::vector<std::string> addresses; ///< of the machine's own interfaces, sorted; no workspace may reach them
    /// By the uid of a workspace: the reportedAt of its last report, for each of which that report is still true.
    std::map<std::string, Time> unchanged;
    bool operator==(const NodeReportSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    NodeReportSpec, (), (nodeId, hostname, agentVersion, engineVersion, reportedAt, usage, addresses, unchanged))
using NodeReport = Object<NodeReportSpec, RecordStatus>;

struct NodeSpec {
    static constexpr KindInfo kind{"Node", "nodes"};
    bool operator==(const NodeSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(NodeSpec, (), ())

struct NodeStatus {
    std::int64_t observedGeneration = 0;
    Conditions conditions; ///< Ready (Docker's view and a fresh agent), AgentReady
    std::string hostname;
    std::string address;
    NodeRole role = NodeRole::worker;
    NodeAvailability availability = NodeAvailability::active;
    std::string state; ///< Docker's word: ready, down, unknown, disconnected
    std::string engineVersion;
    std::string agentVersion;
    std::optional<Time> lastHeartbeat;
    double cpuCores = 0;
    std::int64_t memoryBytes = 0;
    std::optional<MachineUsage> usage;
    bool operator==(const NodeStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(NodeStatus, (),
    (observedGeneration, conditions, hostname, address, role, availability, state, engineVersion, agentVersion,
        lastHeartbeat, cpuCores, memoryBytes, usage))
using Node = Object<NodeSpec, NodeStatus>;

BERTH_JSON_EXTERN(NodeReportSpec)
BERTH_JSON_EXTERN(NodeReport)
BERTH_JSON_EXTERN(NodeStatus)
BERTH_JSON_EXTERN(Node)

} // namespace berth
