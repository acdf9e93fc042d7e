// Keeping it running: crashes, bad health, restarts, and what leads out of a failure.

#include "tests/unit/reconcilers/plan_fixture.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(WorkspacePlanKeep, ATaskPinsTheWorkspaceOnlyWhenItMayHaveMadeFiles)
{
    const std::pair<TaskStage, bool> rows[] = {{TaskStage::waiting, false}, {TaskStage::placed, false},
        {TaskStage::refused, false}, {TaskStage::running, true}, {TaskStage::ended, true}};
    for (const auto& [stage, pinned] : rows) {
        SCOPED_TRACE(int(stage));
        auto ws = a_workspace(Phase::starting);
        ws.status.nodeId.clear();
        auto seen = a_look();
        seen.service = our_service();
        seen.tasks = {a_task(stage)};
        EXPECT_EQ(!plan(ws, seen).status.nodeId.empty(), pinned);
    }
    auto ws = a_workspace(Phase::starting);
    ws.status.nodeId.clear();
    ws.spec.restarts = 1;
    auto seen = a_look();
    seen.service = our_service();
    seen.tasks = {a_task(TaskStage::placed)};
    EXPECT_EQ(plan(ws, seen).status.nodeId, "node1") << "given up on its way: its volume may be there by now";
}

// W30
TEST(WorkspacePlanKeep, AnEndedContainerIsReplacedThreeTimesThenItFails)
{
    for (const bool by_report : {true, false}) {
        auto ws = a_workspace(Phase::running);
        for (std::int64_t i = 1; i <= 4; ++i) {
            SCOPED_TRACE(i);
            auto seen = a_look();
            seen.service = our_service(ws.status.incarnation);
            seen.report = a_report();
            seen.report->container.incarnation = ws.status.incarnation;
            if (by_report)
                seen.report->container.state = ContainerState::exited;
            else
                seen.tasks = {a_task(TaskStage::ended, ws.status.incarnation)};
            const auto before = ws.status.incarnation;
            const auto result = plan(ws, seen);
            if (i <= 3) {
                EXPECT_EQ(result.status.phase, Phase::starting);
                EXPECT_EQ(result.status.crashReplacements, i);
                EXPECT_EQ(result.status.incarnation, before + 1);
                EXPECT_EQ(result.status.nodeId, "node1");
            } else {
                EXPECT_EQ(result.status.phase, Phase::failed);
                EXPECT_EQ(condition_of(result, "Failed")->reason, "CrashLoop");
                EXPECT_EQ(result.step, Step::Remove);
            }
            ws.status = result.status;
            ws.status.serviceName = "ws-abc";
        }
    }
}

// W22, W30
TEST(WorkspacePlanKeep, TheAgentsWordOnAnEndIsWaitedForAMoment)
{
    auto ws = a_workspace(Phase::running);
    auto seen = a_look();
    seen.service = our_service(2);
    seen.report = a_report();
    seen.tasks = {a_task(TaskStage::ended, 2)};
    seen.tasks[0].at = kNow - std::chrono::milliseconds{200};
    const auto waits = plan(ws, seen);
    EXPECT_EQ(waits.status.phase, Phase::running);
    ASSERT_TRUE(waits.next_look);
    EXPECT_LE(*waits.next_look, std::chrono::milliseconds{1800});

    seen.report->container.state = ContainerState::exited;
    seen.report->container.oomKilled = true;
    const auto told = plan(ws, seen);
    EXPECT_EQ(told.status.phase, Phase::starting);
    EXPECT_EQ(told.status.history.back().reason, "OutOfMemory");
}

TEST(WorkspacePlanKeep, AnOldContainersEndIsNotCountedTwice)
{
    auto seen = a_look();
    seen.service = our_service(2);
    seen.tasks = {a_task(TaskStage::ended, 1), a_task(TaskStage::running, 2)};
    seen.report = a_report();
    seen.report->container.state = ContainerState::exited;
    seen.report->container.incarnation = 1;
    const auto result = plan(a_workspace(Phase::starting), seen);
    EXPECT_EQ(result.status.incarnation, 2);
    EXPECT_EQ(result.status.crashReplacements, 0);
}

