// What a node's agent knows of slots and their claims. A claim needs no step of its own: the spec has another
// source, environment and password than before, so the control volume is written and the files are restored
// as at any start.

#include "node/control_volume.hpp"
#include "node/workspace_agent.hpp"

namespace berth {

bool WorkspaceAgent::control_is_current() const
{
    return control_written_ == control_hash(control_files(workspace_, parts_.config.s3_access_key));
}

/// The claim is in the container: files, environment, password.
std::int64_t WorkspaceAgent::observed_claim() const
{
    const bool done = !is_slot(workspace_) && restored_ && control_is_current();
    return done ? workspace_.spec.claim : 0;
}

/// This node stayed silent when its slot was claimed, and the user got another container elsewhere.
bool WorkspaceAgent::abandoned() const
{
    const auto& status = workspace_.status;
    const bool moved = status.claimedIncarnation > 0 && status.incarnation > status.claimedIncarnation;
    return moved && !restored_ && !status.nodeId.empty() && status.nodeId != parts_.node_id;
}

bool WorkspaceAgent::has_a_say() const
{
    return speaks_for(workspace_.status, local_.container, parts_.node_id);
}

bool speaks_for(const WorkspaceStatus& status, const ContainerReport& here, const std::string& node_id)
{
    if (status.nodeId.empty() || status.nodeId == node_id) return true;
    return here.state != ContainerState::absent && here.incarnation >= status.incarnation;
}

} // namespace berth
