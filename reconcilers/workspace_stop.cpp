// The half of WorkspaceDecider that leads to stopped: files are given up only for a receipt that stands for them,
// for the proof that there are none, or by force.

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
        for (auto type : {condition::kRouted, condition::kHealthy, condition::kFailed, condition::kPlaced})
            remove_condition(st_.conditions, type);
        enter(Phase::stopping, st_.shutdownReason, "stopping; the files are being saved");
    }
    pin_to_task(
        {TaskStage::placed}); // it may get its container, and so its volume, before it hears of the end
    if (seen_.service && seen_.service->ours) return remove_service();
    remove_condition(st_.conditions, condition::kNameTaken);
    st_.serviceName.clear();
    const bool node_lost = !st_.nodeId.empty() && (!seen_.node_known || !seen_.node_up);
    if (live_tasks() && !node_lost) {
        st_.message = "waiting for the container to end";
        return watch_closely(Duration{500});
    }
    if (st_.nodeId.empty()) return stopped("stopped; it never had files of its own on a node");
    confirm_files();
}

void WorkspaceDecider::stay_stopped()
{
    plan_.finished = true;
    if (seen_.service && seen_.service->ours) {
        plan_.finished = false;
        return remove_service();
    }
    const auto& report = seen_.report;
    if (st_.phase == Phase::stopped && report && (report->filesVolume || report->controlVolume)) {
        plan_.finished = false;
        st_.nodeId = report->nodeId;
        st_.nodeName = report->nodeName;
        st_.sync.receipt.reset();
        enter(Phase::stopping, "FilesFound", "files were found on node " + where(st_));
        look_again(Duration{0});
    }
}

/// Whether the report was made by an agent that knew of the last container, or after it had been told to end.
bool WorkspaceDecider::report_is_causal() const
{
    if (!seen_.report) return false;
    const auto& reported = seen_.report->reportedAt;
    return report_is_current() || (reported && *reported >= entered(Phase::stopping));
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
    const bool fresh = report.reportedAt && now_ - *report.reportedAt < limits_.agent_stale;
    const bool settled = fresh && now_ - entered(Phase::stopping) >= limits_.at_risk_after;
    if (!report_is_current() && !later && !settled) return false;
    st_.sync.receipt = receipt;
    set(condition::kFilesSafe, true, "FinalSync", std::to_string(receipt.files) + " files are in the bucket");
    remove_condition(st_.conditions, condition::kDataAtRisk);
    return true;
}

void WorkspaceDecider::confirm_files()
{
    const bool waited_for_agent =
        seen_.agent_seen_at && *seen_.agent_seen_at >= entered(Phase::stopping) + limits_.agent_settles;
    accept_receipt();
    const bool safe = st_.sync.receipt && st_.sync.receipt->final;
    if (safe && volumes_gone()) return stopped("stopped; all files are in the bucket");
    if (ws_.spec.forceStop) {
        const bool cleaned = volumes_gone() && report_is_causal();
        const bool given_up = !seen_.node_known || now_ - entered(Phase::stopping) >= limits_.force_wait;
        if (cleaned || given_up) return stopped("stopped by force; unsaved files were given up");
    }
    if (!safe && (volumes_gone() || !seen_.report) && waited_for_agent)
        return stopped("stopped; there were no files on the node");
    if (!safe && volumes_gone() && report_is_current() && !seen_.report->restored)
        return stopped("stopped before it had any files");
    st_.message = safe ? "all files are in the bucket; waiting for the node to clean up"
                       : "saving the files from node " + where(st_);
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
    st_.message = find_condition(st_.conditions, condition::kDataAtRisk)->message;
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
}

} // namespace berth
