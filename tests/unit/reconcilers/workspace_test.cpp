// The workspace reconciler against an engine in memory, with everything that may go wrong on the way.

#include "tests/unit/reconcilers/workspace_fixture.hpp"

namespace berth {
namespace {

TEST_F(WorkspaceTest, FromAWishToRunningAndRouted)
{
    put_workspace();
    const auto* service = h.engine.service("ws-abc");
    ASSERT_TRUE(service);
    const auto& spec = service->Spec;
    EXPECT_EQ(label("dev.berth.install"), "install-1");
    EXPECT_EQ(label("dev.berth.name"), "abc");
    EXPECT_EQ(label("dev.berth.incarnation"), "1");
    EXPECT_EQ(spec.TaskTemplate.RestartPolicy->Condition, "none");
    EXPECT_EQ(spec.EndpointSpec->Mode, "dnsrr");
    EXPECT_EQ(spec.TaskTemplate.ContainerSpec.CapabilityDrop, docker::Strings{"ALL"});
    EXPECT_EQ(phase(), Phase::starting);

    h.engine.run_tasks();
    auto early = seen_by_agent();
    early.spec.health = {};
    report(early);
    EXPECT_EQ(phase(), Phase::starting);
    EXPECT_EQ(ws().status.address, "10.201.0.9") << "the route comes before the last word";
    EXPECT_TRUE(proxy.asked.empty());

    report();
    EXPECT_EQ(phase(), Phase::running);
    EXPECT_EQ(ws().status.nodeId, h.engine.local_node());
    EXPECT_EQ(ws().status.urls.codeServer, "http://abc-code.localhost/");
    ASSERT_FALSE(proxy.asked.empty());
    EXPECT_EQ(proxy.asked.back().headers.get("Host"), "abc-code.localhost");
    EXPECT_EQ(proxy.asked.back().target, "/healthz");
    EXPECT_EQ(h.engine.calls("POST /services/create"), 1u);
}

// W44
TEST_F(WorkspaceTest, RunningIsNotSaidBeforeTheProxyServesIt)
{
    put_workspace();
    h.engine.run_tasks();
    proxy.status = 404;
    report();
    EXPECT_EQ(phase(), Phase::starting);
    proxy.down = true;
    h.advance(std::chrono::seconds{1});
    EXPECT_EQ(phase(), Phase::starting);
    proxy.down = false;
    proxy.status = 200;
    h.advance(std::chrono::milliseconds{200});
    EXPECT_EQ(phase(), Phase::running);
}

TEST_F(WorkspaceTest, ACreateWhoseAnswerIsLostIsFoundAgain)
{
    h.engine.inject({.kind = Fault::Kind::LostReply, .call = "POST /services/create"});
    put_workspace();
    h.advance(std::chrono::seconds{5});
    EXPECT_EQ(h.engine.services().size(), 1u);
    h.engine.run_tasks();
    report();
    EXPECT_EQ(phase(), Phase::running);
    EXPECT_EQ(ws().status.incarnation, 1);
}

TEST_F(WorkspaceTest, ACreateThatFailsAfterItsEffectIsFoundAgain)
{
    h.engine.inject({.kind = Fault::Kind::StatusAfter, .call = "POST /services/create", .status = 500});
    put_workspace();
    h.advance(std::chrono::seconds{5});
    EXPECT_EQ(h.engine.services().size(), 1u);
    EXPECT_EQ(label("dev.berth.incarnation"), "1");
}

TEST_F(WorkspaceTest, ACreateThatFailsAfterItsEffectIsNotForgottenByAStop)
{
    h.engine.inject({.kind = Fault::Kind::StatusAfter, .call = "POST /services/create", .status = 500});
    Workspace made;
    made.metadata.org = "default";
    made.metadata.name = "abc";
    made.spec.s3.bucket = "demo";
    h.put(made); // nothing was listed since
    ASSERT_EQ(h.engine.services().size(), 1u);
    auto unwanted = ws();
    unwanted.spec.desiredState = DesiredState::stopped;
    h.put(unwanted);
    EXPECT_TRUE(h.engine.services().empty());
}

TEST_F(WorkspaceTest, ACreateThatFailsTwiceIsMadeOnce)
{
    h.engine.inject(
        {.kind = Fault::Kind::StatusBefore, .call = "POST /services/create", .times = 2, .status = 503});
    put_workspace();
    h.advance(std::chrono::seconds{10});
    EXPECT_EQ(h.engine.services().size(), 1u);
    EXPECT_EQ(h.engine.calls("POST /services/create"), 3u);
    EXPECT_EQ(phase(), Phase::starting);
}

TEST_F(WorkspaceTest, AStaleListMakesNoSecondService)
{
    h.engine.inject({.kind = Fault::Kind::StaleList, .call = "GET /services", .times = 3});
    h.engine.inject({.kind = Fault::Kind::StaleList, .call = "GET /tasks", .times = 3});
    put_workspace();
    h.advance(std::chrono::seconds{3});
    EXPECT_EQ(h.engine.calls("POST /services/create"), 1u);
    EXPECT_EQ(h.engine.calls("DELETE /services"), 0u);
    EXPECT_EQ(ws().status.incarnation, 1);
}

TEST_F(WorkspaceTest, AServiceRemovedByHandComesBackEvenWhenTheEventIsLost)
{
    bring_up();
    const auto node = ws().status.nodeId;
    h.engine.lose_events(true);
    h.engine.remove_service_by_hand("ws-abc");
    h.advance(std::chrono::seconds{35});
    ASSERT_TRUE(h.engine.service("ws-abc"));
    EXPECT_EQ(label("dev.berth.incarnation"), "2");
    EXPECT_EQ(h.engine.service("ws-abc")->Spec.TaskTemplate.Placement->Constraints,
        docker::Strings{"node.id==" + node});
    EXPECT_EQ(ws().status.crashReplacements, 0);
    h.engine.run_tasks();
    report();
    EXPECT_EQ(phase(), Phase::running);
}

TEST_F(WorkspaceTest, AServiceChangedByHandIsMadeAnew)
{
    bring_up();
    auto service = *h.engine.service("ws-abc");
    service.Spec.TaskTemplate.ContainerSpec.Env.push_back("INTRUDER=1");
    h.run(h.docker.update_service(service.ID, service.Version.Index, service.Spec));
    h.advance(std::chrono::seconds{35});
    const auto* fresh = h.engine.service("ws-abc");
    ASSERT_TRUE(fresh);
    EXPECT_NE(fresh->ID, service.ID);
    for (const auto& line : fresh->Spec.TaskTemplate.ContainerSpec.Env) EXPECT_NE(line, "INTRUDER=1");
}

TEST_F(WorkspaceTest, AForeignServiceOfTheSameNameIsNeverTouched)
{
    docker::ServiceSpec foreign;
    foreign.Name = "ws-abc";
    foreign.TaskTemplate.ContainerSpec.Image = "foreign:1";
    h.run(h.docker.create_service(foreign));
    h.observe();
    put_workspace();
    h.advance(std::chrono::minutes{6});
    EXPECT_EQ(phase(), Phase::failed);
    EXPECT_TRUE(find_condition(ws().status.conditions, "NameTaken"));
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::stopped; });
    h.advance(std::chrono::minutes{1});
    EXPECT_EQ(phase(), Phase::stopped);
    h.remove<Workspace>("default", "abc");
    h.observe();
    EXPECT_FALSE(h.find<Workspace>("default", "abc"));
    ASSERT_TRUE(h.engine.service("ws-abc"));
    EXPECT_EQ(h.engine.service("ws-abc")->Spec.TaskTemplate.ContainerSpec.Image, "foreign:1");
    EXPECT_EQ(h.engine.calls("DELETE /services"), 0u);
    EXPECT_EQ(h.engine.calls("POST /services/ws-abc/update"), 0u);
}

