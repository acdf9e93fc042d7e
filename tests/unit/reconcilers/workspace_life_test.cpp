// The reconciler over a whole life: templates that come and go, services that Docker refuses, ends without
// files, and the archive.

#include "api/types/node.hpp"
#include "tests/unit/reconcilers/workspace_fixture.hpp"

namespace berth {
namespace {

class WorkspaceLife : public WorkspaceTest {
protected:
    void put_template(const std::string& image)
    {
        WorkspaceTemplate made;
        made.metadata.org = "default";
        made.metadata.name = "small";
        made.spec.image = image;
        h.put(made);
        h.observe();
    }
    std::string failure()
    {
        const auto* failed = find_condition(status.conditions, "Failed");
        return failed ? failed->reason : "";
    }
    const WorkspaceStatus& look(const std::string& id = "abc") { return status = ws(id).status; }
    void put_from_template()
    {
        Workspace workspace;
        workspace.metadata.org = "default";
        workspace.metadata.name = "abc";
        workspace.spec.s3.bucket = "demo";
        workspace.spec.template_ = "small";
        h.put(workspace);
        h.observe();
    }
    void use_template()
    {
        put_workspace();
        edit([](WorkspaceSpec& spec) { spec.template_ = "small"; });
    }
    WorkspaceStatus status;
};

TEST_F(WorkspaceLife, AMissingTemplateIsSaidAtOnceAndItsComingIsNoticed)
{
    put_from_template();
    EXPECT_EQ(look().phase, Phase::failed);
    EXPECT_EQ(failure(), "TemplateMissing");
    EXPECT_EQ(find_condition(status.conditions, "Ready")->reason, "TemplateMissing");
    h.advance(std::chrono::minutes{30});
    EXPECT_EQ(look().phase, Phase::failed);
    EXPECT_EQ(h.engine.services().size(), 0u);

    put_template("berth/small:1");
    EXPECT_EQ(look().phase, Phase::starting);
    ASSERT_TRUE(h.engine.service("ws-abc"));
    EXPECT_EQ(h.engine.service("ws-abc")->Spec.TaskTemplate.ContainerSpec.Image, "berth/small:1");
}

TEST_F(WorkspaceLife, ATemplateThatGoesIsNoticedOnlyByTheNextContainer)
{
    put_template("berth/small:1");
    use_template();
    h.advance(std::chrono::seconds{2});
    h.engine.run_tasks();
    report();
    ASSERT_EQ(phase(), Phase::running);
    h.remove<WorkspaceTemplate>("default", "small");
    h.advance(std::chrono::seconds{2});
    EXPECT_EQ(phase(), Phase::running);
    edit([](WorkspaceSpec& spec) { ++spec.restarts; });
    h.advance(std::chrono::seconds{2});
    EXPECT_EQ(look().phase, Phase::failed);
    EXPECT_EQ(failure(), "TemplateMissing");
    EXPECT_EQ(status.nodeId, h.engine.local_node()) << "its files are there";
}

TEST_F(WorkspaceLife, WhatDockerRefusesForItsWordsIsNotTriedAgainUntilTheyChange)
{
    put_template("bad reference");
    h.engine.inject(
        {.kind = Fault::Kind::StatusBefore, .call = "POST /services/create", .times = 1, .status = 400});
    put_from_template();
    EXPECT_EQ(look().phase, Phase::failed);
    EXPECT_EQ(failure(), "ServiceRefused");
    EXPECT_EQ(status.decisions.back().step, "enter failed");
    h.advance(std::chrono::minutes{30});
    EXPECT_EQ(h.engine.calls("POST /services/create"), 1u);
    EXPECT_EQ(look().phase, Phase::failed);

    put_template("berth/small:1");
    EXPECT_EQ(look().phase, Phase::starting);
    EXPECT_TRUE(h.engine.service("ws-abc"));
}

TEST_F(WorkspaceLife, AnEndWithoutFilesIsOverAsSoonAsTheAgentHasLookedAfterIt)
{
    put_workspace();
    h.engine.run_tasks(); // it has its container, and the agent has not noticed
    h.remove<Workspace>("default", "abc");
    h.advance(std::chrono::seconds{2});
    ASSERT_TRUE(h.find<Workspace>("default", "abc"));
    EXPECT_EQ(look().phase, Phase::stopping);
    EXPECT_EQ(status.endedIncarnation, 1);
    h.advance(std::chrono::minutes{10});
    ASSERT_TRUE(h.find<Workspace>("default", "abc")) << "nobody has looked";
    EXPECT_TRUE(find_condition(look().conditions, "DataAtRisk"));

    auto early = seen_by_agent();
    early.spec.filesVolume = early.spec.controlVolume = false;
    early.spec.listedEnd = 0;
    report(early);
    ASSERT_TRUE(h.find<Workspace>("default", "abc")) << "it may have looked before the container was made";
    early.spec.listedEnd = 1;
    report(early);
    EXPECT_FALSE(h.find<Workspace>("default", "abc"));
}

TEST_F(WorkspaceLife, AStoppedOneIsArchivedWithoutItsReportAndStartsAgain)
{
    bring_up();
    const auto urls = ws().status.urls;
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::stopped; });
    h.advance(std::chrono::seconds{2});
    finish_stop();
    ASSERT_EQ(phase(), Phase::stopped);
    h.advance(std::chrono::hours{23});
    EXPECT_EQ(phase(), Phase::stopped);
    ASSERT_TRUE(h.find<WorkspaceReport>("default", "abc"));
    h.advance(std::chrono::hours{2});
    EXPECT_EQ(look().phase, Phase::archived);
    EXPECT_FALSE(h.find<WorkspaceReport>("default", "abc"));
    EXPECT_TRUE(status.sync.receipt) << "the proof stays";
    EXPECT_EQ(status.history.back().reason, "Archived");

    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::running; });
    EXPECT_EQ(label("dev.berth.incarnation"), "2");
    h.engine.run_tasks();
    report();
    EXPECT_EQ(look().phase, Phase::running);
    EXPECT_EQ(status.urls, urls);
}

