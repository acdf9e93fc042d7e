// The half of WorkspaceDecider that leads to a running workspace, keeps it so, and gives up honestly.

#include "reconcilers/workspace_decider.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr Duration kAtOnce{0};
constexpr Duration kTick{500};

bool serves(const WorkspaceReportSpec& report)
{
    return report.container.state == ContainerState::running && report.restored &&
           report.health.status == HealthState::healthy && report.health.checks.codeServer &&
           report.health.checks.vnc;
}

} // namespace

bool wants_probe(const Workspace& workspace, const std::optional<WorkspaceReportSpec>& report)
{
    return workspace.status.phase == Phase::starting && !workspace.metadata.deletionTimestamp &&
           workspace.spec.desiredState == DesiredState::running && report &&
           workspace.status.incarnation > 0 &&
           report->container.incarnation == workspace.status.incarnation &&
           !report->container.address.empty() && serves(*report);
}

void WorkspaceDecider::run()
{
    switch (st_.phase) {
    case Phase::pending:
        return begin("Started");
    case Phase::stopped:
    case Phase::archived:
    case Phase::stopping:
        return begin("StartedAgain");
    case Phase::failed:
        return stay_failed();
    case Phase::warm:
    case Phase::starting:
    case Phase::running:
        return keep_running();
    }
}

/// A start that somebody asked for: nothing of the past counts against it. Files that are still on a node
/// stay there.
void WorkspaceDecider::begin(std::string reason)
{
    st_.crashReplacements = 0;
    st_.incidentRestarts = 0;
    st_.observedRestarts = ws_.spec.restarts;
    st_.shutdownReason.clear();
    st_.startedAt.reset();
    st_.stoppedAt.reset();
    st_.sync = {};
    for (auto type :
        {condition::kDataAtRisk, condition::kFilesSafe, condition::kFailed, condition::kNameTaken})
        remove_condition(st_.conditions, type);
    enter(Phase::starting, reason, "starting");
    replace(std::move(reason), "starting");
}

/// The next incarnation. Saved first: the reconciler creates nothing in this step.
void WorkspaceDecider::replace(std::string reason, std::string message)
{
    if (st_.phase != Phase::starting) enter(Phase::starting, std::move(reason), message);
    pin_to_task({TaskStage::placed});
    st_.message = std::move(message);
    ++st_.incarnation;
    st_.serviceName.clear();
    st_.address.clear();
    st_.health = {};
    st_.resourceUsage.reset();
    for (auto type : {condition::kPlaced, condition::kRestored, condition::kHealthy, condition::kRouted})
        remove_condition(st_.conditions, type);
    plan_.step = Step::None;
    watch_closely(kAtOnce);
}

void WorkspaceDecider::restart()
{
    st_.crashReplacements = 0;
    st_.incidentRestarts = 0;
    st_.observedRestarts = ws_.spec.restarts;
    enter(Phase::starting, "Restarted", "restarting on request");
    replace("Restarted", "restarting on request");
}

void WorkspaceDecider::keep_running()
{
    if (ws_.spec.restarts != st_.observedRestarts) return restart();
    if (!seen_.service) return without_service();
    const auto& service = *seen_.service;
    if (!service.ours) {
        set(condition::kNameTaken, true, "ForeignService",
            "a service named " + service_name(ws_.metadata.name) + " exists that this install did not make");
        st_.serviceName.clear();
        if (st_.phase == Phase::running) return replace("NameTaken", "its service was taken away");
        if (past_deadline()) return fail("NameTaken", "the name of its service is taken by a foreign one");
        st_.message = "the name of its service is taken";
        return look_again(std::chrono::seconds{5});
    }
    remove_condition(st_.conditions, condition::kNameTaken);
    if (!adopt(service)) return remove_service();
    if (service.altered) return replace("ChangedByHand", "its service was changed by somebody else");
    if (service.request_hash != seen_.request_hash && !seen_.obstacle)
        return replace("SpecChanged", "restarting with what was changed");
    follow_tasks();
}

