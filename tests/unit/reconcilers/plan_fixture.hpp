#pragma once
// Builders for the table tests of the workspace plan: a workspace somewhere in its life, and a look at the
// world.

#include "reconcilers/workspace_plan.hpp"

namespace berth {

inline constexpr Time kNow{std::chrono::hours{24 * 365 * 56}};
inline const LifeLimits kLimits{};

inline Workspace a_workspace(Phase phase, DesiredState desired = DesiredState::running)
{
    Workspace ws;
    ws.metadata.org = "default";
    ws.metadata.name = "abc";
    ws.metadata.uid = "uid-1";
    ws.metadata.generation = 3;
    ws.metadata.creationTimestamp = kNow - std::chrono::hours{1};
    ws.spec.desiredState = desired;
    ws.spec.s3.bucket = "demo";
    ws.status.phase = phase;
    if (phase == Phase::pending) return ws;
    ws.status.incarnation = 2;
    ws.status.history.push_back({phase, "Test", kNow - std::chrono::seconds{10}});
    const bool on_node = phase == Phase::starting || phase == Phase::running || phase == Phase::stopping ||
                         phase == Phase::failed;
    if (on_node) {
        ws.status.nodeId = "node1";
        ws.status.nodeName = "one";
    }
    if (phase == Phase::starting || phase == Phase::running) ws.status.serviceName = "ws-abc";
    if (phase == Phase::running) ws.status.startedAt = kNow - std::chrono::seconds{10};
    if (phase == Phase::failed) {
        Condition failed{"Failed", ConditionStatus::True, "CrashLoop", "", kNow, 3};
        ws.status.conditions.push_back(failed);
    }
    return ws;
}

inline ServiceFacts our_service(std::int64_t incarnation = 2)
{
    return {"svc1", true, "uid-1", incarnation, "request", false};
}

inline TaskFacts a_task(TaskStage stage, std::int64_t incarnation = 2, std::string message = "")
{
    return {incarnation, stage, "node1", std::move(message), 137, kNow - std::chrono::seconds{5}};
}

inline ContainerReport a_container(std::int64_t incarnation)
{
    ContainerReport container;
    container.state = ContainerState::running;
    container.id = "c" + std::to_string(incarnation);
    container.incarnation = incarnation;
    container.startedAt = kNow;
    container.address = "10.201.0.5";
    return container;
}

/// A healthy container of incarnation 2 on node1.
inline WorkspaceReportSpec a_report()
{
    WorkspaceReportSpec report;
    report.workspaceUid = "uid-1";
    report.nodeId = "node1";
    report.nodeName = "one";
    report.reportedAt = kNow;
    report.container = a_container(2);
    report.filesVolume = true;
    report.controlVolume = true;
    report.restored = true;
    report.isolated = true;
    report.health.status = HealthState::healthy;
    report.health.checks = {true, true, true};
    report.sync.state = SyncState::idle;
    return report;
}

/// Files saved, container gone; `taken` = age of the receipt.
inline WorkspaceReportSpec a_final_report(
    bool volumes, Duration age = Duration{0}, std::int64_t incarnation = 2)
{
    auto report = a_report();
    report.container = {};
    report.container.incarnation = incarnation;
    report.filesVolume = report.controlVolume = volumes;
    report.sync.state = SyncState::complete;
    report.sync.receipt = Receipt{"hash", 3, 300, kNow - age, true};
    return report;
}

inline Seen a_look()
{
    Seen seen;
    seen.request_hash = "request";
    return seen;
}

inline Plan plan(const Workspace& ws, const Seen& seen, Time now = kNow)
{
    return decide(ws, seen, kLimits, now);
}

inline const Condition* condition_of(const Plan& plan, std::string_view type)
{
    return find_condition(plan.status.conditions, type);
}
inline bool is_true(const Plan& plan, std::string_view type)
{
    const auto* found = condition_of(plan, type);
    return found && found->status == ConditionStatus::True;
}

} // namespace berth