TEST_F(WorkspaceTest, ADeadContainerIsReplacedOnItsNode)
{
    bring_up();
    h.engine.kill_tasks("ws-abc", 137);
    report();
    h.advance(std::chrono::seconds{2});
    EXPECT_EQ(phase(), Phase::starting);
    EXPECT_EQ(ws().status.crashReplacements, 1);
    EXPECT_EQ(label("dev.berth.incarnation"), "2");
    h.engine.run_tasks();
    report();
    EXPECT_EQ(phase(), Phase::running);
    EXPECT_EQ(h.engine.services().size(), 1u);
}

TEST_F(WorkspaceTest, ADeadContainerIsNoticedWithoutItsAgent)
{
    bring_up();
    h.engine.kill_tasks("ws-abc", 1);
    h.advance(std::chrono::seconds{35}); // the relist
    EXPECT_EQ(ws().status.crashReplacements, 1);
    EXPECT_EQ(label("dev.berth.incarnation"), "2");
}

TEST_F(WorkspaceTest, AReportThatComesLateIsWaitedFor)
{
    put_workspace();
    h.engine.run_tasks();
    h.advance(std::chrono::minutes{2});
    EXPECT_EQ(phase(), Phase::starting);
    EXPECT_EQ(ws().status.incarnation, 1);
    report();
    EXPECT_EQ(phase(), Phase::running);
}

