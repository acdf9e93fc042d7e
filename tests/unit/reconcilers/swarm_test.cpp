// Nodes, orphans, and what is made at the start.

#include "reconcilers/node.hpp"
#include "storage/rescue.hpp"
#include "tests/unit/reconcilers/workspace_fixture.hpp"

namespace berth {
namespace {

docker::ServiceSpec service_of(const std::string& name, docker::StringMap labels)
{
    docker::ServiceSpec spec;
    spec.Name = name;
    spec.Labels = std::move(labels);
    spec.TaskTemplate.ContainerSpec.Image = "x:1";
    return spec;
}

docker::StringMap our_labels(
    const std::string& name, const std::string& uid, const std::string& install = "install-1")
{
    return {{"dev.berth.install", install}, {"dev.berth.kind", "Workspace"}, {"dev.berth.org", "default"},
        {"dev.berth.name", name}, {"dev.berth.uid", uid}};
}

TEST_F(WorkspaceTest, OrphansGoAfterTwoRelistsForeignersNever)
{
    put_workspace("abc");
    OrphanSweeper sweeper{h.store(), h.docker, h.observed, "install-1"};
    h.run(h.docker.create_service(service_of("ws-gone", our_labels("gone", "u1"))));
    h.run(h.docker.create_service(service_of("ws-other", our_labels("other", "u1", "install-2"))));
    h.run(h.docker.create_service(service_of("web", {})));
    h.observe();
    h.run(sweeper.sweep());
    h.run(sweeper.sweep()); // the same relist twice is one witness
    EXPECT_TRUE(h.engine.service("ws-gone"));
    h.run(h.observed.relist_now());
    h.clock.advance(Duration{1});
    h.run(h.observed.relist_now());
    h.run(sweeper.sweep());
    EXPECT_FALSE(h.engine.service("ws-gone"));
    EXPECT_TRUE(h.engine.service("ws-other"));
    EXPECT_TRUE(h.engine.service("web"));
    EXPECT_TRUE(h.engine.service("ws-abc"));
}

TEST_F(WorkspaceTest, AServiceOfAnEarlierWorkspaceOfThatNameIsAnOrphan)
{
    h.stop();
    const auto ws = put_workspace("abc");
    OrphanSweeper sweeper{h.store(), h.docker, h.observed, "install-1"};
    h.run(h.docker.create_service(service_of("ws-abc", our_labels("abc", "earlier"))));
    for (int i = 0; i < 3; ++i) {
        h.clock.advance(Duration{1});
        h.run(h.observed.relist_now());
        h.run(sweeper.sweep());
    }
    EXPECT_FALSE(h.engine.service("ws-abc"));
}

/// A workspace that was made after the backup looks like an orphan, and somebody works in it.
TEST_F(WorkspaceTest, ARestoredStoreKeepsWhatItDoesNotKnowUntilAnAdministratorEndsTheRecovery)
{
    put_workspace("abc");
    OrphanSweeper sweeper{h.store(), h.docker, h.observed, "install-1"};
    h.run(h.docker.create_service(service_of("ws-new", our_labels("new", "u1"))));
    h.run(h.docker.create_service(service_of("ws-other", our_labels("other", "u1", "install-2"))));
    h.run(h.store().set_meta(std::string(kRestoredName), "2026-11-22T03:00:00Z"));
    const auto sweep = [&] {
        for (int i = 0; i < 3; ++i) {
            h.clock.advance(Duration{1});
            h.run(h.observed.relist_now());
            h.run(sweeper.sweep());
        }
    };
    sweep();
    EXPECT_TRUE(h.engine.service("ws-new"));
    ASSERT_EQ(sweeper.unowned().size(), 1u) << "what is kept is shown, and nothing foreign";
    EXPECT_EQ(sweeper.unowned().front()->Spec.Name, "ws-new");
    h.run(h.store().set_meta(std::string(kRestoredName), ""));
    sweep();
    EXPECT_FALSE(h.engine.service("ws-new"));
    EXPECT_TRUE(sweeper.unowned().empty());
    EXPECT_TRUE(h.engine.service("ws-abc"));
}

/// The name was given again after the backup: its service is not the one that the store remembers.
TEST_F(WorkspaceTest, ARestoredStoreLeavesTheServiceThatHasTakenAName)
{
    h.run(h.store().set_meta(std::string(kRestoredName), "2026-11-22T03:00:00Z"));
    h.run(h.docker.create_service(service_of("ws-abc", our_labels("abc", "made-later"))));
    put_workspace("abc");
    h.advance(std::chrono::seconds{60});
    EXPECT_EQ(label("dev.berth.uid"), "made-later");
    EXPECT_TRUE(find_condition(ws().status.conditions, condition::kNameTaken));
    h.run(h.store().set_meta(std::string(kRestoredName), ""));
    for (int i = 0; i < 5; ++i) h.advance(std::chrono::seconds{5});
    EXPECT_EQ(label("dev.berth.uid"), ws().metadata.uid);
}

/// It was restarted after the backup: what runs is not torn down.
TEST_F(WorkspaceTest, ARestoredStoreAdoptsALaterContainerOfAWorkspace)
{
    bring_up("abc");
    const auto before = ws();
    edit([](WorkspaceSpec& spec) { request_restart(spec); });
    for (int i = 0; i < 5 && label("dev.berth.incarnation") != "2"; ++i) {
        h.engine.run_tasks();
        report("abc");
        h.advance(std::chrono::seconds{1});
    }
    ASSERT_EQ(label("dev.berth.incarnation"), "2");
    const auto service = h.engine.service("ws-abc")->ID;
    auto restore = [before](Txn& txn) {
        auto back = before;
        back.metadata.resourceVersion.clear();
        txn.update(back);
        back.status = before.status;
        txn.put_status(back);
        txn.set_meta(kRestoredName, "2026-11-22T03:00:00Z");
        return txn.get<Workspace>(key_of(back))->status.incarnation;
    };
    ASSERT_EQ(h.transact(restore), 1);
    h.engine.run_tasks();
    report("abc");
    h.advance(std::chrono::seconds{30});
    ASSERT_TRUE(h.engine.service("ws-abc"));
    EXPECT_EQ(h.engine.service("ws-abc")->ID, service);
    EXPECT_EQ(ws().status.incarnation, 2);
}

TEST_F(WorkspaceTest, AnEmptyStoreDoesNotRemoveASwarmFullOfServices)
{
    OrphanSweeper sweeper{h.store(), h.docker, h.observed, "install-1"};
    for (int i = 0; i < 8; ++i) {
        const auto name = "w" + std::to_string(i);
        h.run(h.docker.create_service(service_of("ws-" + name, our_labels(name, "u" + name))));
    }
    for (int i = 0; i < 4; ++i) {
        h.clock.advance(Duration{1});
        h.run(h.observed.relist_now());
        h.run(sweeper.sweep());
    }
    EXPECT_EQ(h.engine.services().size(), 8u);
}

TEST(SwarmSetup, MakesTheEdgeNetworkOnce)
{
    Harness h;
    SwarmSettings settings;
    settings.install_id = "install-1";
    h.run(ensure_swarm(h.docker, settings));
    h.run(ensure_swarm(h.docker, settings));
    EXPECT_EQ(h.engine.calls("POST /networks/create"), 1u);
    EXPECT_EQ(h.engine.calls("POST /swarm/init"), 0u);
    const auto network = h.run(h.docker.find_network("berth-edge"));
    ASSERT_TRUE(network);
    EXPECT_EQ(network->Driver, "overlay");
    EXPECT_TRUE(network->Attachable);
    EXPECT_EQ(network->IPAM.Config.at(0).Subnet, "10.201.0.0/16");
    EXPECT_EQ(network->Labels.at("dev.berth.install"), "install-1");
}

TEST(SwarmSetup, ANetworkOfThatNameThatIsNoOverlayIsRefused)
{
    Harness h;
    docker::NetworkCreate bridge;
    bridge.Name = "berth-edge";
    bridge.Driver = "bridge";
    h.run(h.docker.create_network(bridge));
    EXPECT_THROW(h.run(ensure_swarm(h.docker, SwarmSettings{})), Error);
}

class NodeTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        h.add<Node>(reconciler);
        h.start();
        h.observe();
    }
    void TearDown() override { h.stop(); }
    NodeReport report_of(const std::string& id)
    {
        NodeReport report;
        report.metadata.org = "default";
        report.metadata.name = id;
        report.spec.nodeId = id;
        report.spec.agentVersion = "1";
        report.spec.reportedAt = h.clock.now();
        report.spec.usage.memoryTotal = 100;
        report.spec.usage.memoryUsed = 40;
        return report;
    }
    ConditionStatus condition(const std::string& id, std::string_view type)
    {
        const auto node = h.get<Node>("default", id);
        const auto* found = find_condition(node.status.conditions, type);
        return found ? found->status : ConditionStatus::Unknown;
    }

