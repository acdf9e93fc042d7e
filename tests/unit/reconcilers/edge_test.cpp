// Where the proxies, networks and nodes are, for the filters around workspaces.

#include "reconcilers/edge.hpp"
#include "tests/fakes/harness.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

const EdgeSettings kSettings{.install_id = "install-1", .edge_network = "berth-edge", .proxy_service = ""};

docker::ServicePtr proxy_service(std::string install = "install-1")
{
    docker::Service service;
    service.ID = "svc-traefik";
    service.Spec.Name = "berth_traefik";
    service.Spec.Labels = {{"dev.berth.install", std::move(install)}, {"dev.berth.role", "proxy"}};
    return std::make_shared<docker::Service>(service);
}

docker::TaskPtr proxy_task(
    const std::string& address, std::string state = "running", std::string desired = "running")
{
    docker::Task task;
    task.ID = "task-" + address + state;
    task.ServiceID = "svc-traefik";
    task.Status.State = std::move(state);
    task.DesiredState = std::move(desired);
    task.NetworksAttachments = {
        {{"net1", {"berth-edge"}}, {address}}, {{"net2", {"company"}}, {"10.99.0.7/24"}}};
    return std::make_shared<docker::Task>(task);
}

docker::NetworkPtr network(const std::string& name, const std::string& subnet)
{
    docker::Network network;
    network.Name = name;
    network.IPAM.Config = {{subnet, "", ""}};
    return std::make_shared<docker::Network>(network);
}

docker::NodePtr member(const std::string& address, const std::string& manager = "")
{
    docker::Node node;
    node.Status.Addr = address;
    if (!manager.empty()) node.ManagerStatus = docker::ManagerStatus{true, "reachable", manager};
    return std::make_shared<docker::Node>(node);
}

EdgeNetworkStatus status_of(const EdgeLook& look) { return edge_status({}, look, kSettings, Time{}); }

using Texts = std::vector<std::string>;

TEST(EdgeStatus, TellsTheProxiesAddressesOnTheEdgeNetworkOnly)
{
    EdgeLook look;
    look.services = {proxy_service()};
    look.tasks = {proxy_task("10.201.0.9/16"), proxy_task("10.201.0.5/16", "preparing"),
        proxy_task("10.201.0.4/16", "shutdown", "shutdown")};
    const auto status = status_of(look);
    EXPECT_EQ(status.proxies, (Texts{"10.201.0.5", "10.201.0.9"}));
    EXPECT_EQ(find_condition(status.conditions, "ProxyFound")->status, ConditionStatus::True);
}

TEST(EdgeStatus, SaysWhyThereIsNoProxy)
{
    EdgeLook look;
    EXPECT_EQ(find_condition(status_of(look).conditions, "ProxyFound")->reason, "NoService");
    look.services = {proxy_service()};
    look.tasks = {proxy_task("10.201.0.4/16", "failed")};
    const auto status = status_of(look);
    EXPECT_TRUE(status.proxies.empty());
    EXPECT_EQ(find_condition(status.conditions, "ProxyFound")->reason, "NoTask");
}

TEST(EdgeStatus, ListsNetworksAndNodesWithoutWhatIsNoAddress)
{
    EdgeLook look;
    look.networks = {network("berth-edge", "10.201.0.0/16"), network("ingress", "10.0.0.1/24"),
        network("odd", ""), network("all", "0.0.0.0/0")};
    look.nodes = {member("127.0.0.21", "127.0.0.21:2377"), member("0.0.0.0", "198.51.100.7:2377"),
        member("203.0.113.9"), member("-j ACCEPT"), member("fd00::5", "[fd00::5]:2377")};
    NodeReport report;
    report.spec.addresses = {"192.0.2.2", "127.0.0.1", "rubbish", "203.0.113.9"};
    look.reports = {report};
    const auto status = status_of(look);
    EXPECT_EQ(status.subnets, (Texts{"10.0.0.0/24", "10.201.0.0/16"}));
    EXPECT_EQ(status.nodes, (Texts{"192.0.2.2", "198.51.100.7", "203.0.113.9", "fd00::5"}));
}

TEST(EdgeStatus, KnowsOurProxyAndTheOneThatIsNamed)
{
    EXPECT_TRUE(is_proxy(*proxy_service(), kSettings));
    EXPECT_FALSE(is_proxy(*proxy_service("install-2"), kSettings));
    auto named = kSettings;
    named.install_id = "install-3";
    named.proxy_service = "berth_traefik";
    EXPECT_TRUE(is_proxy(*proxy_service(), named));
}

TEST(EdgeStatus, WatchesCloselyWhileAProxyComesUp)
{
    EdgeLook look;
    EXPECT_FALSE(proxies_settle(look));
    look.services = {proxy_service()};
    EXPECT_TRUE(proxies_settle(look));
    look.tasks = {proxy_task("10.201.0.5/16", "starting")};
    EXPECT_TRUE(proxies_settle(look));
    look.tasks = {proxy_task("10.201.0.5/16"), proxy_task("10.201.0.4/16", "shutdown", "shutdown")};
    EXPECT_FALSE(proxies_settle(look));
    auto none = *proxy_service();
    none.Spec.Mode.emplace().Replicated.emplace().Replicas = 0;
    look.services = {std::make_shared<docker::Service>(none)};
    look.tasks.clear();
    EXPECT_FALSE(proxies_settle(look));
}

class EdgeTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        h.add<EdgeNetwork>(reconciler);
        h.start();
        h.observe();
    }
    void TearDown() override { h.stop(); }
    EdgeNetworkStatus status() { return h.get<EdgeNetwork>("default", kEdgeName).status; }

    Harness h;
    EdgeReconciler reconciler{h.store(), h.observed, h.clock, kSettings};
};

TEST_F(EdgeTest, TheObjectIsMadeAndFollowsTheSwarm)
{
    EXPECT_TRUE(status().proxies.empty());
    docker::NetworkCreate network;
    network.Name = "berth-edge";
    network.Driver = "overlay";
    network.IPAM.emplace().Config.push_back({"10.201.0.0/16", "", ""});
    h.run(h.docker.create_network(network));
    h.observe();
    const auto seen = status().subnets;
    EXPECT_NE(std::ranges::find(seen, "10.201.0.0/16"), seen.end());
}

TEST_F(EdgeTest, WhatANodeReportsOfItselfIsTakenOver)
{
    NodeReport report;
    report.metadata.org = "default";
    report.metadata.name = h.engine.local_node();
    report.spec.nodeId = h.engine.local_node();
    report.spec.addresses = {"203.0.113.4"};
    h.put(report);
    h.observe();
    const auto nodes = status().nodes;
    EXPECT_NE(std::ranges::find(nodes, "203.0.113.4"), nodes.end());
}

} // namespace
} // namespace berth