// W30
TEST(WorkspacePlanKeep, BadHealthIsOneRestartPerIncidentThenAFailure)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    auto ws = a_workspace(Phase::running);
    seen.report->health.misses = 2;
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::running) << "two misses are no incident";

    seen.report->health.misses = 3;
    auto result = plan(ws, seen);
    EXPECT_EQ(result.status.phase, Phase::starting);
    EXPECT_EQ(result.status.incidentRestarts, 1);
    EXPECT_EQ(result.status.crashReplacements, 0);

    ws.status.incidentRestarts = 1;
    result = plan(ws, seen);
    EXPECT_EQ(result.status.phase, Phase::failed);
    EXPECT_EQ(condition_of(result, "Failed")->reason, "ProbeFailed");
}

TEST(WorkspacePlanKeep, TenHealthyMinutesEndAnIncident)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    auto ws = a_workspace(Phase::running);
    ws.status.incidentRestarts = 1;
    auto result = plan(ws, seen);
    EXPECT_EQ(result.status.incidentRestarts, 1);
    ws.status = result.status;
    ws.status.crashReplacements = 2;
    seen.report->reportedAt = kNow + std::chrono::minutes{9};
    result = plan(ws, seen, kNow + std::chrono::minutes{9});
    EXPECT_EQ(result.status.incidentRestarts, 1);
    EXPECT_EQ(result.status.crashReplacements, 2);
    ws.status = result.status;
    seen.report->reportedAt = kNow + std::chrono::minutes{10};
    result = plan(ws, seen, kNow + std::chrono::minutes{10});
    EXPECT_EQ(result.status.incidentRestarts, 0);
    EXPECT_EQ(result.status.crashReplacements, 0);
}

TEST(WorkspacePlanKeep, AMissedProbeStartsTheTenMinutesAnew)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    auto ws = a_workspace(Phase::running);
    ws.status.incidentRestarts = 1;
    const auto look_at = [&](std::int64_t minute, std::int64_t misses) {
        const auto now = kNow + std::chrono::minutes{minute};
        seen.report->reportedAt = now;
        seen.report->health.misses = misses;
        seen.report->health.checks.codeServer = misses == 0;
        ws.status = plan(ws, seen, now).status;
    };
    look_at(0, 0);
    look_at(5, 1);
    EXPECT_EQ(find_condition(ws.status.conditions, "Healthy")->reason, "ProbeMissed");
    EXPECT_EQ(find_condition(ws.status.conditions, "Healthy")->message, "code-server does not answer");
    look_at(6, 0);
    look_at(11, 0);
    EXPECT_EQ(ws.status.incidentRestarts, 1);
    look_at(16, 0);
    EXPECT_EQ(ws.status.incidentRestarts, 0);
}

TEST(WorkspacePlanKeep, WhatNobodyCanTellIsUnknownAndNoReasonToAct)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.tasks = {a_task(TaskStage::running)};
    seen.report = a_report();
    seen.report->health.misses = 3; // the last that was heard
    const auto later = kNow + kLimits.agent_stale;
    auto result = plan(a_workspace(Phase::running), seen, later);
    EXPECT_EQ(result.status.phase, Phase::running);
    EXPECT_EQ(condition_of(result, "Healthy")->status, ConditionStatus::Unknown);
    EXPECT_EQ(condition_of(result, "Healthy")->reason, "AgentSilent");
    EXPECT_TRUE(is_true(result, "Ready"));

    seen.watching_since = later - std::chrono::seconds{1};
    result = plan(a_workspace(Phase::running), seen, later);
    EXPECT_EQ(result.status.phase, Phase::running) << "a controller that just came up waits for the next word";
    EXPECT_FALSE(condition_of(result, "Healthy"));

    seen.node_up = false;
    result = plan(a_workspace(Phase::running), seen, later);
    EXPECT_EQ(result.status.phase, Phase::running);
    EXPECT_EQ(condition_of(result, "Healthy")->reason, "NodeDown");
    EXPECT_EQ(condition_of(result, "Ready")->reason, "NodeDown");
}

