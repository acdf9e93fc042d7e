// Towards stopped: files are given up only for a receipt that stands for them, or by force.

#include "tests/unit/reconcilers/plan_fixture.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

/// Started 30 s ago, told to stop 10 s ago.
Workspace stopping()
{
    auto ws = a_workspace(Phase::stopping, DesiredState::stopped);
    ws.status.history.insert(
        ws.status.history.begin(), {Phase::starting, "Test", kNow - std::chrono::seconds{30}});
    return ws;
}

TEST(WorkspacePlanStop, EveryLivePhaseTurnsToStoppingAndRemovesTheServiceById)
{
    for (auto phase : {Phase::starting, Phase::running, Phase::failed, Phase::warm, Phase::pending}) {
        SCOPED_TRACE(int(phase));
        auto ws = a_workspace(phase, DesiredState::stopped);
        ws.spec.stopReason = "inactivity";
        auto seen = a_look();
        seen.service = our_service(1); // whichever incarnation
        const auto result = plan(ws, seen);
        EXPECT_EQ(result.status.phase, Phase::stopping);
        EXPECT_EQ(result.status.shutdownReason, "inactivity");
        EXPECT_EQ(result.step, Step::Remove);
        EXPECT_EQ(result.service_id, "svc1");
        EXPECT_EQ(result.status.address, "") << "no route to what is going";
    }
}

TEST(WorkspacePlanStop, DeletionIsAStopWhateverIsDesired)
{
    auto ws = a_workspace(Phase::running);
    ws.metadata.deletionTimestamp = kNow;
    const auto result = plan(ws, a_look());
    EXPECT_EQ(result.status.phase, Phase::stopping);
    EXPECT_EQ(result.status.shutdownReason, "manual");
    EXPECT_FALSE(result.finished);
}

TEST(WorkspacePlanStop, WhatNeverHadAVolumeIsStoppedAtOnce)
{
    for (auto phase : {Phase::pending, Phase::starting}) {
        auto ws = a_workspace(phase, DesiredState::stopped);
        ws.status.nodeId.clear();
        ws.status.serviceName.clear();
        const auto result = plan(ws, a_look());
        EXPECT_EQ(result.status.phase, Phase::stopped);
        EXPECT_EQ(result.status.stoppedAt, kNow);
        EXPECT_TRUE(result.finished);
    }
}

TEST(WorkspacePlanStop, AForeignServiceOfThatNameIsLeftAlone)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.service->ours = false;
    auto ws = a_workspace(Phase::starting, DesiredState::stopped);
    ws.status.nodeId.clear();
    const auto result = plan(ws, seen);
    EXPECT_EQ(result.step, Step::None);
    EXPECT_EQ(result.status.phase, Phase::stopped);
}

TEST(WorkspacePlanStop, WaitsForTheContainerToEnd)
{
    auto seen = a_look();
    seen.tasks = {a_task(TaskStage::running)};
    seen.report = a_final_report(true);
    const auto result = plan(stopping(), seen);
    EXPECT_EQ(result.status.phase, Phase::stopping);
    EXPECT_FALSE(is_true(result, "FilesSafe"));
    EXPECT_TRUE(result.in_transition);
}

// W28
TEST(WorkspacePlanStop, TheReceiptIsStoredFirstThenTheVolumesGo)
{
    auto seen = a_look();
    seen.report = a_final_report(true);
    auto ws = stopping();
    auto result = plan(ws, seen);
    EXPECT_EQ(result.status.phase, Phase::stopping);
    ASSERT_TRUE(result.status.sync.receipt);
    EXPECT_TRUE(result.status.sync.receipt->final);
    EXPECT_TRUE(is_true(result, "FilesSafe"));

    ws.status = result.status;
    seen.report = a_final_report(false);
    result = plan(ws, seen);
    EXPECT_EQ(result.status.phase, Phase::stopped);
    EXPECT_EQ(result.status.nodeId, "");
    EXPECT_EQ(result.status.sync.state, SyncState::complete);
    EXPECT_TRUE(result.status.sync.receipt) << "kept for people to see";
    EXPECT_TRUE(result.finished);
    EXPECT_EQ(result.next_look, kLimits.archive_after);
}

