#include "tests/unit/http/http_fixture.hpp"

#include "api/types/workspace_template.hpp"

namespace berth::test {
namespace {

const std::string kPath = "/api/v1/orgs/default/workspacetemplates";

/// The JSON lines in a chunked reply so far.
std::vector<json::value> events_in(const std::string& received)
{
    std::vector<json::value> events;
    for (auto at = received.find("{\"type\":"); at != std::string::npos;
         at = received.find("{\"type\":", at + 1)) {
        const auto end = received.find('\n', at);
        if (end == std::string::npos) break;
        events.push_back(json::parse(received.substr(at, end - at)));
    }
    return events;
}

std::vector<std::string> told(const std::string& received)
{
    std::vector<std::string> out;
    for (const auto& event : events_in(received)) {
        const auto type = std::string(event.at("type").as_string());
        const auto* metadata = event.at("object").as_object().if_contains("metadata");
        const auto* name = metadata ? metadata->as_object().if_contains("name") : nullptr;
        out.push_back(name ? type + " " + std::string(name->as_string()) : type);
    }
    return out;
}

class WatchTest : public HttpTest {
protected:
    void SetUp() override
    {
        HttpTest::SetUp();
        mount_resource<WorkspaceTemplate>(router, *store, clock);
        mount_resource<Workspace>(router, *store, clock);
        serve();
    }
    void put(const std::string& name, const std::string& image = "i:1", Labels labels = {},
        const std::string& org = "default")
    {
        auto work = [=](Txn& txn) {
            auto object = txn.get<WorkspaceTemplate>({org, name}).value_or(WorkspaceTemplate{});
            const bool fresh = object.metadata.name.empty();
            object.metadata.org = org;
            object.metadata.name = name;
            object.metadata.labels = labels;
            object.spec.image = image;
            if (fresh)
                txn.create(object);
            else
                txn.update(object);
        };
        run(store->transact(std::move(work)));
    }
    void drop(const std::string& name)
    {
        auto work = [name](Txn& txn) { txn.remove<WorkspaceTemplate>({"default", name}); };
        run(store->transact(std::move(work)));
    }
    void watch(Client& client, const std::string& query, const std::string& more = "",
        const std::string& path = kPath)
    {
        client.send("GET " + path + "?watch=1" + query + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                    key_of_role("user") + "\r\n" + more + "\r\n");
    }
    std::vector<std::string> wait_told(Client& client, std::size_t count)
    {
        EXPECT_TRUE(eventually(io, [&] { return told(client.received).size() >= count; })) << client.received;
        return told(client.received);
    }
    using Told = std::vector<std::string>;
};

TEST_F(WatchTest, BeginsWithWhatThereIsAndFollows)
{
    put("a");
    put("b", "i:1", {}, "acme");
    auto client = connect();
    watch(client, "");
    EXPECT_EQ(wait_told(client, 2), (Told{"ADDED a", "BOOKMARK"}));
    const auto mark = events_in(client.received)[1].at("object").at("metadata");
    EXPECT_EQ(mark.at("resourceVersion").as_string(), std::to_string(store->revision()));
    EXPECT_EQ(mark.at("annotations").at("berth.dev/initial-events-end").as_string(), "true");
    put("a", "i:2");
    put("c", "i:1", {}, "acme");
    put("c");
    drop("a");
    EXPECT_EQ(wait_told(client, 5), (Told{"ADDED a", "BOOKMARK", "MODIFIED a", "ADDED c", "DELETED a"}));
}

// W9
TEST_F(WatchTest, ResumesWhereItWas)
{
    put("a");
    const auto revision = store->revision();
    put("b");
    put("a", "i:2");
    auto client = connect();
    watch(client, "&resourceVersion=" + std::to_string(revision));
    EXPECT_EQ(wait_told(client, 2), (Told{"ADDED b", "MODIFIED a"}));
    auto all = connect();
    watch(all, "&resourceVersion=" + std::to_string(revision) + "&sendInitialEvents=1");
    EXPECT_EQ(wait_told(all, 3), (Told{"ADDED a", "ADDED b", "BOOKMARK"}));
    auto now = connect();
    watch(now, "&sendInitialEvents=0");
    ASSERT_TRUE(now.wait_for("\r\n\r\n"));
    put("c");
    EXPECT_EQ(wait_told(now, 1), (Told{"ADDED c"}));
}

TEST_F(WatchTest, SaysThatTheHistoryIsGone)
{
    put("a");
    const auto revision = store->revision();
    for (int i = 0; i < 60; ++i) put("a", "i:" + std::to_string(i + 2));
    const auto late = ask("GET", kPath + "?watch=1&resourceVersion=" + std::to_string(revision), "user");
    EXPECT_EQ(late.status, 410u);
    EXPECT_EQ(late.code(), "EXPIRED");
    EXPECT_EQ(ask("GET", kPath + "?watch=1&resourceVersion=999999", "user").status, 410u);
    EXPECT_EQ(ask("GET", kPath + "?watch=1&resourceVersion=x", "user").status, 400u);
}

TEST_F(WatchTest, SendsBookmarksAlsoWhenOthersAreBusy)
{
    auto client = connect();
    watch(client, "", "", "/api/v1/orgs/default/workspaces");
    wait_told(client, 1);
    for (int i = 0; i < 11; ++i) {
        put("a", "i:" + std::to_string(i));
        pass(Duration{1'000});
    }
    const auto got = wait_told(client, 2);
    EXPECT_EQ(got, (Told{"BOOKMARK", "BOOKMARK"}));
    const auto marked = parse_revision(
        events_in(client.received)[1].at("object").at("metadata").at("resourceVersion").as_string());
    EXPECT_GT(*marked, 5u);
    watch(client, ""); // a stream is no place for a second request: it waits
    pass(Duration{10'000});
    EXPECT_EQ(wait_told(client, 3).size(), 3u);
}

TEST_F(WatchTest, EndsWhenItsTimeIsUp)
{
    auto client = connect();
    watch(client, "&timeoutSeconds=3");
    wait_told(client, 1);
    pass(Duration{3'000});
    ASSERT_TRUE(client.wait_for("\r\n0\r\n\r\n"));
    EXPECT_EQ(told(client.received), (Told{"BOOKMARK", "BOOKMARK"}));
    client.received.clear();
    EXPECT_EQ(client.ask("GET", kPath, key_of_role("user")).status, 200u); // the connection goes on
}

TEST_F(WatchTest, SpeaksServerSentEvents)
{
    put("a");
    auto client = connect();
    watch(client, "", "Accept: text/event-stream\r\n");
    ASSERT_TRUE(client.wait_for("event: BOOKMARK"));
    EXPECT_THAT(client.received, testing::HasSubstr("Content-Type: text/event-stream"));
    put("b");
    const auto revision = store->revision();
    ASSERT_TRUE(
        client.wait_for("id: " + std::to_string(revision) + "\nevent: ADDED\ndata: {\"type\":\"ADDED\""));
    put("c");
    auto resumed = connect();
    watch(resumed, "&resourceVersion=1",
        "Accept: text/event-stream\r\nLast-Event-ID: " + std::to_string(revision) + "\r\n");
    EXPECT_EQ(wait_told(resumed, 1), (Told{"ADDED c"}));
}

TEST_F(WatchTest, DeletesWhatLeavesTheSelection)
{
    put("in", "i:1", {{"team", "a"}});
    put("out", "i:1", {{"team", "b"}});
    const auto revision = store->revision();
    auto fresh = connect();
    watch(fresh, "&labelSelector=team%3Da");
    EXPECT_EQ(wait_told(fresh, 2), (Told{"ADDED in", "BOOKMARK"}));
    auto resumed = connect();
    watch(resumed, "&labelSelector=team%3Da&resourceVersion=" + std::to_string(revision));
    put("out", "i:2", {{"team", "b"}});
    put("in", "i:2", {{"team", "a"}});
    put("in", "i:2", {{"team", "b"}});
    put("in", "i:3", {{"team", "b"}});
    put("out", "i:2", {{"team", "a"}});
    drop("out");
    drop("in");
    EXPECT_EQ(wait_told(fresh, 6),
        (Told{"ADDED in", "BOOKMARK", "MODIFIED in", "DELETED in", "ADDED out", "DELETED out"}));
    // It can't know whether it has seen `out` before, so it hears of its absence once.
    EXPECT_EQ(wait_told(resumed, 5),
        (Told{"DELETED out", "MODIFIED in", "DELETED in", "ADDED out", "DELETED out"}));
}

TEST_F(WatchTest, HidesSecretsFromAllButNodes)
{
    auto client = connect();
    watch(client, "", "", "/api/v1/orgs/-/workspaces");
    auto node = connect();
    node.send("GET /api/v1/orgs/-/workspaces?watch=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
              key_of_role("node") + "\r\n\r\n");
    wait_told(client, 1);
    wait_told(node, 1);
    auto work = [](Txn& txn) {
        Workspace object;
        object.metadata.org = "default";
        object.metadata.name = "w";
        object.spec.s3.bucket = "demo";
        object.spec.s3.secretAccessKey = Secret{"s3cret"};
        txn.create(object);
        txn.remove<Workspace>({"default", "w"});
    };
    run(store->transact(std::move(work)));
    EXPECT_EQ(wait_told(client, 3), (Told{"BOOKMARK", "ADDED w", "DELETED w"}));
    EXPECT_THAT(client.received, testing::Not(testing::HasSubstr("s3cret")));
    wait_told(node, 3);
    EXPECT_THAT(node.received, testing::HasSubstr("s3cret"));
}

TEST_F(WatchTest, EndsWithTheStore)
{
    auto client = connect();
    watch(client, "");
    wait_told(client, 1);
    run(store->close());
    EXPECT_EQ(wait_told(client, 2), (Told{"BOOKMARK", "ERROR"}));
}

} // namespace
} // namespace berth::test