TEST_F(WorkspaceTest, NoReportAtAllFailsAfterTheDeadlineAndKeepsTheFilesPlace)
{
    put_workspace();
    h.engine.run_tasks();
    h.advance(std::chrono::minutes{6});
    EXPECT_EQ(phase(), Phase::failed);
    EXPECT_EQ(find_condition(ws().status.conditions, "Failed")->reason, "StartTimeout");
    EXPECT_EQ(h.engine.services().size(), 0u);
    EXPECT_EQ(ws().status.nodeId, h.engine.local_node());
}

TEST_F(WorkspaceTest, AMissingImageIsSaidAndTriedAgain)
{
    h.engine.remove_image("berth/workspace:1");
    put_workspace();
    h.engine.run_tasks();
    h.advance(std::chrono::seconds{3});
    ASSERT_TRUE(find_condition(ws().status.conditions, "Placed"));
    EXPECT_EQ(find_condition(ws().status.conditions, "Placed")->reason, "ImageMissing");
    for (int i = 0; i < 18; ++i) {
        h.engine.run_tasks();
        h.advance(std::chrono::seconds{20});
    }
    EXPECT_GT(ws().status.incarnation, 3);
    EXPECT_EQ(ws().status.crashReplacements, 0);
    EXPECT_EQ(phase(), Phase::failed);
    EXPECT_EQ(find_condition(ws().status.conditions, "Failed")->reason, "ImageMissing");
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::stopped; });
    h.advance(std::chrono::seconds{2});
    EXPECT_EQ(phase(), Phase::stopped) << "no container, so no files to wait for";
}

TEST_F(WorkspaceTest, StopKeepsTheFilesUntilTheReceiptIsStored)
{
    bring_up();
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::stopped; });
    h.advance(std::chrono::seconds{5});
    EXPECT_EQ(h.engine.services().size(), 0u);
    EXPECT_EQ(phase(), Phase::stopping);
    h.advance(std::chrono::minutes{5});
    EXPECT_EQ(phase(), Phase::stopping);
    EXPECT_EQ(find_condition(ws().status.conditions, "DataAtRisk")->status, ConditionStatus::True);
    finish_stop();
    EXPECT_EQ(phase(), Phase::stopped);
    EXPECT_EQ(ws().status.shutdownReason, "manual");
}

TEST_F(WorkspaceTest, ADeletedWorkspaceGoesWithItsReportWhenItsFilesAreSafe)
{
    bring_up();
    h.remove<Workspace>("default", "abc");
    h.advance(std::chrono::seconds{5});
    ASSERT_TRUE(h.find<Workspace>("default", "abc"));
    EXPECT_EQ(h.engine.services().size(), 0u);
    auto final = seen_by_agent();
    final.spec.sync.receipt = Receipt{"hash", 2, 20, h.clock.now(), true};
    final.spec.filesVolume = final.spec.controlVolume = false;
    report(final);
    EXPECT_FALSE(h.find<Workspace>("default", "abc"));
    EXPECT_FALSE(h.find<WorkspaceReport>("default", "abc"));
}

