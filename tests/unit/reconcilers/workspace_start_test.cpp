// Towards running: every phase, every thing that can be seen on the way, every reason to give up.

#include "tests/unit/reconcilers/plan_fixture.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(WorkspacePlanStart, EveryRestingPhaseBeginsANewIncarnationBeforeAnythingIsCreated)
{
    for (auto phase : {Phase::pending, Phase::stopped, Phase::archived, Phase::stopping}) {
        SCOPED_TRACE(int(phase));
        const auto ws = a_workspace(phase);
        const auto result = plan(ws, a_look());
        EXPECT_EQ(result.step, Step::None);
        EXPECT_EQ(result.status.phase, Phase::starting);
        EXPECT_EQ(result.status.incarnation, ws.status.incarnation + 1);
        EXPECT_EQ(result.status.serviceName, "");
        EXPECT_EQ(result.next_look, Duration{0});
        EXPECT_EQ(result.status.history.back().phase, Phase::starting);
        EXPECT_EQ(result.status.history.back().at, kNow);
    }
}

TEST(WorkspacePlanStart, BeginningForgetsThePastButNotWhereTheFilesAre)
{
    auto ws = a_workspace(Phase::stopping);
    ws.status.crashReplacements = 3;
    ws.status.incidentRestarts = 1;
    ws.status.sync.receipt = Receipt{"hash", 1, 1, kNow, true};
    ws.spec.restarts = 7;
    const auto result = plan(ws, a_look());
    EXPECT_EQ(result.status.crashReplacements, 0);
    EXPECT_EQ(result.status.incidentRestarts, 0);
    EXPECT_EQ(result.status.observedRestarts, 7);
    EXPECT_FALSE(result.status.sync.receipt);
    EXPECT_EQ(result.status.nodeId, "node1");
}

TEST(WorkspacePlanStart, CreatesWhenNothingOfTheOldOneIsLeft)
{
    auto ws = a_workspace(Phase::starting);
    ws.status.serviceName.clear();
    auto seen = a_look();
    seen.tasks = {a_task(TaskStage::running, 1)};
    auto result = plan(ws, seen);
    EXPECT_EQ(result.step, Step::None) << "an old container still writes to the files";
    EXPECT_TRUE(result.in_transition);

    seen.tasks = {a_task(TaskStage::ended, 1), a_task(TaskStage::refused, 1)};
    result = plan(ws, seen);
    EXPECT_EQ(result.step, Step::Create);
    EXPECT_EQ(result.status.serviceName, "ws-abc");
    EXPECT_EQ(result.status.incarnation, 2);
}

TEST(WorkspacePlanStart, WhatOnlyAPersonCanMendIsSaidAtOnceAndTriedAgainWhenItIsMended)
{
    auto ws = a_workspace(Phase::starting);
    ws.status.serviceName.clear();
    auto seen = a_look();
    seen.settings_hash = "without the template";
    seen.obstacle = Obstacle{"TemplateMissing", "there is no template"};
    auto result = plan(ws, seen);
    EXPECT_EQ(result.step, Step::None);
    EXPECT_EQ(result.status.phase, Phase::failed);
    EXPECT_EQ(condition_of(result, "Failed")->reason, "TemplateMissing");
    EXPECT_EQ(condition_of(result, "Ready")->reason, "TemplateMissing");
    EXPECT_EQ(result.status.message, "there is no template");

    ws.status = result.status;
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::failed);
    seen.obstacle.reset();
    seen.settings_hash = "with the template";
    EXPECT_EQ(plan(ws, seen).status.phase, Phase::starting);
}

TEST(WorkspacePlanStart, ARestartForBadHealthHasLessTime)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    seen.report->health.status = HealthState::starting;
    auto ws = a_workspace(Phase::starting);
    ws.status.conditions.push_back({"Restored", ConditionStatus::True, "FilesAreThere", "", kNow, 3});
    const auto late = kNow + kLimits.incident_deadline;
    EXPECT_EQ(plan(ws, seen, late).status.phase, Phase::starting);
    ws.status.incidentRestarts = 1;
    EXPECT_EQ(plan(ws, seen, late).status.phase, Phase::failed);
}

