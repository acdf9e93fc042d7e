#include "api/actions/explain.hpp"

#include <algorithm>

namespace berth {

namespace {

/// Of a start after a restart for bad health, at most.
constexpr Duration kIncidentTimeout = std::chrono::minutes{2};

bool wants_running(const Workspace& workspace)
{
    return workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
}

Blocker blocker_of(const Condition& condition)
{
    return {condition.type, condition.reason, condition.message, condition.lastTransitionTime, {}, {}, {}};
}

std::optional<Time> entered(const WorkspaceStatus& status)
{
    return status.history.empty() ? std::nullopt : status.history.back().at;
}

/// The first condition of these that is not as it should be.
std::optional<Blocker> first_unmet(const Conditions& conditions, std::initializer_list<const char*> types)
{
    for (const auto* type : types) {
        const auto* condition = find_condition(conditions, type);
        if (condition && condition->status != ConditionStatus::True) return blocker_of(*condition);
    }
    return std::nullopt;
}

std::optional<Blocker> if_true(const Conditions& conditions, const char* type)
{
    const auto* condition = find_condition(conditions, type);
    if (!condition || condition->status != ConditionStatus::True) return std::nullopt;
    return blocker_of(*condition);
}

std::optional<Blocker> from_decision(const WorkspaceStatus& status)
{
    if (status.decisions.empty()) return std::nullopt;
    const auto& last = status.decisions.back();
    return Blocker{"", last.reason, status.message, last.at, {}, {}, {}};
}

/// The controller's own trouble: its last look ended with an error.
std::optional<Blocker> failed_look(const Conditions& conditions)
{
    const auto* ready = find_condition(conditions, "Ready");
    if (!ready || (ready->reason != "Unavailable" && ready->reason != "Timeout")) return std::nullopt;
    return blocker_of(*ready);
}

std::optional<Blocker> on_the_way_up(const WorkspaceStatus& status)
{
    if (auto taken = if_true(status.conditions, "NameTaken")) return taken;
    // A condition tells more than a decision; one that only says "not asked yet" tells nothing.
    auto unmet = first_unmet(status.conditions, {"Placed", "Restored", "Isolated", "Healthy", "Routed"});
    if (unmet && unmet->reason != "SwitchedOff" && unmet->reason != "NotAskedYet") return unmet;
    return from_decision(status);
}

/// While it runs: what is wrong now, or what a claim still waits for.
std::optional<Blocker> while_it_runs(const WorkspaceStatus& status)
{
    auto unmet = first_unmet(status.conditions, {"Healthy", "Claimed", "Restored", "Isolated"});
    if (unmet && unmet->reason != "SwitchedOff") return unmet;
    return std::nullopt;
}

std::optional<Blocker> cause(const Workspace& workspace)
{
    const auto& status = workspace.status;
    const auto phase = status.phase;
    const bool up = wants_running(workspace);
    const bool rests = phase == Phase::stopped || phase == Phase::archived;
    if (auto trouble = failed_look(status.conditions)) return trouble;
    const bool goes_up = phase == Phase::pending || phase == Phase::stopping || rests;
    const bool restarting = workspace.spec.restarts != status.observedRestarts;
    const bool other_way = up ? goes_up || restarting : phase != Phase::stopping && !rests;
    if (other_way) {
        const auto since =
            workspace.metadata.deletionTimestamp ? workspace.metadata.deletionTimestamp : entered(status);
        return Blocker{"", "NotSeenYet", "the last change has not been acted on yet", since, {}, {}, {}};
    }
    if (phase == Phase::failed) return if_true(status.conditions, "Failed");
    if (phase == Phase::starting) return on_the_way_up(status);
    if (phase == Phase::running || phase == Phase::warm) return while_it_runs(status);
    if (phase != Phase::stopping) return std::nullopt;
    auto risk = if_true(status.conditions, "DataAtRisk");
    return risk ? risk : from_decision(status);
}

/// As the reconciler reckons it (LifeLimits).
std::optional<Time> deadline(const WorkspaceStatus& status, Duration start_timeout)
{
    if (status.phase != Phase::starting) return std::nullopt;
    auto since = entered(status);
    const auto* restored = find_condition(status.conditions, "Restored");
    if (restored && restored->status == ConditionStatus::True && restored->lastTransitionTime && since)
        since = std::max(*since, *restored->lastTransitionTime);
    const bool restoring =
        restored && restored->status != ConditionStatus::True && restored->reason == "Restoring";
    if (!since || restoring) return std::nullopt;
    return *since + (status.incidentRestarts > 0 ? std::min(kIncidentTimeout, start_timeout) : start_timeout);
}

std::string sentence(const Explanation& explained)
{
    const std::string phase(detail::enumerator_name(explained.phase));
    if (!explained.blocking) return phase + ", as wanted";
    const auto& why = *explained.blocking;
    std::string text = phase + ": " + why.reason;
    if (!why.message.empty()) text += " (" + why.message + ")";
    if (why.since) text += " since " + format_time(*why.since);
    return why.waitsFor.empty() ? text : text + "; waits for " + why.waitsFor;
}

Doc explain_doc(const char* tag)
{
    Doc doc{.summary = "Explain a workspace's state", .tag = tag, .roles = kReaders};
    doc.description =
        "What it waits for, since when, what would help; its conditions, the last decisions and what "
        "they were based on.";
    return doc;
}

} // namespace

Explanation explain(const Workspace& workspace, Duration start_timeout)
{
    const auto& status = workspace.status;
    Explanation explained;
    explained.id = workspace.metadata.name;
    explained.phase = status.phase;
    explained.wanted = wants_running(workspace) ? DesiredState::running : DesiredState::stopped;
    explained.blocking = cause(workspace);
    explained.asWanted = !explained.blocking;
    if (explained.blocking) {
        auto& why = *explained.blocking;
        if (const auto* help = reason_help(why.reason)) {
            why.waitsFor = help->waits_for;
            why.unblock = help->unblock;
        }
        if (why.reason != "NotSeenYet") why.deadline = deadline(status, start_timeout);
    }
    explained.summary = sentence(explained);
    explained.conditions = status.conditions;
    explained.decisions = status.decisions;
    explained.history = status.history;
    explained.probes = status.health.history;
    explained.generation = workspace.metadata.generation;
    explained.observedGeneration = status.observedGeneration;
    return explained;
}

void ExplainAction::mount(Router& router)
{
    router.get("/api/containers/{id}/explain", explain_doc("Containers"), &ExplainAction::container, this);
    router.get("/api/v1/orgs/{org}/workspaces/{name}/explain", explain_doc("Workspace"),
        &ExplainAction::workspace, this);
}

awaitable<Explanation> ExplainAction::container(Call call)
{
    const auto& id = call.param("id");
    const auto found = workspaces_.get({"default", id});
    if (!found) throw container_not_found(id);
    co_return explain(*found, start_timeout_);
}

awaitable<Explanation> ExplainAction::workspace(Call call)
{
    const Key key{call.param("org"), call.param("name")};
    const auto found = workspaces_.get(key);
    if (!found) throw Error{Errc::NotFound, "no Workspace named " + to_string(key)};
    co_return explain(*found, start_timeout_);
}

} // namespace berth
