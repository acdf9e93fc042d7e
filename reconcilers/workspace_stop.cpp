// The half of WorkspaceDecider that leads to stopped: files are given up only for a receipt that stands for
// them, for the proof that there are none, or by force.

#include "controller/base/planted.hpp"
#include "reconcilers/workspace_decider.hpp"

#include <algorithm>

namespace berth {

namespace {

std::string where(const WorkspaceStatus& status)
{
    return status.nodeName.empty() ? status.nodeId : status.nodeName;
}

} // namespace

void WorkspaceDecider::stop()
{
    if (st_.phase == Phase::stopped || st_.phase == Phase::archived) return stay_stopped();
    if (st_.phase != Phase::stopping) {
        st_.shutdownReason = ws_.spec.stopReason.empty() ? "manual" : ws_.spec.stopReason;
        st_.address.clear();
        for (auto type : {condition::kRouted, condition::kHealthy, condition::kFailed, condition::kPlaced,
                 condition::kMemoryPressure})
            remove_condition(st_.conditions, type);
        enter(Phase::stopping, st_.shutdownReason, "stopping; the files are being saved");
    }
    pin_to_task(
        {TaskStage::placed}); // it may get its container, and so its volume, before it hears of the end
    const bool to_remove = seen_.service && seen_.service->ours;
    if (to_remove && !planted("workspace.service-stays")) return remove_service("Stopping");
    remove_condition(st_.conditions, condition::kNameTaken);
    st_.serviceName.clear();
    if (!live_tasks())
        st_.endedIncarnation = st_.incarnation; // told to the agent, whose next list then is the last word
    else if (!node_lost())
        return wait_for_end();
    if (st_.nodeId.empty()) return stopped("stopped; it never had files of its own on a node");
    if (is_slot()) return end_slot();
    confirm_files();
}

void WorkspaceDecider::wait_for_end()
{
    because_ = "ContainerEnding";
    st_.message = "waiting for the container to end";
    if (now_ - entered(Phase::stopping) < limits_.at_risk_after) return watch_closely(Duration{500});
    set(condition::kDataAtRisk, true, "ContainerStuck",
        "the container on node " + where(st_) + " does not end; its files are saved when it has");
    st_.message = find_condition(st_.conditions, condition::kDataAtRisk)->message;
    look_again(std::chrono::seconds{5});
}

void WorkspaceDecider::stay_stopped()
{
    plan_.finished = true;
    if (seen_.service && seen_.service->ours) {
        plan_.finished = false;
        return remove_service("LeftBehind");
    }
    // Given up by force means given up: the agent removes them when its node is back.
    const auto& report = seen_.report;
    const bool files = report && (report->filesVolume || report->controlVolume);
    if (files && !ws_.spec.forceStop && !planted("workspace.found-files-ignored")) {
        plan_.finished = false;
        st_.nodeId = report->nodeId;
        st_.nodeName = report->nodeName;
        st_.sync.receipt.reset();
        enter(Phase::stopping, "FilesFound", "files were found on node " + where(st_));
        return look_again(Duration{0});
    }
    archive_in_time();
}

/// What is of interest only to somebody who looks into a stop of today goes; who it was, and where its files
/// are, stays.
void WorkspaceDecider::archive_in_time()
{
    if (st_.phase != Phase::stopped || ws_.metadata.deletionTimestamp) return;
    const Time due = st_.stoppedAt.value_or(entered(Phase::stopped)) + limits_.archive_after;
    if (now_ < due) return look_again(std::chrono::duration_cast<Duration>(due - now_));
    st_.decisions.clear();
    st_.activity.reset();
    st_.sync.message.clear();
    plan_.archived = true;
    enter(Phase::archived, "Archived", "archived");
}

/// Whether the agent has listed everything after it was told that no task of this workspace is left: what
/// that list did not show can't come any more. Holds whatever the clocks say.
bool WorkspaceDecider::nothing_can_come() const
{
    if (planted("workspace.absence-is-proof")) return true;
    return seen_.report && st_.endedIncarnation == st_.incarnation &&
           seen_.report->listedEnd == st_.incarnation;
}

bool WorkspaceDecider::volumes_gone() const
{
    const auto& report = seen_.report;
    if (!report || report->filesVolume || report->controlVolume) return false;
    return report->container.state == ContainerState::absent ||
           report->container.state == ContainerState::exited;
}

/// An old final receipt must not stand for files that a later container has written: it is of this container,
/// or was taken after this start. An agent with a slow clock gets a minute to say it once more; it removes
/// nothing itself unless the receipt is of the present incarnation.
bool WorkspaceDecider::accept_receipt()
{
    if (!seen_.report || !seen_.report->sync.receipt || !seen_.report->sync.receipt->final) return false;
    const auto& report = *seen_.report;
    const auto& receipt = *report.sync.receipt;
    const bool later = receipt.at && *receipt.at >= entered(Phase::starting);
    const bool fresh = recent(report.reportedAt);
    const bool settled = fresh && now_ - entered(Phase::stopping) >= limits_.at_risk_after;
    const bool stands = report_is_current() || later || settled || planted("workspace.any-receipt-counts");
    if (!stands) return false;
    const auto& stored = st_.sync.receipt;
    const bool known = stored && stored->final && stored->manifestHash == receipt.manifestHash &&
                       find_condition(st_.conditions, condition::kFilesSafe);
    st_.sync.receipt = receipt;
    remove_condition(st_.conditions, condition::kDataAtRisk);
    if (known) return true; // an agent that has cleaned up says it once more
    keep_receipt(receipt);
    if (report.restored)
        set(condition::kFilesSafe, true, "FinalSync",
            std::to_string(receipt.files) + " files are in the bucket");
    else
        set(condition::kFilesSafe, true, "NothingToSave",
            "nothing was written on the node; what is in the bucket was not touched");
    return true;
}

void WorkspaceDecider::confirm_files()
{
    accept_receipt();
    const bool safe = st_.sync.receipt && st_.sync.receipt->final;
    if (safe && volumes_gone()) return stopped("stopped; all files are in the bucket");
    if (ws_.spec.forceStop) {
        const bool cleaned = volumes_gone() && nothing_can_come();
        // Once a deleted object is gone nobody tells the agent to clean up: one that lives is waited for.
        const bool deaf = node_lost() || !recent(seen_.agent_seen_at);
        const bool waited = now_ - entered(Phase::stopping) >= limits_.force_wait;
        const bool given_up = !seen_.node_known || (waited && (deaf || !ws_.metadata.deletionTimestamp));
        if (cleaned || given_up) return stopped("stopped by force; unsaved files were given up");
    }
    if (!safe && volumes_gone() && nothing_can_come())
        return stopped("stopped; there were no files on the node");
    st_.message = safe ? "all files are in the bucket; waiting for the node to clean up"
                       : "saving the files from node " + where(st_);
    because_ = safe ? "CleaningUp" : "SavingFiles";
    if (!safe) report_risk();
    look_again(std::min(limits_.safety_net, std::chrono::duration_cast<Duration>(std::chrono::seconds{5})));
}

void WorkspaceDecider::report_risk()
{
    const std::string node = where(st_);
    const auto state = st_.sync.state;
    if (!seen_.node_known || !seen_.node_up) {
        set(condition::kDataAtRisk, true, seen_.node_known ? "NodeDown" : "NodeGone",
            "unsaved files are on node " + node + ", which can't be reached; they are kept there");
    } else if (seen_.report && (state == SyncState::failing || state == SyncState::held)) {
        set(condition::kDataAtRisk, true,
            state == SyncState::held ? "SyncHeld" : sync_problem(st_.sync.message),
            "files on node " + node + " are not saved yet: " + st_.sync.message);
    } else if (now_ - entered(Phase::stopping) >= limits_.at_risk_after) {
        set(condition::kDataAtRisk, true, "Unconfirmed",
            "node " + node + " has not confirmed that the files are saved");
    } else {
        return;
    }
    set(condition::kFilesSafe, false, "Unconfirmed", "the files are kept on node " + node);
    const auto* risk = find_condition(st_.conditions, condition::kDataAtRisk);
    st_.message = risk->message;
    because_ = risk->reason;
}

void WorkspaceDecider::stopped(std::string message)
{
    const std::string reason = st_.shutdownReason.empty() ? "manual" : st_.shutdownReason;
    for (auto type : {condition::kDataAtRisk, condition::kHealthy, condition::kRouted, condition::kPlaced})
        remove_condition(st_.conditions, type);
    st_.stoppedAt = now_;
    st_.nodeId.clear();
    st_.nodeName.clear();
    st_.address.clear();
    st_.serviceName.clear();
    st_.health = {};
    st_.resourceUsage.reset();
    if (st_.sync.receipt && st_.sync.receipt->final)
        st_.sync.state = SyncState::complete;
    else
        remove_condition(st_.conditions, condition::kFilesSafe); // there were none
    enter(Phase::stopped, reason, std::move(message));
    plan_.finished = true;
    plan_.in_transition = false;
    plan_.next_look.reset();
    archive_in_time();
}

} // namespace berth
