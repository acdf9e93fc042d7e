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
    bool operator==(const ContainerReport&) const = default;
};
BOOST_DESCRIBE_STRUCT(
    ContainerReport, (), (state, id, incarnation, exitCode, oomKilled, startedAt, finishedAt, address))

struct WorkspaceReportSpec {
    static constexpr KindInfo kind{"WorkspaceReport", "workspacereports"};
    std::string workspaceUid;
    std::string nodeId;
    std::string nodeName;
    std::optional<Time> reportedAt;
    ContainerReport container;
    bool filesVolume = false;   ///< berth-ws-<id> exists on the node
    bool controlVolume = false; ///< berth-run-<id> exists on the node
    bool restored = false;      ///< the restore is complete: uploads may happen
    bool controlReady = false;  ///< /run/berth holds the environment and the VNC password
    Health health;
    SyncStatus sync;
    std::optional<ResourceUsage> resourceUsage;
    std::optional<Time> lastActivity;
    bool operator==(const WorkspaceReportSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(WorkspaceReportSpec, (),
    (workspaceUid, nodeId, nodeName, reportedAt, container, filesVolume, controlVolume, restored, controlReady,
        health, sync, resourceUsage, lastActivity))

using WorkspaceReport = Object<WorkspaceReportSpec, RecordStatus>;

} // namespace berth
