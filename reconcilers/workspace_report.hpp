#pragma once
// What the agents have said of a workspace, and how new that is.

#include "api/types/node.hpp"
#include "api/types/workspace_report.hpp"
#include "storage/txn.hpp"

namespace berth {

struct Told {
    std::optional<WorkspaceReportSpec> report;
    std::string node_id;               ///< where its files are or its container is; empty: nowhere yet
    std::optional<Time> agent_seen_at; ///< the last word of the agent there
};

/// A report that its node vouches for (NodeReportSpec::unchanged) is as new as the node's own. One of an earlier
/// workspace of the same name says nothing. `reader` is a Store or a Txn; no waiting.
template <class Reader> Told told_of(Reader& reader, const Workspace& workspace)
{
    Told told;
    if (auto stored = reader.template get<WorkspaceReport>(key_of(workspace)))
        if (stored->spec.workspaceUid == workspace.metadata.uid) told.report = std::move(stored->spec);
    told.node_id = workspace.status.nodeId;
    if (told.node_id.empty() && told.report) told.node_id = told.report->nodeId;
    if (told.node_id.empty()) return told;
    const auto node = reader.template get<NodeReport>({"default", told.node_id});
    if (!node) return told;
    told.agent_seen_at = node->spec.reportedAt;
    if (!told.report || told.report->nodeId != told.node_id || !told.agent_seen_at) return told;
    auto& at = told.report->reportedAt;
    const auto vouched = node->spec.unchanged.find(workspace.metadata.uid);
    if (at && vouched != node->spec.unchanged.end() && vouched->second == *at)
        at = std::max(*at, *told.agent_seen_at);
    return told;
}

} // namespace berth
