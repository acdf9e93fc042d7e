// The part of WorkspaceReconciler that stops what nobody uses. The decision is workspace_idle.hpp's.

#include "controller/base/log.hpp"
#include "reconcilers/workspace_idle.hpp"
#include "reconcilers/workspace.hpp"
#include "reconcilers/workspace_report.hpp"

namespace berth {

namespace {

std::string since(const ActivityStatus& activity)
{
    for (const auto& signal : activity.signals)
        if (signal.at && detail::enumerator_name(signal.kind) == activity.decidedBy)
            return "nothing since " + activity.decidedBy + " at " + format_time(*signal.at);
    return "nothing since the " + activity.decidedBy;
}

bool is_judged(const Workspace& workspace)
{
    return workspace.status.phase == Phase::running && workspace.spec.pool.empty() &&
           workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
}

} // namespace

/// Writes what is known of its use into the status, and asks for the stop when its time is over.
awaitable<> WorkspaceReconciler::judge_idle(Workspace& workspace, const Seen& seen, Plan& plan)
{
    auto& status = workspace.status;
    if (!is_judged(workspace)) {
        status.activity.reset();
        remove_condition(status.conditions, condition::kIdleUnknown);
        co_return;
    }
    const auto now = clock_.now();
    auto verdict = idle_verdict(workspace, seen.report, settings_.idle, settings_.life.agent_stale, now);
    if (verdict.last_activity) status.lastActivity = verdict.last_activity;
    if (verdict.next_look)
        plan.next_look = std::min(plan.next_look.value_or(*verdict.next_look), *verdict.next_look);
    if (verdict.status.state == IdleState::unknown) {
        Condition unknown{std::string(condition::kIdleUnknown), ConditionStatus::True, verdict.unknown_reason,
            verdict.unknown_message, {}, workspace.metadata.generation};
        set_condition(status.conditions, std::move(unknown), now);
    } else {
        remove_condition(status.conditions, condition::kIdleUnknown);
    }
    // The transaction judges once more, from the same state before.
    const auto before = std::exchange(status.activity, std::move(verdict.status));
    if (status.activity->state == IdleState::expired) co_await stop_idle(workspace, before);
}

/// One transaction, and only if nothing has changed since: neither the wish nor, by a newer report, the use.
awaitable<> WorkspaceReconciler::stop_idle(const Workspace& workspace, std::optional<ActivityStatus> before)
{
    auto work = [seen = workspace, before, idle = settings_.idle, stale = settings_.life.agent_stale,
                    now = clock_.now()](Txn& txn) {
        const auto key = key_of(seen);
        auto stored = txn.get<Workspace>(key);
        const bool same = stored && stored->metadata.uid == seen.metadata.uid &&
                          stored->metadata.generation == seen.metadata.generation;
        if (!same || !is_judged(seen)) return false;
        const auto report = told_of(txn, seen).report;
        if (!report) return false;
        auto judged = seen;
        judged.status.activity = before;
        const auto verdict = idle_verdict(judged, report, idle, stale, now);
        if (verdict.status.state != IdleState::expired) return false;
        stored->spec.desiredState = DesiredState::stopped;
        stored->spec.stopReason = "inactivity";
        txn.update(*stored);
        const auto detail = "inactivity: " + since(verdict.status);
        txn.audit({"berthd", "stop", std::string(Workspace::kind().kind), key, detail});
        return true;
    };
    if (!co_await store_.transact(std::move(work))) co_return;
    log::info("stopping an idle workspace",
        {{"workspace", workspace.metadata.name}, {"why", since(*workspace.status.activity)}});
}

} // namespace berth