struct ReceiptRow {
    const char* what;
    Duration age;
    std::int64_t incarnation;
    bool accepted;
};

TEST(WorkspacePlanStop, AnOldReceiptDoesNotStandForLaterFiles)
{
    using std::chrono::seconds;
    const ReceiptRow rows[] = {
        {"of this container", seconds{60}, 2, true},
        {"of this container, later", seconds{1}, 2, true},
        {"of an earlier container", seconds{60}, 1, false},
        {"no container any more, after this start", seconds{1}, 0, true},
        {"no container any more, before the stop was noticed", seconds{12}, 0, true},
        {"no container any more, before this start", seconds{60}, 0, false},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        auto seen = a_look();
        seen.report = a_final_report(true, row.age, row.incarnation);
        const auto result = plan(stopping(), seen);
        EXPECT_EQ(result.status.sync.receipt.has_value(), row.accepted);
        EXPECT_EQ(is_true(result, "FilesSafe"), row.accepted);
    }
}

TEST(WorkspacePlanStop, ASlowClockOnTheNodeDoesNotHoldItForEver)
{
    auto seen = a_look();
    seen.report = a_final_report(true, std::chrono::seconds{60}, 0);
    const auto later = kNow + kLimits.at_risk_after;
    seen.report->reportedAt = later - std::chrono::seconds{30};
    EXPECT_TRUE(is_true(plan(stopping(), seen, later), "FilesSafe"));
    seen.report->reportedAt = later - std::chrono::minutes{10};
    EXPECT_FALSE(is_true(plan(stopping(), seen, later), "FilesSafe"))
        << "an agent that is gone says nothing once more";
}

TEST(WorkspacePlanStop, AReceiptThatIsNotFinalProvesNothing)
{
    auto seen = a_look();
    seen.report = a_final_report(false);
    seen.report->sync.receipt->final = false;
    const auto result = plan(stopping(), seen);
    EXPECT_EQ(result.status.phase, Phase::stopping);
    EXPECT_FALSE(is_true(result, "FilesSafe"));
}

// W28
TEST(WorkspacePlanStop, AFailingSyncKeepsTheFilesAndSaysWhere)
{
    auto seen = a_look();
    seen.report = a_final_report(true);
    seen.report->sync.receipt.reset();
    seen.report->sync.state = SyncState::failing;
    seen.report->sync.message = "403 Forbidden";
    const auto result = plan(stopping(), seen, kNow + std::chrono::hours{24 * 30});
    EXPECT_EQ(result.status.phase, Phase::stopping) << "for as long as it takes";
    ASSERT_TRUE(is_true(result, "DataAtRisk"));
    EXPECT_EQ(condition_of(result, "DataAtRisk")->reason, "S3Denied");
    EXPECT_NE(condition_of(result, "DataAtRisk")->message.find("node one"), std::string::npos);
    EXPECT_TRUE(result.next_look);
}

TEST(WorkspacePlanStop, DataAtRiskEndsWhenTheSyncSucceeds)
{
    auto ws = stopping();
    ws.status.conditions.push_back({"DataAtRisk", ConditionStatus::True, "S3Denied", "", kNow, 3});
    auto seen = a_look();
    seen.report = a_final_report(true);
    EXPECT_EQ(condition_of(plan(ws, seen), "DataAtRisk"), nullptr);
}

TEST(WorkspacePlanStop, ALostNodeIsADangerAndNoReasonToWaitForItsTasks)
{
    auto seen = a_look();
    seen.tasks = {a_task(TaskStage::running)};
    seen.node_up = false;
    auto result = plan(stopping(), seen);
    EXPECT_EQ(condition_of(result, "DataAtRisk")->reason, "NodeDown");
    seen.node_known = false;
    result = plan(stopping(), seen);
    EXPECT_EQ(condition_of(result, "DataAtRisk")->reason, "NodeGone");
    EXPECT_EQ(result.status.phase, Phase::stopping);
}

