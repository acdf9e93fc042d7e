// Slots and claims in the decision about one workspace.

#include "api/types/warm_pool.hpp"
#include "reconcilers/workspace_service.hpp"
#include "tests/unit/reconcilers/plan_fixture.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

Workspace a_slot(Phase phase)
{
    auto slot = a_workspace(phase);
    slot.spec.s3 = {};
    slot.spec.pool = "default";
    if (phase == Phase::starting || phase == Phase::warm) {
        slot.status.serviceName = "ws-abc";
        slot.status.nodeId = "node1";
        slot.status.nodeName = "one";
    }
    return slot;
}

/// What the API makes of a slot.
Workspace claimed(Workspace slot)
{
    slot.spec.pool.clear();
    slot.spec.claim = 1;
    slot.spec.s3.bucket = "demo";
    slot.spec.env["COLOR"] = "red";
    ++slot.metadata.generation;
    return slot;
}

/// A slot's container, as its agent tells of it.
WorkspaceReportSpec a_slot_report()
{
    auto report = a_report();
    report.sync = {};
    return report;
}

Seen a_healthy_look(WorkspaceReportSpec report)
{
    auto seen = a_look();
    seen.service = our_service();
    seen.tasks = {a_task(TaskStage::running)};
    seen.report = std::move(report);
    return seen;
}

std::string reason(const Plan& plan, std::string_view type)
{
    const auto* found = condition_of(plan, type);
    return found ? found->reason : "none";
}

TEST(Slot, EndsInWarmOnlyWhenAllIsThere)
{
    auto seen = a_healthy_look(a_slot_report());
    EXPECT_EQ(plan(a_slot(Phase::starting), seen).status.phase, Phase::starting)
        << "not asked through the proxy";
    seen.routed = false;
    EXPECT_EQ(plan(a_slot(Phase::starting), seen).status.phase, Phase::starting);
    seen.routed = true;
    const auto ready = plan(a_slot(Phase::starting), seen);
    EXPECT_EQ(ready.status.phase, Phase::warm);
    EXPECT_TRUE(is_true(ready, "Ready"));
    EXPECT_FALSE(ready.status.startedAt) << "nobody has it";
    seen.report->isolated = false;
    EXPECT_EQ(plan(a_slot(Phase::starting), seen).status.phase, Phase::starting) << "without its filter";
}

TEST(Slot, StaysWarmAndIsWatchedLikeAnyOther)
{
    auto seen = a_healthy_look(a_slot_report());
    const auto same = plan(a_slot(Phase::warm), seen);
    EXPECT_EQ(same.status.phase, Phase::warm);
    EXPECT_EQ(same.step, Step::None);
    EXPECT_EQ(same.status.address, "10.201.0.5") << "it has a route";
    seen.report->health.misses = 3;
    EXPECT_EQ(plan(a_slot(Phase::warm), seen).status.phase, Phase::starting);
    seen = a_healthy_look(a_slot_report());
    seen.tasks = {a_task(TaskStage::ended)};
    EXPECT_EQ(plan(a_slot(Phase::warm), seen).status.phase, Phase::starting);
}

TEST(Slot, ItsEndNeedsNoReceiptAndIsNoDanger)
{
    auto slot = a_slot(Phase::stopping);
    slot.metadata.deletionTimestamp = kNow - std::chrono::minutes{5};
    slot.status.endedIncarnation = 2;
    auto seen = a_look();
    seen.report = a_slot_report();
    seen.report->container.state = ContainerState::absent;
    auto waits = plan(slot, seen);
    EXPECT_EQ(waits.status.phase, Phase::stopping);
    EXPECT_FALSE(is_true(waits, "DataAtRisk"));
    seen.report->filesVolume = seen.report->controlVolume = false;
    seen.report->listedEnd = 2;
    EXPECT_TRUE(plan(slot, seen).finished);
    seen = a_look();
    seen.node_known = false;
    EXPECT_TRUE(plan(slot, seen).finished) << "its node has left the Swarm";
}

TEST(Claim, IsRunningAtOnceAndReplacesNothing)
{
    const auto ws = claimed(a_slot(Phase::warm));
    auto seen = a_healthy_look(a_slot_report());
    const auto got = plan(ws, seen);
    EXPECT_EQ(got.step, Step::None);
    EXPECT_EQ(got.status.phase, Phase::running);
    EXPECT_EQ(got.status.history.back().reason, "Claimed");
    EXPECT_EQ(got.status.incarnation, 2);
    EXPECT_EQ(got.status.claimedIncarnation, 2);
    EXPECT_EQ(got.status.startedAt, kNow);
    EXPECT_EQ(got.status.address, "10.201.0.5");
    EXPECT_EQ(reason(got, "Claimed"), "Waiting");
    EXPECT_FALSE(is_true(got, "Claimed"));
    EXPECT_FALSE(is_true(got, "Restored"));
    ASSERT_TRUE(got.next_look);
    EXPECT_LE(*got.next_look, kLimits.claim_deadline);
}

