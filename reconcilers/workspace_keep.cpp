// The part of WorkspaceDecider that keeps a workspace running, and gives up honestly: ended and refused tasks, bad
// health, failure.

#include "reconcilers/workspace_decider.hpp"

namespace berth {

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
