#pragma once
// What the agent does next for one workspace: a pure function of what is wanted and what is there. Any
// thread.

#include "api/types/workspace_report.hpp"

#include <optional>
#include <string>

namespace berth {

/// What is known of one workspace on this node at a moment.
struct NodeView {
    // What is wanted, from the API.
    bool known = false; ///< the API has told of the workspace (false: it is away, or the object is gone)
    bool wanted = true; ///< desiredState is running and it is not being deleted
    bool force = false; ///< forceStop: the files may be given up
    bool slot = false;  ///< nobody's workspace yet: there are no files, and nothing goes to S3
    /// Lives elsewhere since this node did not take its claim: what is here is of nobody.
    bool abandoned = false;
    std::string confirmed_receipt; ///< manifest hash of the final receipt that the controller stored, if any

    // What is there.
    ContainerState container = ContainerState::absent;
    /// None was seen of the present start, and nobody has said yet that none can come: "absent" may be what an old
    /// list shows.
    bool container_may_come = false;
    bool files_volume = false;
    bool control_volume = false;
    bool leftovers = false; ///< a journal on this node's disk

    // How far the files are.
    bool restored = false;
    bool control_current = false; ///< the control volume holds what the spec says
    std::string final_receipt;    ///< manifest hash of our own final receipt, if taken

    // Time, as monotonic ticks.
    Tick now{};
    Tick sync_due{};    ///< when the next round shall run
    Tick retry_after{}; ///< after a failure: nothing that can fail before this
};

enum class NodeStep { Wait, WriteControl, Restore, Sync, FinalSync, RemoveVolumes, Forget };
const char* to_string(NodeStep step) noexcept;

struct NodeAction {
    NodeStep step = NodeStep::Wait;
    std::optional<Tick> until; ///< for Wait: look again at this tick at the latest
    bool operator==(const NodeAction&) const = default;
};

NodeAction decide(const NodeView& view);

/// How long to wait before failure number `failures` (from 1) is tried again, without jitter.
Duration retry_delay(int failures);

} // namespace berth