// W21
TEST_F(WorkspaceTest, ANewWishWinsWhileItStops)
{
    bring_up();
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::stopped; });
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::running; });
    h.advance(std::chrono::seconds{2});
    EXPECT_EQ(label("dev.berth.incarnation"), "2");
    h.engine.run_tasks();
    report();
    EXPECT_EQ(phase(), Phase::running);
}

// W32
TEST_F(WorkspaceTest, AStoppedOneStartsAgainWithTheSameAddresses)
{
    bring_up();
    const auto urls = ws().status.urls;
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::stopped; });
    h.advance(std::chrono::seconds{2});
    finish_stop();
    ASSERT_EQ(phase(), Phase::stopped);
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::running; });
    EXPECT_EQ(label("dev.berth.incarnation"), "2");
    EXPECT_FALSE(h.engine.service("ws-abc")->Spec.TaskTemplate.Placement) << "any node will do";
    EXPECT_FALSE(ws().status.sync.receipt);
    h.engine.run_tasks();
    report();
    EXPECT_EQ(phase(), Phase::running);
    EXPECT_EQ(ws().status.urls, urls);
}

TEST_F(WorkspaceTest, AChangedEnvironmentReplacesTheContainerAChangedImageWaits)
{
    bring_up();
    edit([](WorkspaceSpec& spec) { spec.env["COLOR"] = "blue"; });
    h.advance(std::chrono::seconds{2});
    EXPECT_EQ(label("dev.berth.incarnation"), "2");
    const auto& env = h.engine.service("ws-abc")->Spec.TaskTemplate.ContainerSpec.Env;
    EXPECT_NE(std::find(env.begin(), env.end(), "COLOR=blue"), env.end());
}

TEST_F(WorkspaceTest, TheOldContainerEndsBeforeTheNewOneIsMade)
{
    h.stop();
    FakeEngineOptions slow;
    slow.stop_after.reset(); // until the test says so
    Harness other{slow};
    WorkspaceReconciler mine{other.store(), other.docker, other.observed, proxy, other.clock, settings()};
    other.run(ensure_swarm(other.docker, swarm_settings()));
    other.add<Workspace>(mine);
    other.start();
    Workspace workspace;
    workspace.metadata.name = "abc";
    workspace.spec.s3.bucket = "demo";
    workspace = other.put(workspace);
    other.observe();
    other.engine.run_tasks();
    other.advance(std::chrono::seconds{1});
    workspace.spec.restarts = 1;
    other.put(workspace);
    other.advance(std::chrono::seconds{20});
    EXPECT_FALSE(other.engine.service("ws-abc")) << "two containers would write the same files";
    other.engine.finish_stops();
    other.advance(std::chrono::seconds{2});
    ASSERT_TRUE(other.engine.service("ws-abc"));
    other.stop();
}

TEST_F(WorkspaceTest, AnEmptyListAfterAReconnectRemovesNothing)
{
    bring_up();
    h.engine.inject({.kind = Fault::Kind::EmptyList, .call = "GET /services"});
    h.engine.inject({.kind = Fault::Kind::EmptyList, .call = "GET /tasks"});
    h.engine.cut_events();
    h.advance(std::chrono::seconds{10});
    EXPECT_EQ(phase(), Phase::running);
    EXPECT_EQ(label("dev.berth.incarnation"), "1");
    EXPECT_EQ(h.engine.calls("DELETE /services"), 0u);
}

TEST_F(WorkspaceTest, AReportAboutAnEarlierWorkspaceOfThatNameIsIgnored)
{
    put_workspace();
    h.engine.run_tasks();
    auto other = seen_by_agent();
    other.metadata.ownerReferences.clear();
    other.spec.workspaceUid = "another";
    report(other);
    EXPECT_EQ(phase(), Phase::starting);
    EXPECT_EQ(ws().status.address, "");
}

} // namespace
} // namespace berth