TEST(WorkspacePlanStart, EveryStageOfAStartSaysWhatItWaitsFor)
{
    auto seen = a_look();
    seen.service = our_service();
    const auto ws = a_workspace(Phase::starting);
    EXPECT_EQ(condition_of(plan(ws, seen), "Ready")->reason, "ContainerStarting");
    EXPECT_EQ(condition_of(plan(ws, seen), "Placed")->reason, "ContainerStarting");
    seen.report = a_report();
    seen.report->restored = false;
    EXPECT_EQ(condition_of(plan(ws, seen), "Ready")->reason, "Restoring");
    seen.report->sync.state = SyncState::failing;
    seen.report->sync.message = "403 Forbidden";
    EXPECT_EQ(condition_of(plan(ws, seen), "Ready")->reason, "S3Denied");
    seen.report = a_report();
    seen.report->health.status = HealthState::starting;
    EXPECT_EQ(condition_of(plan(ws, seen), "Ready")->reason, "ProbeFailed");
    seen.report = a_report();
    seen.routed = false;
    EXPECT_EQ(condition_of(plan(ws, seen), "Ready")->reason, "RouteMissing");
}

TEST(WorkspacePlanStart, FilesOnALostNodeAreTheReasonThatIsGiven)
{
    auto seen = a_look();
    seen.node_up = false;
    seen.service = our_service();
    seen.tasks = {a_task(TaskStage::waiting, 2, "no suitable node (scheduling constraints not satisfied)")};
    auto result = plan(a_workspace(Phase::starting), seen);
    EXPECT_EQ(condition_of(result, "Placed")->reason, "NodeDown");

    auto replaced = a_workspace(Phase::starting);
    replaced.status.serviceName.clear();
    seen.service.reset();
    seen.tasks = {a_task(TaskStage::running, 1)};
    result = plan(replaced, seen);
    EXPECT_EQ(result.step, Step::None) << "the old container may still write";
    EXPECT_EQ(condition_of(result, "Ready")->reason, "NodeDown");
    result = plan(replaced, seen, kNow + kLimits.start_deadline);
    EXPECT_EQ(condition_of(result, "Failed")->reason, "NodeDown");
}

struct ServiceRow {
    const char* what;
    ServiceFacts service;
    Step step;
    std::int64_t incarnation;
    Phase phase;
};

TEST(WorkspacePlanStart, WhatIsDoneWithAServiceThatIsThere)
{
    auto foreign = our_service();
    foreign.ours = false;
    auto other = our_service();
    other.uid = "uid-0";
    auto altered = our_service();
    altered.altered = true;
    auto older_request = our_service();
    older_request.request_hash = "before";
    const ServiceRow rows[] = {
        {"ours", our_service(), Step::None, 2, Phase::starting},
        {"an earlier incarnation", our_service(1), Step::Remove, 2, Phase::starting},
        {"a later incarnation (restored backup)", our_service(5), Step::None, 5, Phase::starting},
        {"an earlier workspace of this name", other, Step::Remove, 2, Phase::starting},
        {"foreign", foreign, Step::None, 2, Phase::starting},
        {"changed by hand", altered, Step::None, 3, Phase::starting},
        {"made for another request", older_request, Step::None, 3, Phase::starting},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        auto seen = a_look();
        seen.service = row.service;
        const auto result = plan(a_workspace(Phase::starting), seen);
        EXPECT_EQ(result.step, row.step);
        EXPECT_EQ(result.status.incarnation, row.incarnation);
        EXPECT_EQ(result.status.phase, row.phase);
        if (row.step == Step::Remove) {
            EXPECT_EQ(result.service_id, "svc1");
        }
    }
}