TEST(WorkspacePlanKeep, WantOfMemoryIsNamed)
{
    auto ws = a_workspace(Phase::running);
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    seen.report->container.oomKills = 2;
    auto result = plan(ws, seen);
    EXPECT_EQ(result.status.phase, Phase::running) << "a program inside was ended, not the workspace";
    EXPECT_EQ(condition_of(result, "MemoryPressure")->reason, "OutOfMemory");

    seen.report->container.state = ContainerState::exited;
    seen.report->container.oomKilled = true;
    result = plan(ws, seen);
    EXPECT_EQ(result.status.history.back().reason, "OutOfMemory");
    EXPECT_EQ(result.status.phase, Phase::starting);
    EXPECT_FALSE(condition_of(result, "MemoryPressure"));

    ws.status.crashReplacements = 3;
    result = plan(ws, seen);
    EXPECT_EQ(condition_of(result, "Failed")->reason, "OutOfMemory");
    EXPECT_EQ(result.status.shutdownReason, "resource_limit");
}

TEST(WorkspacePlanKeep, ARestartOnRequestIsAReplacementThatDoesNotCount)
{
    for (auto phase : {Phase::starting, Phase::running}) {
        auto ws = a_workspace(phase);
        ws.status.crashReplacements = 2;
        ws.spec.restarts = 1;
        auto seen = a_look();
        seen.service = our_service();
        const auto result = plan(ws, seen);
        EXPECT_EQ(result.status.phase, Phase::starting);
        EXPECT_EQ(result.status.incarnation, 3);
        EXPECT_EQ(result.status.crashReplacements, 0);
        EXPECT_EQ(result.status.observedRestarts, 1);
        EXPECT_EQ(result.status.history.back().reason, "Restarted");
    }
}

TEST(WorkspacePlanKeep, FailedRestsUntilSomebodyAsksOrSettingsChange)
{
    auto ws = a_workspace(Phase::failed);
    auto result = plan(ws, a_look());
    EXPECT_EQ(result.status.phase, Phase::failed);
    EXPECT_EQ(result.step, Step::None);
    EXPECT_FALSE(result.next_look);

    auto seen = a_look();
    seen.service = our_service();
    EXPECT_EQ(plan(ws, seen).step, Step::Remove);

    ws.metadata.generation = 4;
    EXPECT_EQ(plan(ws, a_look()).status.phase, Phase::failed) << "something was written that starts nothing";
    auto asked = ws;
    asked.spec.restarts = 1;
    result = plan(asked, a_look());
    EXPECT_EQ(result.status.phase, Phase::starting);
    EXPECT_FALSE(is_true(result, "Failed"));

    ws.status.failedRequest = "settings";
    seen = a_look();
    seen.settings_hash = "settings";
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::failed);
    seen.settings_hash = "others";
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::starting);
    seen.obstacle = Obstacle{"TemplateMissing", ""};
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::failed) << "others that can't succeed either";
}

TEST(WorkspacePlanKeep, AnAbsentContainerIsAQuestionToDockerNotACrash)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.tasks = {a_task(TaskStage::running)};
    seen.report = a_report();
    seen.report->container.state = ContainerState::absent;
    const auto result = plan(a_workspace(Phase::running), seen);
    EXPECT_EQ(result.status.phase, Phase::running);
    EXPECT_TRUE(result.in_transition);
}

// W21
TEST(WorkspacePlanKeep, HistoryKeepsTheLastTwenty)
{
    auto ws = a_workspace(Phase::running);
    for (int i = 0; i < 30; ++i) ws.status.history.push_back({Phase::running, std::to_string(i), kNow});
    ws.status.history.erase(ws.status.history.begin(), ws.status.history.end() - 20);
    const auto result = plan(ws, a_look());
    EXPECT_EQ(result.status.history.size(), 20u);
    EXPECT_EQ(result.status.history.back().phase, Phase::starting);
}

TEST(WorkspacePlanKeep, WordsOfDockerAndS3)
{
    EXPECT_EQ(task_problem("No such image: a:b"), "ImageMissing");
    EXPECT_EQ(task_problem("pull access denied for a"), "ImageMissing");
    EXPECT_EQ(
        task_problem("no suitable node (scheduling constraints not satisfied on 1 node)"), "NoNodeFits");
    EXPECT_EQ(task_problem("invalid mount config"), "TaskRejected");
    EXPECT_EQ(sync_problem("AccessDenied: no"), "S3Denied");
    EXPECT_EQ(sync_problem("NoSuchBucket"), "S3NotFound");
    EXPECT_EQ(sync_problem("i/o timeout"), "S3Unavailable");
    EXPECT_EQ(sync_problem("S3Error: not everything could be saved: 1 files could not be saved, first a: S3 refuses it: write: 400 X"),
        "NotStorable");
}

} // namespace
} // namespace berth
