#pragma once
// WorkspaceReport: what one node sees of one workspace. Its name is the workspace's; its spec is written by the
// node agent only (role `node`), read by WorkspaceReconciler, and it goes away with its owner, the workspace.

#include "api/types/workspace.hpp"

namespace berth {

enum class ContainerState { absent, created, running, exited };
BOOST_DESCRIBE_ENUM(ContainerState, absent, created, running, exited)

struct ContainerReport {
    ContainerState state = ContainerState::absent;
    std::string id;
    std::int64_t incarnation = 0; ///< from the container's label: which start of the workspace it belongs to
    std::int64_t exitCode = 0;
    bool oomKilled = false;
    std::optional<Time> startedAt;
    std::optional<Time> finishedAt;
    std::string address; ///< on the edge network
    std::int64_t oomKills = 0; ///< processes that the kernel ended for want of memory, as the engine told
    std::optional<Time> lastOomAt;
    bool operator==(const ContainerReport&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    ContainerReport, (), (state, id, incarnation, exitCode, oomKilled, startedAt, finishedAt, address, oomKills, lastOomAt))

struct WorkspaceReportSpec {
    static constexpr KindInfo kind{"WorkspaceReport", "workspacereports"};
    std::string workspaceUid;
    std::string nodeId;
    std::string nodeName;
    std::optional<Time> reportedAt;
    ContainerReport container;
    bool filesVolume = false;   ///< berth-ws-<id> exists on the node
    bool controlVolume = false; ///< berth-run-<id> exists on the node
    /// The status.endedIncarnation that was known before the engine was listed completely: what is absent here of that
    /// incarnation never comes any more.
    std::int64_t listedEnd = 0;
    bool restored = false;      ///< the restore is complete: uploads may happen
    bool controlReady = false;  ///< /run/berth holds the environment and the VNC password
    bool isolated = false;      ///< the present container's network filter is in force
    std::string isolationProblem; ///< why it is not, once it was tried
    std::int64_t observedClaim = 0; ///< the spec.claim whose files, environment and password are in the container
    SyncRequests observedRequests;
    std::vector<ActivitySignal> activity;
    Health health;
    SyncStatus sync;
    std::optional<ResourceUsage> resourceUsage;
    std::optional<Time> lastActivity;
    bool operator==(const WorkspaceReportSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(WorkspaceReportSpec, (),
    (workspaceUid, nodeId, nodeName, reportedAt, container, filesVolume, controlVolume, listedEnd, restored, controlReady,
        isolated, isolationProblem, observedClaim, observedRequests, activity, health, sync, resourceUsage,
        lastActivity))

using WorkspaceReport = Object<WorkspaceReportSpec, RecordStatus>;

BERTH_JSON_EXTERN(WorkspaceReportSpec)
BERTH_JSON_EXTERN(WorkspaceReport)

} // namespace berth