void WorkspaceDecider::without_service()
{
    remove_condition(st_.conditions, condition::kNameTaken);
    if (!st_.serviceName.empty()) return replace("ServiceGone", "its service was removed by somebody else");
    if (past_deadline()) {
        const auto why = seen_.obstacle.value_or(why_not_running());
        return fail(why.reason, why.message);
    }
    if (live_tasks()) {
        st_.message = "waiting for the old container to end";
        return watch_closely(kTick);
    }
    if (seen_.obstacle) {
        set(condition::kPlaced, false, seen_.obstacle->reason, seen_.obstacle->message);
        st_.message = seen_.obstacle->message;
        return look_again(std::chrono::seconds{5});
    }
    plan_.step = Step::Create;
    st_.serviceName = service_name(ws_.metadata.name);
    watch_closely(kTick);
}

/// False for a service of ours that an earlier incarnation (or an earlier workspace of this name) left.
bool WorkspaceDecider::adopt(const ServiceFacts& service)
{
    if (service.uid != ws_.metadata.uid || service.incarnation < st_.incarnation) return false;
    st_.incarnation = service.incarnation; // higher after the store was restored from a backup
    st_.serviceName = service_name(ws_.metadata.name);
    return true;
}

void WorkspaceDecider::follow_tasks()
{
    std::string how;
    if (ended(how)) return crashed(how);
    if (refused()) return;
    if (st_.phase == Phase::running)
        judge_health();
    else
        judge_start();
}

bool WorkspaceDecider::ended(std::string& how) const
{
    if (report_is_current() && seen_.report->container.state == ContainerState::exited) {
        const auto& container = seen_.report->container;
        how = container.oomKilled ? "it ran out of memory"
                                  : "it ended with code " + std::to_string(container.exitCode);
        return true;
    }
    for (const auto& task : seen_.tasks) {
        if (task.incarnation != st_.incarnation || task.stage != TaskStage::ended) continue;
        how = task.message.empty() ? "it ended with code " + std::to_string(task.exit_code) : task.message;
        return true;
    }
    return false;
}

void WorkspaceDecider::crashed(const std::string& how)
{
    if (st_.crashReplacements >= limits_.max_crash_replacements)
        return fail("CrashLoop", "the container ended again and again: " + how);
    ++st_.crashReplacements;
    replace("ContainerExited", "the container is being replaced: " + how);
}

/// A task that Docker would not start, or can't place. Docker does not try a refused one again, so we do.
bool WorkspaceDecider::refused()
{
    for (const auto& task : seen_.tasks) {
        if (task.incarnation != st_.incarnation) continue;
        const bool rejected = task.stage == TaskStage::refused;
        const bool unplaced = task.stage == TaskStage::waiting && task_problem(task.message) == "NoNodeFits";
        if (!rejected && !unplaced) continue;
        const auto problem = task_problem(task.message);
        set(condition::kPlaced, false, problem, task.message);
        st_.message =
            problem == "ImageMissing" ? "its image is not there" : "no node runs it: " + task.message;
        if (past_deadline()) {
            fail(problem, task.message);
        } else if (rejected && task.at && now_ - *task.at >= limits_.retry_rejected) {
            const auto placed = *find_condition(st_.conditions, condition::kPlaced);
            replace("Retry", st_.message + "; trying again");
            st_.conditions.push_back(placed); // says why until the new task says otherwise
        } else {
            look_again(std::chrono::seconds{2});
        }
        return true;
    }
    return false;
}

void WorkspaceDecider::judge_health()
{
    if (!report_is_current()) return;
    const auto& report = *seen_.report;
    if (report.container.state != ContainerState::running) {
        // Absent, says the agent; Docker's task decides, and is asked often until it does.
        return watch_closely(std::chrono::seconds{2});
    }
    const bool sick =
        report.health.misses >= limits_.max_health_misses || report.health.status == HealthState::unhealthy;
    if (sick) {
        if (st_.incidentRestarts >= limits_.max_incident_restarts)
            return fail("ProbeFailed", "code-server or the desktop does not answer, also after a restart");
        ++st_.incidentRestarts;
        return replace("Unhealthy", "restarting: code-server or the desktop does not answer");
    }
    const bool healthy = report.health.status == HealthState::healthy;
    set(condition::kHealthy, healthy, healthy ? "ProbesAnswer" : "ProbeMissed");
    if (st_.incidentRestarts == 0 || !healthy) return;
    const auto since = find_condition(st_.conditions, condition::kHealthy)->lastTransitionTime.value_or(now_);
    if (now_ - since >= limits_.incident_over) st_.incidentRestarts = 0;
}

