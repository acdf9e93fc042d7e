// W24: a start that finds a warm slot takes it over, and exactly one start does.

#include "tests/unit/http/action_fixture.hpp"

#include "api/types/node.hpp"

#include <gmock/gmock.h>

namespace berth {
namespace {

class ClaimTest : public ActionTest {
protected:
    void SetUp() override
    {
        ActionTest::SetUp();
        WarmPool wanted;
        wanted.metadata.name = "default";
        wanted.spec.size = 3;
        pool = h.put(wanted);
        put_node("n1", ConditionStatus::True);
    }
    void put_node(const std::string& name, ConditionStatus ready)
    {
        Node node = h.find<Node>("default", name).value_or(Node{});
        node.metadata.name = name;
        node = h.put(node);
        node.status.state = "ready";
        node.status.hostname = name;
        node.status.lastHeartbeat = h.clock.now();
        node.status.usage.emplace().memoryTotal = 1LL << 40;
        set_condition(node.status.conditions, {"Ready", ready, "Test", "", {}, 1}, h.clock.now());
        auto write = [node](Txn& txn) { txn.put_status(node); };
        h.transact(std::move(write));
        h.settle();
    }
    /// A slot as reconcilers leave it; `change` spoils it.
    template <class F> std::string slot(const std::string& id, F change)
    {
        Workspace slot;
        slot.metadata.name = id;
        slot.metadata.labels = {{std::string(kPoolLabel), "default"},
            {std::string(kSlotHashLabel), slot_hash("", ContainerSettings{}.flavor)}};
        slot.metadata.ownerReferences = {{"WarmPool", "default", pool.metadata.uid}};
        slot.spec.pool = "default";
        slot.status.phase = Phase::warm;
        slot.status.incarnation = 1;
        slot.status.nodeId = "n1";
        slot.status.health.status = HealthState::healthy;
        slot.status.history = {{Phase::warm, "Warm", h.clock.now()}};
        change(slot);
        const auto status = slot.status;
        slot = h.put(slot);
        slot.status = status;
        auto write = [slot](Txn& txn) { txn.put_status(slot); };
        h.transact(std::move(write));
        h.settle();
        return id;
    }
    std::string slot(const std::string& id)
    {
        return slot(id, [](Workspace&) {});
    }
    std::string status_of(const Reply& reply) { return std::string(body(reply).at("status").as_string()); }
    std::string id_of(const Reply& reply) { return std::string(body(reply).at("id").as_string()); }

