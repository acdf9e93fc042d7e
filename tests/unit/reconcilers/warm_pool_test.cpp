// Pools in the harness: with the real workspace reconciler, an engine in memory and a clock that the test
// moves.

#include "api/types/node.hpp"
#include "reconcilers/warm_pool.hpp"
#include "tests/unit/reconcilers/workspace_fixture.hpp"

#include <gmock/gmock.h>

namespace berth {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class WarmPoolTest : public WorkspaceTest {
protected:
    static PoolSettings pool_settings()
    {
        PoolSettings settings;
        settings.flavor.image = "berth/workspace:1";
        return settings;
    }
    virtual WorkspaceReconciler& workspaces() { return reconciler; }
    void SetUp() override
    {
        h.run(ensure_swarm(h.docker, swarm_settings()));
        h.add<Workspace>(workspaces());
        h.add<WarmPool>(pools);
        h.start();
        h.observe();
        measure(4);
    }
    /// The node's agent reports its memory, in GiB of 16.
    void measure(double used)
    {
        Node node = h.find<Node>("default", h.engine.local_node()).value_or(Node{});
        node.metadata.name = h.engine.local_node();
        node = h.put(node);
        node.status.lastHeartbeat = h.clock.now();
        node.status.usage.emplace().memoryTotal = 16LL << 30;
        node.status.usage->memoryUsed = std::int64_t(used * double(1LL << 30));
        set_condition(
            node.status.conditions, {"Ready", ConditionStatus::True, "Test", "", {}, 1}, h.clock.now());
        auto write = [node](Txn& txn) { txn.put_status(node); };
        h.transact(std::move(write));
        h.observe();
    }
    WarmPool put_pool(
        std::int64_t size, const std::string& template_name = "", const std::string& name = "default")
    {
        WarmPool pool = h.find<WarmPool>("default", name).value_or(WarmPool{});
        pool.metadata.name = name;
        pool.spec.size = size;
        pool.spec.template_ = template_name;
        pool = h.put(pool);
        h.observe();
        return pool;
    }
    WarmPool pool(const std::string& name = "default") { return h.get<WarmPool>("default", name); }
    std::vector<Workspace> slots(const std::string& name = "default")
    {
        return h.store().list<Workspace>(Selector::label(std::string(kPoolLabel), name));
    }
    std::vector<std::string> warm(const std::string& name = "default")
    {
        std::vector<std::string> ids;
        for (const auto& slot : slots(name))
            if (slot.status.phase == Phase::warm && !slot.metadata.deletionTimestamp)
                ids.push_back(slot.metadata.name);
        return ids;
    }
    /// Docker and the agents do their part for every slot, a few rounds long.
    void work()
    {
        for (int round = 0; round < 8; ++round) {
            h.engine.run_tasks();
            h.observe();
            for (const auto& slot : h.store().list<Workspace>(Selector::parse(std::string(kPoolLabel)))) {
                if (slot.metadata.deletionTimestamp)
                    clean_up(slot);
                else if (h.engine.container_of("ws-" + slot.metadata.name))
                    report_slot(slot.metadata.name);
            }
            measure(4);
        }
    }
    void report_slot(const std::string& id)
    {
        auto seen = seen_by_agent(id);
        seen.spec.sync = {};
        h.put(std::move(seen));
    }
    /// The agent has heard that the container is gone for good: it removes the volumes and says so.
    void clean_up(const Workspace& slot)
    {
        WorkspaceReport report;
        report.metadata.name = slot.metadata.name;
        report.metadata.ownerReferences = {{"Workspace", slot.metadata.name, slot.metadata.uid}};
        report.spec.workspaceUid = slot.metadata.uid;
        report.spec.nodeId = h.engine.local_node();
        report.spec.reportedAt = h.clock.now();
        report.spec.listedEnd = slot.status.endedIncarnation;
        h.put(std::move(report));
    }
    /// What the API does with a slot.
    Workspace claim(const std::string& id)
    {
        auto slot = ws(id);
        slot.spec.pool.clear();
        slot.spec.claim = 1;
        slot.spec.s3.bucket = "demo";
        slot.spec.env["COLOR"] = "red";
        slot.metadata.labels = {{std::string(kClaimedFromLabel), "default"}};
        slot.metadata.ownerReferences.clear();
        h.put(slot);
        h.observe();
        return ws(id);
    }