TEST(Claim, OpensTheRouteThatAsked)
{
    auto seen = a_healthy_look(a_slot_report());
    seen.service->guarded = true;
    EXPECT_EQ(plan(a_slot(Phase::warm), seen).step, Step::None) << "nobody has it yet";
    const auto got = plan(claimed(a_slot(Phase::warm)), seen);
    EXPECT_EQ(got.step, Step::Open);
    EXPECT_EQ(got.service_id, seen.service->id);
    EXPECT_EQ(got.status.incarnation, 2);
    auto later = claimed(a_slot(Phase::warm));
    later.status = got.status;
    EXPECT_EQ(plan(later, seen).step, Step::Open) << "until it is done";
    seen.service->guarded = false;
    EXPECT_EQ(plan(later, seen).step, Step::None);
}

TEST(Claim, TheServiceStaysEqualThroughIt)
{
    auto slot = a_slot(Phase::warm);
    const auto before = request_hash(slot);
    auto ws = claimed(slot);
    EXPECT_EQ(request_hash(ws), before) << "before the reconciler has seen it";
    ws.status.phase = Phase::running;
    ws.status.claimedIncarnation = ws.status.incarnation;
    EXPECT_EQ(request_hash(ws), before);
    ws.spec.exposeS3Credentials = true;
    EXPECT_EQ(request_hash(ws), before);
    ++ws.status.incarnation;
    EXPECT_NE(request_hash(ws), before) << "the next container gets the environment itself";
    auto other = claimed(slot);
    other.spec.template_ = "python";
    EXPECT_NE(request_hash(other), before);
}

TEST(Claim, ColdContainersCarryTheFactsOfTheSource)
{
    auto ws = claimed(a_slot(Phase::starting));
    ws.spec.s3.prefix = "p";
    WorkspaceSettings settings;
    const auto env =
        desired_service(ws, Flavor{"image", {}, 512, {{"T", "1"}}}, settings).TaskTemplate.ContainerSpec.Env;
    const auto has = [&](const std::string& line) {
        return std::find(env.begin(), env.end(), line) != env.end();
    };
    EXPECT_TRUE(
        has("S3_BUCKET=demo") && has("S3_REGION=us-east-1") && has("S3_PREFIX=p") && has("COLOR=red"));
    EXPECT_TRUE(has("T=1") && has("BERTH_WORKSPACE_ID=abc"));
}

TEST(Claim, ColdContainersStartWithTheImagesOwnPathAndPorts)
{
    auto ws = claimed(a_slot(Phase::starting));
    for (const char* name : {"PATH", "PORT", "CODE_SERVER_HOST", "MY_PORT"}) ws.spec.env[name] = "/mine";
    const Flavor flavor{"image", {}, 512, {{"PATH", "/of-the-template"}}};
    const auto env = desired_service(ws, flavor, WorkspaceSettings{}).TaskTemplate.ContainerSpec.Env;
    const auto count = [&](const std::string& start) {
        return std::count_if(env.begin(), env.end(), [&](const auto& line) { return line.starts_with(start); });
    };
    EXPECT_EQ(count("PATH=/of-the-template"), 1);
    EXPECT_EQ(count("PATH=/mine") + count("PORT=") + count("CODE_SERVER_HOST="), 0);
    EXPECT_EQ(count("MY_PORT=/mine"), 1);
}

TEST(Claim, NobodysEnvironmentSaysWhetherAContainerWaitsForItsFilter)
{
    auto ws = claimed(a_slot(Phase::starting));
    ws.spec.env["BERTH_ISOLATION"] = "off";
    const Flavor flavor{"image", {}, 512, {{"BERTH_ISOLATION", "off"}}};
    WorkspaceSettings settings;
    const auto count = [&](const std::string& line) {
        const auto env = desired_service(ws, flavor, settings).TaskTemplate.ContainerSpec.Env;
        return std::count(env.begin(), env.end(), line);
    };
    EXPECT_EQ(count("BERTH_ISOLATION=on"), 1);
    EXPECT_EQ(count("BERTH_ISOLATION=off"), 0);
    settings.isolation = false;
    EXPECT_EQ(count("BERTH_ISOLATION=off"), 1);
}

Workspace in_claim(Duration since)
{
    auto ws = claimed(a_slot(Phase::warm));
    ws.status = plan(ws, a_healthy_look(a_slot_report()), kNow - since).status;
    return ws;
}

