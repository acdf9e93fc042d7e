#include "reconcilers/workspace_plan.hpp"

#include "reconcilers/workspace_decider.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::size_t kHistory = 20;
constexpr Duration kSoon{100};

bool has_any(const std::string& text, std::initializer_list<std::string_view> parts)
{
    std::string lower(text);
    std::transform(
        lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return std::any_of(parts.begin(), parts.end(),
        [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

std::string where(const WorkspaceStatus& status)
{
    return status.nodeName.empty() ? status.nodeId : status.nodeName;
}

} // namespace

Plan decide(const Workspace& workspace, const Seen& seen, const LifeLimits& limits, Time now)
{
    return WorkspaceDecider{workspace, seen, limits, now}.decide();
}

std::string task_problem(const std::string& message)
{
    if (has_any(message, {"no such image", "pull access denied", "manifest unknown", "not found: manifest",
                             "repository does not exist", "image not known"}))
        return "ImageMissing";
    if (has_any(
            message, {"no suitable node", "insufficient resources", "scheduling constraints not satisfied"}))
        return "NoNodeFits";
    return "TaskRejected";
}

std::string sync_problem(const std::string& message)
{
    if (has_any(message, {"403", "forbidden", "accessdenied", "access denied", "signaturedoesnotmatch",
                             "invalidaccesskey", "401"}))
        return "S3Denied";
    if (has_any(message, {"nosuchbucket", "404", "bucket not found", "directory not found"}))
        return "S3NotFound";
    return "S3Unavailable";
}

WorkspaceDecider::WorkspaceDecider(
    const Workspace& workspace, const Seen& seen, const LifeLimits& limits, Time now)
    : ws_(workspace),
      seen_(seen),
      limits_(limits),
      now_(now),
      st_(plan_.status)
{
    st_ = workspace.status;
}

Plan WorkspaceDecider::decide()
{
    take_over_report();
    if (wants_running())
        run();
    else
        stop();
    const bool live =
        st_.phase == Phase::starting || st_.phase == Phase::running || st_.phase == Phase::stopping;
    if (live && !plan_.next_look) look_again(limits_.safety_net);
    const bool ready = st_.phase == Phase::running || st_.phase == Phase::warm;
    const std::string_view phase = detail::enumerator_name(st_.phase);
    std::string reason(phase);
    reason.front() = char(std::toupper(static_cast<unsigned char>(reason.front())));
    set("Ready", ready, std::move(reason), st_.message);
    return std::move(plan_);
}

bool WorkspaceDecider::wants_running() const
{
    return ws_.spec.desiredState == DesiredState::running && !ws_.metadata.deletionTimestamp;
}

bool WorkspaceDecider::report_is_current() const
{
    return seen_.report && st_.incarnation > 0 && seen_.report->container.incarnation == st_.incarnation;
}

bool WorkspaceDecider::live_tasks() const
{
    return std::any_of(seen_.tasks.begin(), seen_.tasks.end(), [](const TaskFacts& task) {
        return task.stage != TaskStage::ended && task.stage != TaskStage::refused;
    });
}

Time WorkspaceDecider::entered(Phase phase) const
{
    for (auto change = st_.history.rbegin(); change != st_.history.rend(); ++change)
        if (change->phase == phase && change->at) return *change->at;
    return ws_.metadata.creationTimestamp.value_or(now_);
}

void WorkspaceDecider::set(std::string_view type, bool value, std::string reason, std::string message)
{
    Condition condition;
    condition.type = type;
    condition.status = value ? ConditionStatus::True : ConditionStatus::False;
    condition.reason = std::move(reason);
    condition.message = std::move(message);
    condition.observedGeneration = ws_.metadata.generation;
    set_condition(st_.conditions, std::move(condition), now_);
}

void WorkspaceDecider::enter(Phase phase, std::string reason, std::string message)
{
    st_.phase = phase;
    st_.message = std::move(message);
    st_.history.push_back({phase, std::move(reason), now_});
    if (st_.history.size() > kHistory) st_.history.erase(st_.history.begin());
}

void WorkspaceDecider::look_again(Duration after) { plan_.next_look = std::max(after, Duration{0}); }

void WorkspaceDecider::watch_closely(Duration after)
{
    plan_.in_transition = true;
    look_again(after);
}

void WorkspaceDecider::remove_service()
{
    plan_.step = Step::Remove;
    plan_.service_id = seen_.service->id;
    watch_closely(kSoon);
}

void WorkspaceDecider::take_over_report()
{
    locate_files();
    const bool current = report_is_current();
    const bool up = current && seen_.report->container.state == ContainerState::running;
    const bool serves =
        st_.phase == Phase::starting || st_.phase == Phase::running || st_.phase == Phase::warm;
    st_.address = up && serves ? seen_.report->container.address : "";
    st_.health = up ? seen_.report->health : Health{};
    st_.resourceUsage = up ? seen_.report->resourceUsage : std::nullopt;
    if (seen_.report && seen_.report->lastActivity) st_.lastActivity = seen_.report->lastActivity;
    take_over_sync();
}

void WorkspaceDecider::take_over_sync()
{
    if (!seen_.report || st_.phase == Phase::stopped) return;
    // A final receipt is taken over by accept_receipt() only: it lets the agent remove the files.
    auto receipt = st_.sync.receipt;
    st_.sync = seen_.report->sync;
    const auto& reported = seen_.report->sync.receipt;
    st_.sync.receipt = reported && !reported->final ? reported : receipt;
}

/// Files are where a report says so; before the first report, where the task's container was made. A task
/// that is only on its way there may still be refused, and its successor go elsewhere.
void WorkspaceDecider::locate_files()
{
    if (seen_.report && !seen_.report->nodeId.empty()) {
        const auto& report = *seen_.report;
        const bool container = report_is_current() && (report.container.state == ContainerState::created ||
                                                          report.container.state == ContainerState::running);
        // What an old report says of volumes is no news for a workspace that has been cleaned up;
        // stay_stopped looks.
        const bool files = report.filesVolume && st_.phase != Phase::stopped;
        if (container || (files && (st_.nodeId.empty() || st_.nodeId == report.nodeId))) {
            st_.nodeId = report.nodeId;
            st_.nodeName = report.nodeName;
        }
    }
    const bool live =
        st_.phase == Phase::starting || st_.phase == Phase::running || st_.phase == Phase::stopping;
    if (live) pin_to_task({TaskStage::running, TaskStage::ended});
}

void WorkspaceDecider::pin_to_task(std::initializer_list<TaskStage> stages)
{
    if (!st_.nodeId.empty()) return;
    for (const auto& task : seen_.tasks) {
        const bool fits = std::find(stages.begin(), stages.end(), task.stage) != stages.end();
        if (task.incarnation == st_.incarnation && fits && !task.node_id.empty()) st_.nodeId = task.node_id;
    }
}

// --- towards stopped ---

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