    WarmPool pool;
};

// W1, W24
TEST_F(ClaimTest, AWarmSlotIsTheUsersAtOnce)
{
    slot("slot1");
    h.clock.advance(std::chrono::minutes{5});
    const auto reply = start(R"({"s3Bucket":"demo","s3Prefix":"a","env":{"X":"1"}})");
    EXPECT_EQ(reply.status, 201u);
    EXPECT_EQ(id_of(reply), "slot1");
    EXPECT_EQ(status_of(reply), "running");
    EXPECT_EQ(body(reply).at("urls").at("codeServer"), json::value("http://slot1-code.localhost/"));

    const auto workspace = stored("slot1");
    EXPECT_EQ(workspace.spec.pool, "");
    EXPECT_EQ(workspace.spec.claim, 1);
    EXPECT_EQ(workspace.spec.s3.bucket, "demo");
    EXPECT_EQ(workspace.spec.s3.prefix, "a");
    EXPECT_EQ(workspace.spec.env.at("X"), "1");
    EXPECT_EQ(workspace.spec.vncPassword.reveal(), std::string(body(reply).at("vncPassword").as_string()));
    EXPECT_GE(workspace.spec.callbackToken.reveal().size(), 32u);
    EXPECT_TRUE(workspace.metadata.ownerReferences.empty()) << "the pool's end is not its end";
    EXPECT_FALSE(workspace.metadata.labels.contains(std::string(kPoolLabel)));
    EXPECT_EQ(workspace.metadata.labels.at(std::string(kClaimedFromLabel)), "default");
    EXPECT_EQ(workspace.metadata.labels.at(std::string(kOwnerLabel)), "alice");
    EXPECT_EQ(workspace.status.phase, Phase::warm) << "status is the reconciler's";

    const auto view = body(ask({"GET", "/api/containers/slot1"}));
    EXPECT_EQ(view.at("status"), json::value("running"));
    EXPECT_EQ(view.at("createdAt"), json::value(format_time(h.clock.now()))) << "as old as the claim";
    EXPECT_EQ(buckets.checked.size(), 1u) << "a claim does not skip the check";
}

TEST_F(ClaimTest, TheOldestGoodSlotOfTheKindIsTaken)
{
    put_node("n2", ConditionStatus::False);
    slot("down", [](Workspace& w) { w.status.nodeId = "n2"; });
    slot("sick", [](Workspace& w) { w.status.health.status = HealthState::unhealthy; });
    slot("other", [](Workspace& w) { w.metadata.labels[std::string(kSlotHashLabel)] = "older"; });
    slot("young", [](Workspace& w) { w.status.phase = Phase::starting; });
    slot("stray", [](Workspace& w) { w.metadata.ownerReferences.clear(); });
    h.clock.advance(std::chrono::seconds{1});
    slot("zwei");
    h.clock.advance(std::chrono::seconds{1});
    slot("drei");
    EXPECT_EQ(id_of(start()), "zwei");
    EXPECT_EQ(id_of(start()), "drei");
    EXPECT_EQ(status_of(start()), "starting");
    put_node("n2", ConditionStatus::True);
    EXPECT_EQ(id_of(start()), "down");
}

TEST_F(ClaimTest, ASlotOfAnotherOrgIsNotGivenAway)
{
    WarmPool elsewhere;
    elsewhere.metadata.org = "other";
    elsewhere.metadata.name = "default";
    elsewhere.spec.size = 1;
    elsewhere = h.put(elsewhere);
    const auto theirs = slot("theirs", [&](Workspace& w) {
        w.metadata.org = "other";
        w.metadata.ownerReferences = {{"WarmPool", "default", elsewhere.metadata.uid}};
    });
    EXPECT_NE(id_of(start()), theirs);
    EXPECT_EQ(h.find<Workspace>("other", theirs)->spec.pool, "default");
}

TEST_F(ClaimTest, ATemplateHasSlotsOfItsOwn)
{
    WorkspaceTemplate python;
    python.metadata.name = "python";
    python.spec.image = "python:1";
    h.put(python);
    slot("plain");
    slot("snake", [&](Workspace& w) {
        w.metadata.labels[std::string(kSlotHashLabel)] = slot_hash("python", python.spec);
        w.spec.template_ = "python";
    });
    EXPECT_EQ(id_of(start(R"({"s3Bucket":"demo","template":"python"})")), "snake");
    python.spec.image = "python:2";
    h.put(python);
    slot("old", [&](Workspace& w) {
        auto before = python.spec;
        before.image = "python:1";
        w.metadata.labels[std::string(kSlotHashLabel)] = slot_hash("python", before);
        w.spec.template_ = "python";
    });
    EXPECT_EQ(status_of(start(R"({"s3Bucket":"demo","template":"python"})")), "starting")
        << "nobody gets an image that is not the template's any more";
}

TEST_F(ClaimTest, ABadBucketOrATakenLimitTakesNoSlot)
{
    slot("slot1");
    buckets.problem = "the bucket does not exist";
    EXPECT_EQ(error({"POST", "/api/containers/start", R"({"s3Bucket":"demo"})"}), "INVALID_S3_BUCKET 400");
    EXPECT_EQ(stored("slot1").spec.pool, "default");
    buckets.problem.clear();
    principal.max_containers = 1;
    EXPECT_EQ(id_of(start()), "slot1");
    slot("slot2");
    EXPECT_EQ(
        error({"POST", "/api/containers/start", R"({"s3Bucket":"demo"})"}), "RESOURCE_LIMIT_EXCEEDED 503");
    EXPECT_EQ(stored("slot2").spec.pool, "default");
}

TEST_F(ClaimTest, TheSameIdempotencyKeyClaimsOnce)
{
    slot("slot1");
    slot("slot2");
    const auto first = start(R"({"s3Bucket":"demo"})", {{"Idempotency-Key", "one"}});
    const auto again = start(R"({"s3Bucket":"demo"})", {{"Idempotency-Key", "one"}});
    EXPECT_EQ(first.body, again.body);
    EXPECT_EQ(stored("slot2").spec.pool, "default");
}

TEST_F(ClaimTest, SlotsAreShownToAdminsWhoAskForThem)
{
    slot("slot1");
    slot("slot2", [](Workspace& w) { w.status.phase = Phase::starting; });
    const auto count = [&](const std::string& query) {
        return body(ask({"GET", "/api/containers" + query})).at("total").to_number<int>();
    };
    EXPECT_EQ(count(""), 0);
    EXPECT_EQ(count("?status=warm"), 0);
    EXPECT_EQ(count("?status=starting"), 0);
    EXPECT_EQ(error({"GET", "/api/containers/slot1"}), "CONTAINER_NOT_FOUND 404");
    EXPECT_EQ(error({"DELETE", "/api/containers/slot1"}), "CONTAINER_NOT_FOUND 404");
    EXPECT_EQ(error({"POST", "/api/containers/slot1/restart"}), "CONTAINER_NOT_FOUND 404");
    EXPECT_EQ(error({"POST", "/api/containers/slot1/callback", R"({"reason":"x"})",
                  {{"Authorization", "Bearer "}}}),
        "AUTHENTICATION_FAILED 401");
    principal.role = Role::admin;
    EXPECT_EQ(count("?status=warm"), 1);
    EXPECT_EQ(count(""), 0);
    EXPECT_EQ(body(ask({"GET", "/api/containers/slot1"})).at("status"), json::value("warm"));
    start();
    EXPECT_EQ(count("?status=warm"), 0);
    EXPECT_EQ(count("?status=running"), 1);
}

TEST_F(ClaimTest, OnlyCredentialsOfTheRequestAreShownInside)
{
    EXPECT_EQ(error({"POST", "/api/containers/start", R"({"s3Bucket":"demo","exposeS3Credentials":true})"}),
        "VALIDATION_FAILED 400");
    slot("slot1");
    start(
        R"({"s3Bucket":"demo","awsAccessKeyId":"mine","awsSecretAccessKey":"s","exposeS3Credentials":true})");
    EXPECT_TRUE(stored("slot1").spec.exposeS3Credentials);
}

/// W24: 500 starts at the same time, 60 slots: each slot gets one owner, nobody gets two, the others start cold.
TEST_F(ClaimTest, FiveHundredStartsAtTheSameTimeShareTheSlotsOut)
{
    constexpr int kStarts = 500;
    constexpr int kSlots = 60;
    for (int i = 0; i < kSlots; ++i) slot("slot" + std::to_string(i));
    std::vector<Reply> replies;
    std::vector<std::string> problems;
    for (int i = 0; i < kStarts; ++i) {
        auto done = [&](std::exception_ptr failure, Reply reply) {
            if (failure)
                problems.push_back(describe(failure));
            else
                replies.push_back(std::move(reply));
        };
        const auto prefix = "p" + std::to_string(i);
        Ask request{"POST", "/api/containers/start", R"({"s3Bucket":"demo","s3Prefix":")" + prefix + R"("})"};
        asio::co_spawn(h.io, send(std::move(request)), std::move(done));
    }
    h.settle();
    EXPECT_THAT(problems, ::testing::IsEmpty());
    ASSERT_EQ(replies.size(), std::size_t(kStarts));

    std::set<std::string> ids;
    std::map<std::string, int> answered;
    for (const auto& reply : replies) {
        ids.insert(id_of(reply));
        ++answered[status_of(reply)];
    }
    EXPECT_EQ(ids.size(), std::size_t(kStarts)) << "no id was given twice";
    EXPECT_EQ(answered["running"], kSlots);
    EXPECT_EQ(answered["starting"], kStarts - kSlots);
    std::set<std::string> prefixes;
    for (const auto& workspace : h.store().list<Workspace>()) {
        EXPECT_EQ(workspace.spec.pool, "");
        prefixes.insert(workspace.spec.s3.prefix);
        EXPECT_EQ(workspace.spec.claim, workspace.metadata.name.starts_with("slot") ? 1 : 0);
    }
    EXPECT_EQ(prefixes.size(), std::size_t(kStarts)) << "each start has its own workspace";
}

/// Without the memory of what is being tried: two transactions about one slot, of which the second finds it
/// taken.
TEST_F(ClaimTest, TheTransactionDecidesWhoGetsASlot)
{
    slot("slot1");
    const auto hash = slot_hash("", ContainerSettings{}.flavor);
    Workspace draft;
    draft.spec.s3.bucket = "demo";
    int won = 0;
    for (int i = 0; i < 2; ++i) {
        auto work = [&](Txn& txn) { won += claim_slot(txn, {"default", "slot1"}, hash, draft) ? 1 : 0; };
        h.transact(std::move(work));
    }
    EXPECT_EQ(won, 1);
    slot("slot2");
    auto removed = [](Txn& txn) { txn.remove<Workspace>({"default", "slot2"}); };
    h.transact(std::move(removed));
    auto work = [&](Txn& txn) { won += claim_slot(txn, {"default", "slot2"}, hash, draft) ? 1 : 0; };
    h.transact(std::move(work));
    EXPECT_EQ(won, 1) << "what its pool has given up is nobody's";
}

} // namespace
} // namespace berth