TEST(Claim, IsOverWhenTheAgentSaysSo)
{
    auto report = a_report();
    report.restored = false;
    report.sync.state = SyncState::restoring;
    auto ws = in_claim(std::chrono::minutes{3});
    auto got = plan(ws, a_healthy_look(report));
    EXPECT_EQ(got.status.phase, Phase::running) << "a long restore is no silence";
    EXPECT_EQ(reason(got, "Claimed"), "Restoring");
    ws.status = got.status;
    report = a_report();
    report.observedClaim = 1;
    got = plan(ws, a_healthy_look(report));
    EXPECT_TRUE(is_true(got, "Claimed"));
    EXPECT_TRUE(is_true(got, "Restored"));
    EXPECT_EQ(got.status.observedClaim, 1);
    EXPECT_EQ(got.status.message, "running");
}

TEST(Claim, ARestoreThatFailsIsSaidAndTheContainerStays)
{
    auto report = a_report();
    report.restored = false;
    report.sync.state = SyncState::failing;
    report.sync.message = "403 AccessDenied";
    const auto got = plan(in_claim(std::chrono::minutes{30}), a_healthy_look(report));
    EXPECT_EQ(got.status.phase, Phase::running);
    EXPECT_EQ(reason(got, "Claimed"), "S3Denied");
}

TEST(Claim, ASilentNodeLosesItAfterTheDeadline)
{
    const auto seen = a_healthy_look(a_slot_report());
    EXPECT_EQ(plan(in_claim(std::chrono::seconds{19}), seen).status.phase, Phase::running);
    auto ws = in_claim(std::chrono::seconds{21});
    const auto got = plan(ws, seen);
    EXPECT_EQ(got.status.phase, Phase::starting);
    EXPECT_EQ(got.status.history.back().reason, "ClaimUnanswered");
    EXPECT_EQ(got.status.incarnation, 3);
    EXPECT_EQ(got.status.nodeId, "") << "it may go anywhere";
    EXPECT_FALSE(is_true(got, "Claimed"));
    EXPECT_NE(got.status.message.find("another container"), std::string::npos);

    // The old report still tells of the old volume; that is nothing of the user's.
    ws.status = got.status;
    auto look = a_look();
    look.report = a_slot_report();
    look.request_hash = "request";
    const auto create = plan(ws, look);
    EXPECT_EQ(create.step, Step::Create);
    EXPECT_EQ(create.status.nodeId, "");
}

TEST(Claim, TimeInWhichNobodyListenedDoesNotCount)
{
    auto seen = a_healthy_look(a_slot_report());
    seen.watching_since = kNow - std::chrono::seconds{2};
    EXPECT_EQ(plan(in_claim(std::chrono::minutes{5}), seen).status.phase, Phase::running);
}

TEST(Claim, AContainerThatHasHeardOfItIsNeverGivenUpForSilence)
{
    auto report = a_report();
    report.restored = false;
    report.sync.state = SyncState::restoring;
    auto ws = in_claim(std::chrono::minutes{3});
    ws.status = plan(ws, a_healthy_look(report)).status;
    const auto got = plan(ws, a_healthy_look(a_slot_report()), kNow + std::chrono::minutes{10});
    EXPECT_EQ(got.status.phase, Phase::running);
    EXPECT_EQ(got.status.incarnation, 2);
}

TEST(Claim, TheReplacementSaysHonestlyWhatItIs)
{
    auto ws = in_claim(std::chrono::seconds{21});
    ws.status = plan(ws, a_healthy_look(a_slot_report())).status;
    ws.status.serviceName = "ws-abc";
    auto report = a_report();
    report.nodeId = "node2";
    report.container = a_container(3);
    report.observedClaim = 1;
    auto seen = a_look();
    seen.service = our_service(3);
    seen.tasks = {a_task(TaskStage::running, 3)};
    seen.report = report;
    seen.routed = true;
    ws.status = plan(ws, seen).status;
    EXPECT_EQ(ws.status.phase, Phase::running);
    const auto got = plan(ws, seen);
    EXPECT_TRUE(is_true(got, "Claimed"));
    EXPECT_EQ(reason(got, "Claimed"), "MovedToAnotherContainer");
    EXPECT_EQ(got.status.nodeId, "node2");
}

TEST(Claim, AStopBeforeAnybodySawItIsAStop)
{
    auto ws = claimed(a_slot(Phase::warm));
    ws.spec.desiredState = DesiredState::stopped;
    const auto got = plan(ws, a_healthy_look(a_slot_report()));
    EXPECT_EQ(got.status.phase, Phase::stopping);
    EXPECT_EQ(got.step, Step::Remove);
}

} // namespace
} // namespace berth
