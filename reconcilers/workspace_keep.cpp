// The part of WorkspaceDecider that keeps a workspace running, and gives up honestly: ended and refused
// tasks, bad health, failure.

#include "reconcilers/workspace_decider.hpp"

namespace berth {

namespace {

/// So long after a container's end its agent's word is waited for.
constexpr Duration kAgentsWord = std::chrono::seconds{2};

std::string silent_part(const HealthChecks& checks)
{
    if (checks.codeServer) return "the desktop does not answer";
    return checks.vnc ? "code-server does not answer" : "code-server and the desktop do not answer";
}

} // namespace

void WorkspaceDecider::follow_tasks()
{
    std::string how;
    if (ended(how)) return crashed(how);
    if (refused()) return;
    if (st_.phase == Phase::running && claim_is_open() && follow_claim()) return;
    if (st_.phase == Phase::running || st_.phase == Phase::warm)
        judge_health();
    else
        judge_start();
}

/// Whether a container that has just ended ran out of memory only its agent can say, and does in a moment.
bool WorkspaceDecider::agent_may_know_more(const TaskFacts& task)
{
    if (!task.at || node_lost()) return false;
    const auto age = now_ - *task.at;
    if (age < Duration{0} || age >= kAgentsWord) return false;
    look_again(kAgentsWord - age);
    return true;
}

bool WorkspaceDecider::ended(std::string& how)
{
    if (report_is_current() && seen_.report->container.state == ContainerState::exited) {
        const auto& container = seen_.report->container;
        how = container.oomKilled ? "it ran out of memory"
                                  : "it ended with code " + std::to_string(container.exitCode);
        return true;
    }
    for (const auto& task : seen_.tasks) {
        if (task.incarnation != st_.incarnation || task.stage != TaskStage::ended) continue;
        if (agent_may_know_more(task)) continue;
        how = task.message.empty() ? "it ended with code " + std::to_string(task.exit_code) : task.message;
        return true;
    }
    return false;
}

void WorkspaceDecider::crashed(const std::string& how)
{
    const bool memory = report_is_current() && seen_.report->container.oomKilled;
    if (st_.crashReplacements >= limits_.max_crash_replacements)
        return fail(memory ? "OutOfMemory" : "CrashLoop", "the container ended again and again: " + how);
    ++st_.crashReplacements;
    replace(memory ? "OutOfMemory" : "ContainerExited", "the container is being replaced: " + how);
}

/// A task that Docker would not start, or can't place. Docker does not try a refused one again, so we do.
bool WorkspaceDecider::refused()
{
    for (const auto& task : seen_.tasks) {
        if (task.incarnation != st_.incarnation) continue;
        const bool rejected = task.stage == TaskStage::refused;
        const bool unplaced = task.stage == TaskStage::waiting && task_problem(task.message) == "NoNodeFits";
        if (!rejected && !unplaced) continue;
        const auto why =
            node_lost() ? why_waiting_for_end() : Obstacle{task_problem(task.message), task.message};
        set(condition::kPlaced, false, why.reason, why.message);
        because_ = why.reason;
        st_.message = why.reason == "ImageMissing" ? "its image is not there: " + why.message
                                                   : "no node runs it: " + why.message;
        if (past_deadline()) {
            fail(why.reason, why.message);
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

/// Nothing is done about a filter that is missing in a running workspace but to say so: its agent mends it.
void WorkspaceDecider::judge_isolation()
{
    const auto& report = *seen_.report;
    if (!seen_.isolation) return set(condition::kIsolated, false, "SwitchedOff", "ISOLATION is off");
    if (report.isolated) return set(condition::kIsolated, true, "FilterInForce");
    const bool tried = !report.isolationProblem.empty();
    set(condition::kIsolated, false, tried ? "FilterFailed" : "FilterPending", report.isolationProblem);
}

void WorkspaceDecider::judge_health()
{
    if (!report_is_current()) return;
    const auto& report = *seen_.report;
    if (report.container.state != ContainerState::running) {
        // Absent, says the agent; Docker's task decides, and is asked often until it does.
        because_ = "ContainerAbsent";
        return watch_closely(std::chrono::seconds{2});
    }
    const auto told = report.reportedAt.value_or(now_);
    const auto silent = [&](Time since) { return now_ - since >= limits_.agent_stale; };
    if (node_lost() || silent(std::max(told, seen_.watching_since))) return judge_silence();
    if (silent(told)) return; // a controller that just came up waits for the next word
    const bool sick =
        report.health.misses >= limits_.max_health_misses || report.health.status == HealthState::unhealthy;
    if (sick) {
        const auto what = silent_part(report.health.checks);
        if (st_.incidentRestarts >= limits_.max_incident_restarts)
            return fail("ProbeFailed", what + ", also after a restart");
        ++st_.incidentRestarts;
        return replace("Unhealthy", "restarting: " + what);
    }
    judge_isolation();
    const bool healthy = report.health.status == HealthState::healthy;
    const bool answers = healthy && report.health.misses == 0;
    set(condition::kHealthy, answers, answers ? "ProbesAnswer" : "ProbeMissed",
        answers ? "" : silent_part(report.health.checks));
    because_ = answers ? "ProbesAnswer" : "ProbeMissed";
    if (answers) end_incident();
}

/// Nobody can say how it is: that is said, and nothing is done on a guess.
void WorkspaceDecider::judge_silence()
{
    const auto& node = st_.nodeName.empty() ? st_.nodeId : st_.nodeName;
    because_ = !node_lost() ? "AgentSilent" : seen_.node_known ? "NodeDown" : "NodeGone";
    set(condition::kHealthy, ConditionStatus::Unknown, because_,
        node_lost() ? "node " + node + " can't be reached"
                    : "the agent on node " + node + " does not report");
}

/// After so much good health the past does not count any more.
void WorkspaceDecider::end_incident()
{
    const auto since = find_condition(st_.conditions, condition::kHealthy)->lastTransitionTime.value_or(now_);
    if (now_ - since < limits_.incident_over) return;
    st_.incidentRestarts = 0;
    st_.crashReplacements = 0;
}

void WorkspaceDecider::fail(std::string reason, std::string message)
{
    mark_failed(
        st_, {std::move(reason), std::move(message)}, seen_.settings_hash, ws_.metadata.generation, now_);
    if (seen_.service && seen_.service->ours) remove_service("Failed");
}

/// A restart that is asked for, or settings that may do better, lead out of here; nothing else that is
/// written into the spec does. The files stay on their node until then.
void WorkspaceDecider::stay_failed()
{
    if (st_.failedRequest.empty())
        st_.failedRequest = seen_.settings_hash; // failed before this was written down
    const bool asked = ws_.spec.restarts != st_.observedRestarts;
    const bool other_settings = !seen_.obstacle && st_.failedRequest != seen_.settings_hash;
    if (asked || other_settings) return begin(asked ? "StartedAgain" : "SettingsChanged");
    if (seen_.service && seen_.service->ours) return remove_service("Failed");
    st_.serviceName.clear();
}

} // namespace berth