TEST(WorkspacePlanStop, SilenceIsADangerAfterAMinute)
{
    auto seen = a_look();
    seen.report = a_final_report(true);
    seen.report->sync.receipt.reset();
    seen.report->sync.state = SyncState::finalizing;
    EXPECT_FALSE(is_true(plan(stopping(), seen), "DataAtRisk"));
    const auto late = plan(stopping(), seen, kNow + kLimits.at_risk_after);
    EXPECT_EQ(condition_of(late, "DataAtRisk")->reason, "Unconfirmed");
}

TEST(WorkspacePlanStop, ForceGivesFilesUpWhenTheNodeSaysSoOrIsGoneOrTakesTooLong)
{
    auto ws = stopping();
    ws.spec.forceStop = true;
    auto seen = a_look();
    seen.report = a_final_report(true);
    seen.report->sync.receipt.reset();
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::stopping) << "the volumes are still there";

    seen.report->filesVolume = seen.report->controlVolume = false;
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::stopping) << "what it had listed before the end";
    seen.report->listedEnd = 2;
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::stopped);

    seen.report->filesVolume = true;
    EXPECT_EQ(plan(ws, seen, kNow + kLimits.force_wait).status.phase, Phase::stopped);
    auto deleted = ws;
    deleted.metadata.deletionTimestamp = kNow;
    seen.agent_seen_at = kNow + kLimits.force_wait;
    EXPECT_EQ(plan(deleted, seen, kNow + kLimits.force_wait).status.phase, Phase::stopping)
        << "without the object nobody tells the agent to clean up";
    seen.agent_seen_at = kNow + kLimits.force_wait - kLimits.agent_stale;
    EXPECT_EQ(plan(deleted, seen, kNow + kLimits.force_wait).status.phase, Phase::stopped);
    seen.node_known = false;
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::stopped);
}

TEST(WorkspacePlanStop, ANodeWithoutFilesIsBelievedWhenItHasLookedAfterTheEnd)
{
    auto seen = a_look(); // a task was placed there, and the service removed at once
    seen.tasks = {a_task(TaskStage::placed)};
    auto result = plan(stopping(), seen);
    EXPECT_EQ(result.status.phase, Phase::stopping);
    EXPECT_EQ(result.status.endedIncarnation, 0) << "it may still get its container";

    seen.tasks.clear();
    const auto later = kNow + std::chrono::hours{1};
    result = plan(stopping(), seen, later);
    EXPECT_EQ(result.status.endedIncarnation, 2) << "asks the agent for its last word";
    EXPECT_EQ(result.status.phase, Phase::stopping) << "nobody has looked, however long it takes";

    seen.report = a_final_report(false, Duration{0}, 0);
    seen.report->sync = {};
    seen.report->reportedAt = later;
    EXPECT_EQ(plan(stopping(), seen, later).status.phase, Phase::stopping) << "it may have looked before the end";
    seen.report->listedEnd = 1;
    EXPECT_EQ(plan(stopping(), seen, later).status.phase, Phase::stopping) << "the end of an earlier one";
    seen.report->listedEnd = 2;
    result = plan(stopping(), seen, later);
    EXPECT_EQ(result.status.phase, Phase::stopped);
    EXPECT_FALSE(result.status.sync.receipt);

    seen.report->filesVolume = true;
    EXPECT_EQ(plan(stopping(), seen, later).status.phase, Phase::stopping) << "there are files after all";
}

TEST(WorkspacePlanStop, AContainerThatDoesNotEndIsADangerAfterAMinute)
{
    auto seen = a_look();
    seen.tasks = {a_task(TaskStage::running)};
    EXPECT_FALSE(is_true(plan(stopping(), seen), "DataAtRisk"));
    const auto result = plan(stopping(), seen, kNow + kLimits.at_risk_after);
    ASSERT_TRUE(is_true(result, "DataAtRisk"));
    EXPECT_EQ(condition_of(result, "DataAtRisk")->reason, "ContainerStuck");
    EXPECT_NE(result.status.message.find("node one"), std::string::npos);
}

TEST(WorkspacePlanStop, NodesAreNamedAsPeopleKnowThem)
{
    auto ws = a_workspace(Phase::starting, DesiredState::stopped);
    ws.status.nodeId.clear();
    ws.status.nodeName.clear();
    auto seen = a_look();
    seen.tasks = {a_task(TaskStage::placed)};
    seen.tasks[0].node_name = "one";
    EXPECT_EQ(plan(ws, seen).status.nodeName, "one");

    ws = stopping();
    ws.status.nodeName.clear();
    seen = a_look();
    seen.node_name = "one";
    EXPECT_NE(plan(ws, seen).status.message.find("node one"), std::string::npos);
}

