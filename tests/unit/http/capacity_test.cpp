// W23: whether there is room for one more, by what nodes measure and by what is promised.

#include "tests/unit/http/action_fixture.hpp"

namespace berth {
namespace {

constexpr std::int64_t kGiB = 1LL << 30;

class CapacityTest : public ActionTest {
protected:
    Node put_node(const std::string& name, double percent, std::int64_t total = 8 * kGiB)
    {
        Node node;
        node.metadata.name = name;
        if (auto found = h.find<Node>("default", name)) node = *found;
        node = h.put(node);
        node.status.hostname = name;
        node.status.state = "ready";
        node.status.availability = NodeAvailability::active;
        node.status.lastHeartbeat = h.clock.now();
        MachineUsage usage;
        usage.memoryTotal = total;
        usage.memoryUsed = std::int64_t(double(total) * percent / 100);
        usage.cpuCores = 4;
        node.status.usage = usage;
        return write(std::move(node));
    }
    Node write(Node node)
    {
        auto body = [node](Txn& txn) { txn.put_status(node); };
        h.transact(std::move(body));
        h.settle();
        return node;
    }
    std::string start_error() { return error({"POST", "/api/containers/start", R"({"s3Bucket":"demo"})"}); }
};

// W23
TEST_F(CapacityTest, AStartIsRefusedOnlyWhenEveryNodeIsFull)
{
    const auto early = started(); // nothing is known of any node: the wish is recorded
    ask({"DELETE", "/api/containers/" + early});
    put_node("n1", 95);
    try {
        start();
        FAIL();
    } catch (const Error& refused) {
        const auto reply = error_reply(refused, h.clock.now(), "/");
        EXPECT_EQ(reply.status, 503u);
        EXPECT_EQ(body(reply).at("error").at("code"), json::value("RESOURCE_LIMIT_EXCEEDED"));
        EXPECT_EQ(reply.headers, (HeaderList{{"Retry-After", "30"}})) << "then the nodes have reported again";
        EXPECT_STREQ(refused.what(), "no node has memory to spare: the emptiest uses 95 % of its own, and "
                                     "nothing is started above 90 %");
    }
    put_node("n2", 89.9);
    EXPECT_EQ(start_error(), "none") << "below the limit there is room for one at least";
}

TEST_F(CapacityTest, WhatANodeDoesNotTellIsNotFree)
{
    auto node = put_node("n1", 10);
    EXPECT_EQ(start_error(), "none");
    h.clock.advance(std::chrono::seconds{121});
    EXPECT_EQ(start_error(), "RESOURCE_LIMIT_EXCEEDED 503");
    node = put_node("n1", 10);
    node.status.usage.reset();
    write(node);
    EXPECT_EQ(start_error(), "RESOURCE_LIMIT_EXCEEDED 503");
    node = put_node("n1", 10);
    node.status.availability = NodeAvailability::drain;
    write(node);
    EXPECT_EQ(start_error(), "RESOURCE_LIMIT_EXCEEDED 503");
}

// W23
TEST_F(CapacityTest, PromisedMemoryCountsAsWell)
{
    CapacitySettings settings;
    settings.reserved_memory = kGiB;
    NodeRoom room{"n", true, true, 0, 0, 8 * kGiB, 2 * kGiB, 0, 0, 4};
    EXPECT_EQ(places(room, settings), 5) << "90 % of 8 are 7.2, and 2 are in use";
    room.reserved = 6 * kGiB;
    EXPECT_EQ(places(room, settings), 2);
    room.reserved = 7 * kGiB + 1;
    EXPECT_EQ(places(room, settings), 0);
    room.reserved = 0;
    room.memory_used = 8 * kGiB;
    EXPECT_EQ(places(room, settings), 0);
    room.yielding_used = 2 * kGiB;
    EXPECT_EQ(places(room, settings), 1) << "slots of a pool go before a user is refused";
    room.known = false;
    EXPECT_EQ(places(room, settings), 0);
}

TEST_F(CapacityTest, ThoseOnTheirWayHaveTheirPlaceAlready)
{
    put_node("n1", 10, 400LL << 20); // two places of 128 MiB
    const auto id = started();
    started();
    EXPECT_EQ(start_error(), "RESOURCE_LIMIT_EXCEEDED 503");
    ask({"DELETE", "/api/containers/" + id});
    EXPECT_EQ(start_error(), "none");
}

// W23
TEST_F(CapacityTest, ATemplateThatNoNodeCanRunIsRefusedByName)
{
    WorkspaceTemplate large;
    large.metadata.name = "large";
    large.spec.image = "berth/workspace:1";
    large.spec.limits.cpuLimit = 16;
    h.put(large);
    auto node = put_node("n1", 10);
    node.status.cpuCores = 4;
    write(node);
    EXPECT_EQ(start_error(), "none") << "without a template it is two";
    const Ask wish{"POST", "/api/containers/start", R"({"s3Bucket":"demo","template":"large"})"};
    EXPECT_EQ(error(wish), "RESOURCE_LIMIT_EXCEEDED 503");
    try {
        ask(wish);
    } catch (const Error& refused) {
        EXPECT_STREQ(refused.what(), "the template large may use 16 processors, and the largest node has 4");
    }
    auto second = put_node("n2", 95); // large enough, and full
    second.status.cpuCores = 16;
    write(second);
    EXPECT_EQ(error(wish), "RESOURCE_LIMIT_EXCEEDED 503") << "the room on the small node does not help";
    EXPECT_EQ(start_error(), "none");
    second = put_node("n2", 10);
    second.status.cpuCores = 16;
    write(second);
    EXPECT_EQ(error(wish), "none");
}

TEST_F(CapacityTest, TheResourceIsRefusedLikeTheVerb)
{
    put_node("n1", 95);
    const std::string wish = R"({"metadata":{"name":"w1"},"spec":{"s3":{"bucket":"demo"}}})";
    EXPECT_EQ(error({"POST", "/api/v1/orgs/default/workspaces", wish}), "RESOURCE_LIMIT_EXCEEDED 503");
    EXPECT_EQ(
        error({"POST", "/api/v1/orgs/default/workspaces?dryRun=1", wish}), "RESOURCE_LIMIT_EXCEEDED 503");
    EXPECT_FALSE(h.find<Workspace>("default", "w1"));
    const std::string rest =
        R"({"metadata":{"name":"w1"},"spec":{"desiredState":"stopped","s3":{"bucket":"demo"}}})";
    EXPECT_EQ(error({"POST", "/api/v1/orgs/default/workspaces", rest}), "none") << "what rests needs no room";
    EXPECT_EQ(
        error({"PATCH", "/api/v1/orgs/default/workspaces/w1", R"({"spec":{"desiredState":"running"}})"}),
        "RESOURCE_LIMIT_EXCEEDED 503");
}

} // namespace
} // namespace berth
