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
    result = plan(ws, seen, kNow + std::chrono::minutes{9});
    EXPECT_EQ(result.status.incidentRestarts, 1);
    ws.status = result.status;
    result = plan(ws, seen, kNow + std::chrono::minutes{10});
    EXPECT_EQ(result.status.incidentRestarts, 0);
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

TEST(WorkspacePlanKeep, FailedRestsUntilTheSpecChanges)
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
    result = plan(ws, a_look());
    EXPECT_EQ(result.status.phase, Phase::starting);
    EXPECT_FALSE(is_true(result, "Failed"));
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
}

} // namespace
} // namespace berth
