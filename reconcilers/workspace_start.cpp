// The half of WorkspaceDecider that leads to a running workspace.

#include "controller/base/planted.hpp"
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

/// Serves, and nothing of ours can be reached from inside.
bool usable(const WorkspaceReportSpec& report, bool isolation)
{
    return serves(report) && (report.isolated || !isolation);
}

/// What was only waiting for its time has no time left.
std::string given_up_as(const std::string& reason)
{
    if (reason == "ContainerStarting") return "StartTimeout";
    return reason == "Restoring" ? "RestoreTimeout" : reason;
}

} // namespace

bool wants_probe(const Workspace& workspace, const std::optional<WorkspaceReportSpec>& report, bool isolation)
{
    return workspace.status.phase == Phase::starting && !workspace.metadata.deletionTimestamp &&
           workspace.spec.desiredState == DesiredState::running && report &&
           workspace.status.incarnation > 0 &&
           report->container.incarnation == workspace.status.incarnation &&
           !report->container.address.empty() && usable(*report, isolation);
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
    st_.failedRequest.clear();
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
    for (auto type : {condition::kPlaced, condition::kRestored, condition::kIsolated, condition::kHealthy,
             condition::kRouted, condition::kMemoryPressure})
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
    if (st_.phase == Phase::warm && !is_slot()) take_claim();
    if (ws_.spec.restarts != st_.observedRestarts) return restart();
    if (!seen_.service) return without_service();
    const auto& service = *seen_.service;
    if (!service.ours) {
        set(condition::kNameTaken, true, "ForeignService",
            "a service named " + service_name(ws_.metadata.name) + " exists that this install did not make");
        st_.serviceName.clear();
        if (st_.phase == Phase::running) return replace("NameTaken", "its service was taken away");
        if (past_deadline()) return fail("NameTaken", "the name of its service is taken by a foreign one");
        because_ = "NameTaken";
        st_.message = "the name of its service is taken";
        return look_again(std::chrono::seconds{5});
    }
    remove_condition(st_.conditions, condition::kNameTaken);
    if (!adopt(service)) return remove_service("OldService");
    const bool drifted = service.altered && !planted("workspace.drift-stays");
    if (drifted) return replace("ChangedByHand", "its service was changed by somebody else");
    const bool asked_for = service.request_hash == seen_.request_hash || planted("workspace.settings-stay");
    if (!asked_for && !seen_.obstacle)
        return replace("SpecChanged", "restarting with what was changed");
    if (service.guarded && !is_slot() && !planted("workspace.route-stays-shut")) {
        plan_.step = Step::Open;
        plan_.service_id = service.id;
    }
    follow_tasks();
}

void WorkspaceDecider::without_service()
{
    remove_condition(st_.conditions, condition::kNameTaken);
    if (!st_.serviceName.empty()) return replace("ServiceGone", "its service was removed by somebody else");
    if (live_tasks() && !planted("workspace.next-before-the-end")) {
        const auto why = why_waiting_for_end();
        if (past_deadline()) return fail(why.reason, why.message);
        because_ = why.reason;
        st_.message = why.message;
        return watch_closely(kTick);
    }
    // Only a person can mend it, and what that person does wakes us.
    if (seen_.obstacle) return fail(seen_.obstacle->reason, seen_.obstacle->message);
    if (past_deadline()) {
        const auto why = why_not_running();
        return fail(given_up_as(why.reason), why.message);
    }
    because_ = "NothingInTheWay";
    plan_.step = Step::Create;
    st_.serviceName = service_name(ws_.metadata.name);
    watch_closely(kTick);
}

Obstacle WorkspaceDecider::why_waiting_for_end() const
{
    const auto& node = st_.nodeName.empty() ? st_.nodeId : st_.nodeName;
    if (!node_lost()) return {"ContainerEnding", "waiting for the old container to end"};
    return {seen_.node_known ? "NodeDown" : "NodeGone",
        "its files are on node " + node + ", which can't be reached"};
}

/// False for a service of ours that an earlier incarnation (or an earlier workspace of this name) left.
bool WorkspaceDecider::adopt(const ServiceFacts& service)
{
    if (service.uid != ws_.metadata.uid || service.incarnation < st_.incarnation) return false;
    st_.incarnation = service.incarnation; // higher after the store was restored from a backup
    st_.serviceName = service_name(ws_.metadata.name);
    return true;
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
        judge_isolation();
        if (serves(*seen_.report)) set(condition::kHealthy, true, "ProbesAnswer");
        if (usable(*seen_.report, seen_.isolation) && seen_.routed.value_or(false)) return become_running();
        set(condition::kRouted, false, seen_.routed ? "NotServedYet" : "NotAskedYet");
    }
    const auto why = why_not_running();
    if (past_deadline() && !restoring()) return fail(given_up_as(why.reason), why.message);
    if (!up) set(condition::kPlaced, false, why.reason, why.message);
    because_ = why.reason;
    st_.message = why.message;
    const bool only_route_missing = up && usable(*seen_.report, seen_.isolation);
    if (only_route_missing) return look_again(limits_.probe_interval);
    // Docker has nothing more to say once the container runs; the agent's reports wake us.
    if (up) return look_again(std::chrono::seconds{5});
    watch_closely(std::chrono::seconds{2});
}

void WorkspaceDecider::become_running()
{
    set(condition::kRouted, true, "Probed", "answers through the reverse proxy");
    if (is_slot()) return become_warm();
    st_.startedAt = now_;
    enter(Phase::running, "Ready", "running");
}

bool WorkspaceDecider::restoring() const
{
    if (!report_is_current() || seen_.report->restored) return false;
    const bool fresh = recent(seen_.report->reportedAt);
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
    const bool incident = st_.incidentRestarts > 0;
    return now_ - since >=
           (incident ? std::min(limits_.incident_deadline, limits_.start_deadline) : limits_.start_deadline);
}

Obstacle WorkspaceDecider::why_not_running() const
{
    const auto* placed = find_condition(st_.conditions, condition::kPlaced);
    const bool up = report_is_current() && seen_.report->container.state == ContainerState::running;
    if (!up && placed && placed->status == ConditionStatus::False) return {placed->reason, placed->message};
    if (!up) return {"ContainerStarting", "waiting for the container to start"};
    const auto& report = *seen_.report;
    if (!report.restored) {
        if (report.sync.state == SyncState::failing)
            return {sync_problem(report.sync.message), "the files can't be restored: " + report.sync.message};
        return {"Restoring", "restoring the files"};
    }
    if (seen_.isolation && !report.isolated)
        return {"NotIsolated", report.isolationProblem.empty()
                                   ? "waiting for the network filter"
                                   : "the network filter can't be loaded: " + report.isolationProblem};
    if (!serves(report)) return {"ProbeFailed", "waiting for code-server and the desktop to answer"};
    return {"RouteMissing", "waiting for the reverse proxy to serve it"};
}

} // namespace berth
