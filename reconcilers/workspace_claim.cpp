// The part of WorkspaceDecider that is about slots of a warm pool and the users who get them. A slot ends in
// the phase `warm`. A claim changes nothing in Docker: the workspace is running at once, and its agent says
// when files, environment and password are in the container. Only an agent that stays silent costs it that
// container.

#include "api/types/warm_pool.hpp"
#include "reconcilers/workspace_decider.hpp"

#include <algorithm>

namespace berth {

namespace {

/// The agent has begun with the claim: a slot's files are complete, and it has no S3 to wait for.
bool works_on_claim(const WorkspaceReportSpec& report)
{
    return !report.restored || (report.sync.state != SyncState::waiting);
}

} // namespace

bool WorkspaceDecider::is_slot() const { return berth::is_slot(ws_); }

bool WorkspaceDecider::claim_is_open() const { return ws_.spec.claim > st_.observedClaim; }

void WorkspaceDecider::become_warm() { enter(Phase::warm, "Warm", "warm: waits for a user"); }

/// The API has given the slot to a user since the last look.
void WorkspaceDecider::take_claim()
{
    st_.claimedIncarnation = st_.incarnation;
    st_.startedAt = now_;
    st_.sync = {};
    set(condition::kClaimed, false, "Waiting", "the node has not said yet that it has heard of the claim");
    set(condition::kRestored, false, "Restoring", "restoring the files");
    enter(Phase::running, "Claimed", "running; the files are being restored");
}

/// True when the container was given up.
bool WorkspaceDecider::follow_claim()
{
    const bool current = report_is_current();
    if (current && seen_.report->observedClaim >= ws_.spec.claim) {
        st_.observedClaim = ws_.spec.claim;
        const bool moved = st_.incarnation != st_.claimedIncarnation;
        set(condition::kClaimed, true, moved ? "MovedToAnotherContainer" : "Acknowledged",
            moved ? "the container that was ready did not take the claim; this one was started for it" : "");
        set(condition::kRestored, true, "FilesAreThere");
        st_.message = "running";
        return false;
    }
    if (current && works_on_claim(*seen_.report)) {
        const bool failing = seen_.report->sync.state == SyncState::failing;
        const auto reason = failing ? sync_problem(seen_.report->sync.message) : "Restoring";
        st_.message = failing ? "running; the files can't be restored: " + seen_.report->sync.message
                              : "running; the files are being restored";
        set(condition::kClaimed, false, reason, st_.message);
        set(condition::kRestored, false, reason, st_.message);
        return false;
    }
    // Once it has begun, the user's files and what became of them are there: the container stays.
    const auto* claimed = find_condition(st_.conditions, condition::kClaimed);
    const bool unheard = !claimed || claimed->reason == "Waiting";
    if (st_.incarnation != st_.claimedIncarnation || !unheard) return false;
    const auto since = std::max(entered(Phase::running), seen_.watching_since);
    if (now_ - since >= limits_.claim_deadline) {
        give_up_slot();
        return true;
    }
    look_again(limits_.claim_deadline - std::chrono::duration_cast<Duration>(now_ - since));
    return false;
}

/// Nothing of the user's has reached that container, so the next one may be anywhere.
void WorkspaceDecider::give_up_slot()
{
    const std::string node = st_.nodeName.empty() ? st_.nodeId : st_.nodeName;
    const std::string message =
        "node " + node + " did not take the claim in time; starting in another container instead";
    replace("ClaimUnanswered", message);
    st_.nodeId.clear();
    st_.nodeName.clear();
    st_.startedAt.reset();
    set(condition::kClaimed, false, "Unanswered", message);
}

/// The report tells of a container that was given up with the claim unheard: its volume holds nothing of the
/// user's.
bool WorkspaceDecider::report_is_of_given_up_slot() const
{
    return seen_.report && st_.claimedIncarnation > 0 && st_.incarnation > st_.claimedIncarnation &&
           claim_is_open() && seen_.report->container.incarnation <= st_.claimedIncarnation &&
           seen_.report->observedClaim < ws_.spec.claim;
}

/// A slot has no files to save: it ends when its node has cleaned up, or is no more.
void WorkspaceDecider::end_slot()
{
    if (!seen_.node_known || (volumes_gone() && nothing_can_come()))
        return stopped("the unused slot is gone");
    because_ = "CleaningUp";
    st_.message = "waiting for the node to clean up";
    look_again(std::chrono::seconds{5});
}

} // namespace berth