TEST(WorkspacePlanStart, AForeignServiceIsNamedNeverTouchedAndFreesTheNameLater)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.service->ours = false;
    auto ws = a_workspace(Phase::starting);
    auto result = plan(ws, seen);
    EXPECT_TRUE(is_true(result, "NameTaken"));
    EXPECT_EQ(result.step, Step::None);
    EXPECT_EQ(plan(ws, seen, kNow + kLimits.start_deadline).status.phase, Phase::failed);

    ws.status = result.status;
    seen.service.reset();
    result = plan(ws, seen);
    EXPECT_EQ(result.step, Step::Create);
    EXPECT_FALSE(is_true(result, "NameTaken"));
}

TEST(WorkspacePlanStart, AServiceRemovedByHandIsMadeAgainWithoutCountingIt)
{
    for (auto phase : {Phase::starting, Phase::running}) {
        const auto result = plan(a_workspace(phase), a_look());
        EXPECT_EQ(result.step, Step::None);
        EXPECT_EQ(result.status.phase, Phase::starting);
        EXPECT_EQ(result.status.incarnation, 3);
        EXPECT_EQ(result.status.crashReplacements, 0);
        EXPECT_EQ(result.status.nodeId, "node1") << "its files are there";
    }
}

TEST(WorkspacePlanStart, RunningIsSaidOnlyWhenEverythingIsTrue)
{
    auto ready = a_look();
    ready.service = our_service();
    ready.tasks = {a_task(TaskStage::running)};
    ready.report = a_report();
    ready.routed = true;
    const auto ws = a_workspace(Phase::starting);
    const auto result = plan(ws, ready);
    EXPECT_EQ(result.status.phase, Phase::running);
    EXPECT_EQ(result.status.startedAt, kNow);
    EXPECT_EQ(result.status.address, "10.201.0.5");
    EXPECT_TRUE(is_true(result, "Routed"));
    EXPECT_TRUE(is_true(result, "Ready"));

    const std::pair<const char*, std::function<void(Seen&)>> missing[] = {
        {"no report", [](Seen& seen) { seen.report.reset(); }},
        {"report of the old container", [](Seen& seen) { seen.report->container.incarnation = 1; }},
        {"container created", [](Seen& seen) { seen.report->container.state = ContainerState::created; }},
        {"not restored", [](Seen& seen) { seen.report->restored = false; }},
        {"no code-server", [](Seen& seen) { seen.report->health.checks.codeServer = false; }},
        {"no desktop", [](Seen& seen) { seen.report->health.checks.vnc = false; }},
        {"health unknown", [](Seen& seen) { seen.report->health.status = HealthState::starting; }},
        {"route not asked", [](Seen& seen) { seen.routed.reset(); }},
        {"route not served", [](Seen& seen) { seen.routed = false; }},
    };
    for (const auto& [what, spoil] : missing) {
        SCOPED_TRACE(what);
        auto seen = ready;
        spoil(seen);
        const auto other = plan(ws, seen);
        EXPECT_EQ(other.status.phase, Phase::starting);
        EXPECT_FALSE(is_true(other, "Ready"));
        EXPECT_TRUE(other.next_look);
    }
}

TEST(WorkspacePlanStart, TheUsersOwnWebServerIsReportedOnly)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    seen.report->health.checks.webServer = false;
    seen.routed = true;
    EXPECT_EQ(plan(a_workspace(Phase::starting), seen).status.phase, Phase::running);
}

TEST(WorkspacePlanStart, TheAddressIsKnownBeforeItRunsSoThatTheRouteIsThere)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    seen.report->restored = false;
    const auto result = plan(a_workspace(Phase::starting), seen);
    EXPECT_EQ(result.status.phase, Phase::starting);
    EXPECT_EQ(result.status.address, "10.201.0.5");
    EXPECT_EQ(result.status.nodeName, "one");
}

TEST(WorkspacePlanStart, ProbesOnlyWhatCouldAnswer)
{
    const auto ws = a_workspace(Phase::starting);
    EXPECT_TRUE(wants_probe(ws, a_report()));
    EXPECT_FALSE(wants_probe(ws, std::nullopt));
    EXPECT_FALSE(wants_probe(a_workspace(Phase::running), a_report()));
    EXPECT_FALSE(wants_probe(a_workspace(Phase::starting, DesiredState::stopped), a_report()));
    auto report = a_report();
    report.container.incarnation = 1;
    EXPECT_FALSE(wants_probe(ws, report));
}