    Harness h;
    NodeReconciler reconciler{h.store(), h.observed, h.clock};
};

TEST_F(NodeTest, AMemberOfTheSwarmBecomesANode)
{
    const auto id = h.engine.local_node();
    EXPECT_EQ(h.get<Node>("default", id).status.role, NodeRole::manager);
    EXPECT_EQ(condition(id, "AgentReady"), ConditionStatus::Unknown);
    EXPECT_EQ(condition(id, "Ready"), ConditionStatus::Unknown);
    h.put(report_of(id));
    h.observe();
    EXPECT_EQ(condition(id, "Ready"), ConditionStatus::True);
    EXPECT_EQ(h.get<Node>("default", id).status.usage->memoryUsed, 40);
}

TEST_F(NodeTest, ASilentAgentIsNotReady)
{
    const auto id = h.engine.local_node();
    h.put(report_of(id));
    h.advance(std::chrono::seconds{119});
    EXPECT_EQ(condition(id, "AgentReady"), ConditionStatus::True);
    h.advance(std::chrono::seconds{2});
    EXPECT_EQ(condition(id, "AgentReady"), ConditionStatus::False);
    EXPECT_EQ(condition(id, "Ready"), ConditionStatus::False);
}

TEST_F(NodeTest, NodesComeGoDownAndLeave)
{
    const auto id = h.engine.add_node("two");
    h.advance(std::chrono::seconds{31});
    h.put(report_of(id));
    h.observe();
    EXPECT_EQ(condition(id, "Ready"), ConditionStatus::True);
    h.engine.set_node_state(id, "down");
    h.advance(std::chrono::seconds{31});
    EXPECT_EQ(condition(id, "Ready"), ConditionStatus::False);
    h.engine.remove_node(id);
    h.advance(std::chrono::seconds{31});
    EXPECT_FALSE(h.find<Node>("default", id));
    EXPECT_FALSE(h.find<NodeReport>("default", id));
    EXPECT_TRUE(h.find<Node>("default", h.engine.local_node()));
}

} // namespace
} // namespace berth