TEST_F(WorkspaceLife, AnArchivedOneCanBeDeleted)
{
    bring_up();
    edit([](WorkspaceSpec& spec) { spec.desiredState = DesiredState::stopped; });
    h.advance(std::chrono::seconds{2});
    finish_stop();
    h.advance(std::chrono::hours{25});
    ASSERT_EQ(phase(), Phase::archived);
    h.remove<Workspace>("default", "abc");
    h.advance(std::chrono::seconds{2});
    EXPECT_FALSE(h.find<Workspace>("default", "abc"));
}

TEST_F(WorkspaceLife, InPathModeTheProbeAsksForThePath)
{
    h.stop();
    auto by_path = settings();
    by_path.address.routing = RoutingMode::path;
    by_path.address.domain = "berth.example";
    Harness other;
    WorkspaceReconciler mine{other.store(), other.docker, other.observed, proxy, other.clock, by_path};
    other.run(ensure_swarm(other.docker, swarm_settings()));
    other.add<Workspace>(mine);
    other.start();
    Workspace workspace;
    workspace.metadata.name = "abc";
    workspace.spec.s3.bucket = "demo";
    workspace = other.put(workspace);
    other.observe();
    other.engine.run_tasks();
    WorkspaceReport told;
    told.metadata.org = "default";
    told.metadata.name = "abc";
    told.metadata.ownerReferences = {{"Workspace", "abc", workspace.metadata.uid}};
    auto& spec = told.spec;
    spec.workspaceUid = workspace.metadata.uid;
    spec.nodeId = other.engine.local_node();
    spec.reportedAt = other.clock.now();
    spec.filesVolume = spec.controlVolume = spec.restored = spec.isolated = true;
    spec.container.state = ContainerState::running;
    spec.container.incarnation = 1;
    spec.container.address = "10.201.0.9";
    spec.health.status = HealthState::healthy;
    spec.health.checks = {true, true, false};
    other.put(told);
    other.observe();
    ASSERT_FALSE(proxy.asked.empty());
    EXPECT_EQ(proxy.asked.back().target, "/code/abc/healthz");
    EXPECT_EQ(proxy.asked.back().headers.get("Host"), "berth.example");
    EXPECT_EQ(other.get<Workspace>("default", "abc").status.phase, Phase::running);
    other.stop();
}

/// The node says every half minute that nothing has changed, and the workspace's own report is not repeated.
class VouchedReport : public WorkspaceTest {
protected:
    void SetUp() override
    {
        WorkspaceTest::SetUp();
        bring_up();
        told = h.get<WorkspaceReport>("default", "abc").spec;
    }
    void node_says(std::map<std::string, Time> unchanged, std::string node = {})
    {
        NodeReport report;
        report.metadata.org = "default";
        report.metadata.name = report.spec.nodeId = node.empty() ? h.engine.local_node() : node;
        report.spec.reportedAt = h.clock.now();
        report.spec.unchanged = std::move(unchanged);
        h.put(report);
    }
    bool silent() { return find_condition(ws().status.conditions, "IdleUnknown") != nullptr; }

    WorkspaceReportSpec told;
};

TEST_F(VouchedReport, IsAsNewAsItsNodesWord)
{
    const auto written = h.find<WorkspaceReport>("default", "abc")->metadata.resourceVersion;
    for (int i = 0; i < 10; ++i) {
        h.advance(std::chrono::seconds{30});
        node_says({{told.workspaceUid, *told.reportedAt}});
    }
    h.advance(std::chrono::seconds{60});
    EXPECT_FALSE(silent());
    EXPECT_EQ(phase(), Phase::running);
    EXPECT_EQ(h.find<WorkspaceReport>("default", "abc")->metadata.resourceVersion, written);
    h.advance(std::chrono::minutes{3});
    EXPECT_TRUE(silent()) << "the node has gone silent too";
}

TEST_F(VouchedReport, OnlyTheOneThatBerthdHas)
{
    const auto other = h.engine.add_node("worker-1");
    for (int i = 0; i < 10; ++i) {
        h.advance(std::chrono::seconds{30});
        node_says({{told.workspaceUid, *told.reportedAt + Duration{1}}, {"another", *told.reportedAt}});
        node_says({{told.workspaceUid, *told.reportedAt}}, other);
    }
    EXPECT_TRUE(silent());
}

} // namespace
} // namespace berth
