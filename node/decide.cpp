#include "node/decide.hpp"

#include "controller/base/planted.hpp"

#include <algorithm>

namespace berth {

namespace {

/// A step that can fail waits for its back-off.
NodeAction when_due(const NodeView& view, NodeStep step)
{
    if (view.now < view.retry_after) return {NodeStep::Wait, view.retry_after};
    return {step, std::nullopt};
}

/// Nothing here is anybody's.
NodeAction clean_up(const NodeView& view)
{
    if (view.container != ContainerState::absent) return {}; // it keeps its volumes in use
    if (view.files_volume || view.control_volume) return when_due(view, NodeStep::RemoveVolumes);
    return view.leftovers ? NodeAction{NodeStep::Forget, std::nullopt} : NodeAction{};
}

/// The workspace shall stop and nothing writes to its files any more.
NodeAction finish(const NodeView& view)
{
    if (view.slot) return clean_up(view);
    if (view.force) return when_due(view, NodeStep::RemoveVolumes);
    if (!view.files_volume)
        return view.control_volume ? when_due(view, NodeStep::RemoveVolumes)
               : view.leftovers    ? NodeAction{NodeStep::Forget, std::nullopt}
                                   : NodeAction{};
    const bool unsaved = view.final_receipt.empty() && !planted("agent.no-final-sync");
    if (unsaved && view.container_may_come) return {}; // what it writes would not be in what is called final
    if (unsaved) return when_due(view, NodeStep::FinalSync);
    // Only the controller's stored copy of exactly this receipt allows to remove the files (W28). An ended
    // container that still exists keeps the volumes in use.
    const bool confirmed =
        view.confirmed_receipt == view.final_receipt && view.container == ContainerState::absent;
    const bool may_go = confirmed || planted("agent.removes-unconfirmed");
    return may_go ? when_due(view, NodeStep::RemoveVolumes) : NodeAction{};
}

} // namespace

const char* to_string(NodeStep step) noexcept
{
    switch (step) {
    case NodeStep::Wait:
        return "wait";
    case NodeStep::WriteControl:
        return "write control volume";
    case NodeStep::Restore:
        return "restore";
    case NodeStep::Sync:
        return "sync";
    case NodeStep::FinalSync:
        return "final sync";
    case NodeStep::RemoveVolumes:
        return "remove volumes";
    case NodeStep::Forget:
        return "forget";
    }
    return "?";
}

NodeAction decide(const NodeView& view)
{
    // Without the object there are no credentials, and nobody to say that the files may go.
    if (!view.known) return {};
    const bool ended = view.container == ContainerState::absent || view.container == ContainerState::exited;
    if (view.abandoned && ended) return clean_up(view);
    if (!view.wanted && ended) {
        const bool nothing = !view.files_volume && !view.control_volume && !view.leftovers;
        return nothing ? NodeAction{} : finish(view);
    }
    if (view.control_volume && !view.control_current && !ended) return when_due(view, NodeStep::WriteControl);
    if (!view.files_volume || view.slot) return {};
    if (!view.restored) return when_due(view, NodeStep::Restore);
    const auto due = std::max(view.sync_due, view.retry_after);
    if (view.now < due) return {NodeStep::Wait, due};
    return {NodeStep::Sync, std::nullopt};
}

Duration retry_delay(int failures)
{
    constexpr Duration kFirst = std::chrono::seconds{1};
    constexpr Duration kLongest = std::chrono::seconds{30};
    return std::min<Duration>(kFirst * (1LL << std::clamp(failures - 1, 0, 10)), kLongest);
}

} // namespace berth