TEST(WorkspacePlanStop, AnOldReportOfNoVolumesIsNotBelieved)
{
    // Started and stopped again before the agent noticed the new container.
    auto seen = a_look();
    seen.report = a_final_report(false, std::chrono::hours{1}, 1);
    seen.report->reportedAt = kNow - std::chrono::hours{1};
    const auto result = plan(stopping(), seen);
    EXPECT_EQ(result.status.phase, Phase::stopping);
    EXPECT_FALSE(result.status.sync.receipt);
}

TEST(WorkspacePlanStop, StoppedRests)
{
    const auto ws = a_workspace(Phase::stopped, DesiredState::stopped);
    auto result = plan(ws, a_look());
    EXPECT_EQ(result.step, Step::None);
    EXPECT_TRUE(result.finished);
    EXPECT_EQ(result.status.history, ws.status.history);

    auto seen = a_look();
    seen.service = our_service();
    result = plan(ws, seen);
    EXPECT_EQ(result.step, Step::Remove);
    EXPECT_FALSE(result.finished);
}

TEST(WorkspacePlanStop, FilesThatTurnUpLateAreSavedToo)
{
    auto seen = a_look();
    seen.report = a_final_report(true, Duration{0}, 0);
    seen.report->sync.receipt.reset();
    const auto result = plan(a_workspace(Phase::stopped, DesiredState::stopped), seen);
    EXPECT_EQ(result.status.phase, Phase::stopping);
    EXPECT_EQ(result.status.nodeId, "node1");
    EXPECT_FALSE(result.finished);

    EXPECT_EQ(plan(a_workspace(Phase::archived, DesiredState::stopped), seen).status.phase, Phase::stopping);
    auto given_up = a_workspace(Phase::stopped, DesiredState::stopped);
    given_up.spec.forceStop = true;
    EXPECT_EQ(plan(given_up, seen).status.phase, Phase::stopped) << "given up is given up";
}

// W31
TEST(WorkspacePlanStop, AStoppedOneIsArchivedADayLater)
{
    auto ws = a_workspace(Phase::stopped, DesiredState::stopped);
    ws.status.stoppedAt = kNow;
    ws.status.sync.receipt = Receipt{"hash", 3, 300, kNow, true};
    ws.status.decisions.push_back({kNow, "remove", "Stopping", "service of incarnation 2"});
    auto result = plan(ws, a_look(), kNow + std::chrono::hours{23});
    EXPECT_EQ(result.status.phase, Phase::stopped);
    EXPECT_EQ(result.next_look, std::chrono::hours{1});
    result = plan(ws, a_look(), kNow + std::chrono::hours{24});
    EXPECT_EQ(result.status.phase, Phase::archived);
    EXPECT_EQ(result.status.history.back().reason, "Archived");
    EXPECT_TRUE(result.finished);
    EXPECT_TRUE(result.archived);
    EXPECT_EQ(result.step, Step::None);
    EXPECT_TRUE(result.status.sync.receipt) << "the proof stays";
    EXPECT_EQ(result.status.decisions.size(), 1u) << "what led to the stop is of no interest any more";

    ws.status = result.status;
    result = plan(ws, a_look(), kNow + std::chrono::hours{2400});
    EXPECT_EQ(result.status, ws.status);
    EXPECT_FALSE(result.next_look);
    EXPECT_FALSE(result.archived);
}

TEST(WorkspacePlanStop, ATaskTellsWhereFilesMayBeBeforeTheFirstReport)
{
    auto ws = a_workspace(Phase::starting, DesiredState::stopped);
    ws.status.nodeId.clear();
    auto seen = a_look();
    seen.tasks = {a_task(TaskStage::ended)};
    const auto result = plan(ws, seen);
    EXPECT_EQ(result.status.phase, Phase::stopping) << "its agent is asked before it counts as stopped";
    EXPECT_EQ(result.status.nodeId, "node1");
}

} // namespace
} // namespace berth