    WarmPoolReconciler pools{h.store(), h.clock, pool_settings(), &h.metrics};
};

TEST_F(WarmPoolTest, FillsUpAndSaysSo)
{
    put_pool(3);
    EXPECT_THAT(slots(), SizeIs(2)) << "a few at a time";
    work();
    EXPECT_THAT(warm(), SizeIs(3));
    EXPECT_EQ(h.engine.services().size(), 3u);
    EXPECT_EQ(pool().status.ready, 3);
    EXPECT_EQ(pool().status.slots.size(), 3u);
    EXPECT_EQ(find_condition(pool().status.conditions, "Ready")->reason, "Filled");
    for (const auto& slot : slots()) {
        EXPECT_TRUE(slot.spec.vncPassword.empty() && slot.spec.callbackToken.empty());
        EXPECT_TRUE(slot.spec.s3.bucket.empty());
        EXPECT_FALSE(slot.metadata.labels.contains("dev.berth.owner"));
    }
    const auto before = h.engine.calls("POST /services/create");
    h.advance(std::chrono::minutes{15});
    EXPECT_EQ(h.engine.calls("POST /services/create"), before) << "a full pool rests";
}

// W24
TEST_F(WarmPoolTest, AClaimedSlotIsReplacedAndNeverLookedAtAgain)
{
    put_pool(2);
    work();
    const auto id = warm().front();
    const auto service = h.engine.service("ws-" + id)->ID;
    claim(id);
    EXPECT_EQ(phase(id), Phase::running);
    EXPECT_EQ(ws(id).status.history.back().reason, "Claimed");
    EXPECT_EQ(h.engine.service("ws-" + id)->ID, service) << "nothing changes in Docker";
    EXPECT_EQ(pool().status.claimed, 1);
    work();
    EXPECT_THAT(warm(), SizeIs(2));
    EXPECT_EQ(pool().status.claimed, 1) << "counted once";

    auto taken = seen_by_agent(id);
    taken.spec.observedClaim = 1;
    report(taken);
    EXPECT_EQ(find_condition(ws(id).status.conditions, "Claimed")->status, ConditionStatus::True);
    put_pool(0);
    h.remove<WarmPool>("default", "default");
    work();
    EXPECT_THAT(slots(), IsEmpty());
    EXPECT_EQ(phase(id), Phase::running);
    ASSERT_TRUE(h.engine.service("ws-" + id));
    EXPECT_EQ(h.engine.service("ws-" + id)->ID, service);
    EXPECT_EQ(h.engine.services().size(), 1u);
}

class LabelledPoolTest : public WarmPoolTest {
protected:
    static WorkspaceSettings label_settings()
    {
        auto labelled = settings();
        labelled.route_labels = true;
        labelled.api_url = "http://berthd:3001";
        return labelled;
    }
    WorkspaceReconciler& workspaces() override { return with_labels; }
    bool asks(const std::string& id)
    {
        return h.engine.service("ws-" + id)
            ->Spec.Labels.contains("traefik.http.routers." + id + "-code.middlewares");
    }
    WorkspaceReconciler with_labels{h.store(), h.docker, h.observed, proxy, h.clock, label_settings()};
};

// W24, W42
TEST_F(LabelledPoolTest, AClaimTakesTheGuardOffAndLeavesTheContainer)
{
    put_pool(1);
    work();
    const auto id = warm().front();
    const auto container = h.engine.container_of("ws-" + id)->Id;
    EXPECT_TRUE(asks(id));
    h.engine.inject({.kind = Fault::Kind::Refuse, .call = "GET /services/"});
    claim(id);
    EXPECT_EQ(phase(id), Phase::running) << "whatever Docker says";
    h.advance(std::chrono::seconds{5});
    EXPECT_FALSE(asks(id));
    EXPECT_EQ(phase(id), Phase::running);
    EXPECT_EQ(ws(id).status.incarnation, 1) << "not taken for a change by hand";
    EXPECT_EQ(h.engine.container_of("ws-" + id)->Id, container);
}

TEST_F(WarmPoolTest, ADeletedPoolTakesItsUnclaimedSlotsAlong)
{
    put_pool(2);
    work();
    claim(warm().front());
    h.remove<WarmPool>("default", "default");
    EXPECT_FALSE(h.find<WarmPool>("default", "default"));
    work();
    EXPECT_THAT(slots(), IsEmpty());
    EXPECT_EQ(h.store().list<Workspace>().size(), 1u);
    EXPECT_EQ(h.engine.services().size(), 1u);
}

TEST_F(WarmPoolTest, AMissingImageStopsItFromTryingAllTheTime)
{
    h.engine.remove_image("berth/workspace:1");
    put_pool(3);
    for (int i = 0; i < 60; ++i) {
        h.engine.run_tasks();
        for (const auto& slot : slots())
            if (slot.metadata.deletionTimestamp) clean_up(slot);
        h.advance(std::chrono::seconds{10});
        measure(4);
    }
    EXPECT_EQ(find_condition(pool().status.conditions, "Degraded")->status, ConditionStatus::True);
    EXPECT_EQ(find_condition(pool().status.conditions, "Degraded")->reason, "ImageMissing");
    EXPECT_GE(pool().status.failures, 4);
    EXPECT_LE(h.engine.calls("POST /services/create"), 12u) << "in ten minutes";
    EXPECT_THAT(warm(), IsEmpty());

    h.engine.add_image("berth/workspace:1");
    h.advance(std::chrono::minutes{10});
    measure(4);
    work();
    work();
    EXPECT_THAT(warm(), SizeIs(3));
    EXPECT_EQ(pool().status.failures, 0);
    EXPECT_EQ(find_condition(pool().status.conditions, "Degraded")->status, ConditionStatus::False);
}

TEST_F(WarmPoolTest, YieldsWhenTheNodeIsShortOfMemoryAndComesBack)
{
    put_pool(3);
    work();
    ASSERT_THAT(warm(), SizeIs(3));
    measure(14); // of 16: more than 85 %
    EXPECT_THAT(warm(), SizeIs(1)) << "0.4 GiB too much are two slots";
    EXPECT_EQ(find_condition(pool().status.conditions, "Degraded")->reason, "ShortOfMemory");
    h.advance(std::chrono::seconds{5});
    for (const auto& slot : slots()) // what leaves is no more; the memory is still missing
        if (slot.metadata.deletionTimestamp) clean_up(slot);
    h.advance(std::chrono::seconds{30});
    measure(14);
    EXPECT_THAT(warm(), IsEmpty());
    h.advance(std::chrono::seconds{30});
    work();
    EXPECT_THAT(warm(), SizeIs(3));
    EXPECT_EQ(find_condition(pool().status.conditions, "Degraded")->status, ConditionStatus::False);
}

TEST_F(WarmPoolTest, AChangedTemplateReplacesItsSlotsOneAfterTheOther)
{
    WorkspaceTemplate python;
    python.metadata.name = "python";
    python.spec.image = "berth/workspace:1";
    h.put(python);
    put_pool(3, "python");
    work();
    const auto before = warm();
    ASSERT_THAT(before, SizeIs(3));
    python.spec.env["A"] = "2";
    h.put(python);
    h.observe();
    EXPECT_THAT(warm(), SizeIs(2)) << "at least one, a fifth at most";
    work();
    work();
    work();
    EXPECT_THAT(warm(), SizeIs(3));
    for (const auto& id : warm()) EXPECT_THAT(before, ::testing::Not(::testing::Contains(id)));
    EXPECT_EQ(pool().status.stale, 0);
}

TEST_F(WarmPoolTest, ATemplateThatIsNotThereIsNamed)
{
    put_pool(2, "python");
    EXPECT_THAT(slots(), IsEmpty());
    EXPECT_EQ(find_condition(pool().status.conditions, "Degraded")->reason, "TemplateMissing");
    WorkspaceTemplate python;
    python.metadata.name = "python";
    python.spec.image = "berth/workspace:1";
    h.put(python);
    work();
    EXPECT_THAT(warm(), SizeIs(2));
}

TEST_F(WarmPoolTest, ALabelAloneMakesNoSlot)
{
    auto workspace = put_workspace("mine");
    workspace.metadata.labels[std::string(kPoolLabel)] = "default";
    h.put(workspace);
    put_pool(0);
    work();
    EXPECT_TRUE(h.engine.service("ws-mine"));
    EXPECT_FALSE(ws("mine").metadata.deletionTimestamp);
}

TEST_F(WarmPoolTest, TheDefaultPoolFollowsTheSettingAndKeepsWhatAnAdminChanged)
{
    h.run(ensure_default_pool(h.store(), 4));
    EXPECT_EQ(pool().spec.size, 4);
    put_pool(7);
    h.run(ensure_default_pool(h.store(), 4));
    EXPECT_EQ(pool().spec.size, 7) << "the setting is the same as at the last start";
    h.run(ensure_default_pool(h.store(), 2));
    EXPECT_EQ(pool().spec.size, 2);
}

} // namespace
} // namespace berth