struct FailureRow {
    const char* reason;
    std::function<void(Seen&)> make;
};

TEST(WorkspacePlanStart, GivesUpAfterTheDeadlineWithTheReasonThatCounts)
{
    const FailureRow rows[] = {
        {"StartTimeout", [](Seen& seen) { seen.report.reset(); }},
        {"ImageMissing",
            [](Seen& seen) {
                seen.report.reset();
                seen.tasks = {a_task(TaskStage::refused, 2, "No such image: berth/workspace:1")};
            }},
        {"NoNodeFits",
            [](Seen& seen) {
                seen.report.reset();
                seen.tasks = {
                    a_task(TaskStage::waiting, 2, "no suitable node (insufficient resources on 1 node)")};
            }},
        {"S3Denied",
            [](Seen& seen) {
                seen.report->restored = false;
                seen.report->sync.state = SyncState::failing;
                seen.report->sync.message = "403 Forbidden";
            }},
        {"S3Unavailable",
            [](Seen& seen) {
                seen.report->restored = false;
                seen.report->sync.state = SyncState::failing;
                seen.report->sync.message = "connection refused";
            }},
        {"ProbeFailed", [](Seen& seen) { seen.report->health.status = HealthState::starting; }},
        {"RouteMissing", [](Seen& seen) { seen.routed = false; }},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.reason);
        auto seen = a_look();
        seen.service = our_service();
        seen.report = a_report();
        row.make(seen);
        auto ws = a_workspace(Phase::starting);
        auto result = plan(ws, seen);
        EXPECT_EQ(result.status.phase, Phase::starting);
        ws.status = result.status;
        if (seen.report) seen.report->reportedAt = kNow + kLimits.start_deadline;
        for (auto& task : seen.tasks) task.at = kNow + kLimits.start_deadline;
        // A restore that had ended within the time gets its own time for what follows.
        result = plan(ws, seen, kNow + 2 * kLimits.start_deadline);
        EXPECT_EQ(result.status.phase, Phase::failed);
        EXPECT_EQ(condition_of(result, "Failed")->reason, row.reason);
        EXPECT_EQ(result.step, Step::Remove);
        EXPECT_EQ(result.status.nodeId, "node1") << "its files stay there";
        EXPECT_EQ(result.status.address, "");
    }
}

TEST(WorkspacePlanStart, ARestoreThatMovesOnIsNotTimedOut)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.report = a_report();
    seen.report->restored = false;
    seen.report->sync.state = SyncState::restoring;
    const auto later = kNow + std::chrono::hours{2};
    seen.report->reportedAt = later - std::chrono::seconds{30};
    EXPECT_EQ(plan(a_workspace(Phase::starting), seen, later).status.phase, Phase::starting);
    seen.report->reportedAt = later - std::chrono::minutes{10};
    const auto silent = plan(a_workspace(Phase::starting), seen, later);
    ASSERT_EQ(silent.status.phase, Phase::failed) << "a silent agent";
    EXPECT_EQ(condition_of(silent, "Failed")->reason, "RestoreTimeout");
}

TEST(WorkspacePlanStart, ARefusedTaskIsTriedAgainWithoutCountingAsACrash)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.tasks = {a_task(TaskStage::refused, 2, "No such image: x")};
    auto result = plan(a_workspace(Phase::starting), seen);
    EXPECT_EQ(result.status.incarnation, 2);
    seen.tasks[0].at = kNow - kLimits.retry_rejected;
    result = plan(a_workspace(Phase::starting), seen);
    EXPECT_EQ(result.status.incarnation, 3);
    EXPECT_EQ(result.status.crashReplacements, 0);
    EXPECT_EQ(condition_of(result, "Placed")->reason, "ImageMissing");
}

} // namespace
} // namespace berth