void WorkspaceDecider::judge_start()
{
    const bool current = report_is_current();
    const bool up = current && seen_.report->container.state == ContainerState::running;
    if (up) {
        set(condition::kPlaced, true, "ContainerRuns", "on node " + seen_.report->nodeName);
        const auto why = why_not_running();
        const bool restored = seen_.report->restored;
        set(condition::kRestored, restored, restored ? "FilesAreThere" : why.reason,
            restored ? "" : why.message);
        const bool healthy = serves(*seen_.report);
        if (healthy) set(condition::kHealthy, true, "ProbesAnswer");
        if (healthy && seen_.routed.value_or(false)) return become_running();
        set(condition::kRouted, false, seen_.routed ? "NotServedYet" : "NotAskedYet");
    }
    const auto why = why_not_running();
    if (past_deadline() && !restoring()) return fail(why.reason, why.message);
    st_.message = why.message;
    const bool only_route_missing = up && serves(*seen_.report);
    if (only_route_missing) return look_again(limits_.probe_interval);
    // Docker has nothing more to say once the container runs; the agent's reports wake us.
    if (up) return look_again(std::chrono::seconds{5});
    watch_closely(std::chrono::seconds{2});
}

void WorkspaceDecider::become_running()
{
    set(condition::kRouted, true, "Probed", "answers through the reverse proxy");
    st_.startedAt = now_;
    enter(Phase::running, "Ready", "running");
}

bool WorkspaceDecider::restoring() const
{
    if (!report_is_current() || seen_.report->restored) return false;
    const bool fresh = seen_.report->reportedAt && now_ - *seen_.report->reportedAt < limits_.agent_stale;
    return fresh && seen_.report->sync.state == SyncState::restoring;
}

/// Time spent on restoring many files is not held against the start.
bool WorkspaceDecider::past_deadline() const
{
    if (st_.phase != Phase::starting) return false;
    Time since = entered(Phase::starting);
    const auto* restored = find_condition(st_.conditions, condition::kRestored);
    if (restored && restored->status == ConditionStatus::True && restored->lastTransitionTime)
        since = std::max(since, *restored->lastTransitionTime);
    return now_ - since >= limits_.start_deadline;
}

Obstacle WorkspaceDecider::why_not_running() const
{
    const auto* placed = find_condition(st_.conditions, condition::kPlaced);
    const bool up = report_is_current() && seen_.report->container.state == ContainerState::running;
    if (!up && placed && placed->status == ConditionStatus::False) return {placed->reason, placed->message};
    if (!up) return {"StartTimeout", "waiting for the container to start"};
    const auto& report = *seen_.report;
    if (!report.restored) {
        if (report.sync.state == SyncState::failing)
            return {sync_problem(report.sync.message), "the files can't be restored: " + report.sync.message};
        return {"Restoring", "restoring the files"};
    }
    if (!serves(report)) return {"ProbeFailed", "waiting for code-server and the desktop to answer"};
    return {"RouteMissing", "waiting for the reverse proxy to serve it"};
}

void WorkspaceDecider::fail(std::string reason, std::string message)
{
    for (auto type : {condition::kHealthy, condition::kRouted}) remove_condition(st_.conditions, type);
    set(condition::kFailed, true, reason, message);
    st_.address.clear();
    enter(Phase::failed, std::move(reason), std::move(message));
    if (seen_.service && seen_.service->ours) remove_service();
}

/// Only a changed spec (a restart, other settings) leads out of here; the files stay on their node until
/// then.
void WorkspaceDecider::stay_failed()
{
    const auto* failed = find_condition(st_.conditions, condition::kFailed);
    const bool changed = !failed || ws_.metadata.generation > failed->observedGeneration;
    if (changed) return begin("StartedAgain");
    if (seen_.service && seen_.service->ours) return remove_service();
    st_.serviceName.clear();
}

} // namespace berth
