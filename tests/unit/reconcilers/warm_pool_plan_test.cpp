// The pool's decision as tables: how many, which go, when it rests.

#include "reconcilers/warm_pool_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Time kNow{std::chrono::hours{24 * 365 * 56}};
constexpr std::int64_t kGiB = 1LL << 30;
const PoolLimits kLimits{};

WarmPool a_pool(std::int64_t size)
{
    WarmPool pool;
    pool.metadata.name = "default";
    pool.spec.size = size;
    return pool;
}

SlotFacts warm(const std::string& name, Duration age = std::chrono::minutes{10})
{
    SlotFacts slot;
    slot.name = name;
    slot.phase = Phase::warm;
    slot.node = "n1";
    slot.warm_since = kNow - age;
    slot.created = kNow - age;
    return slot;
}
SlotFacts starting(const std::string& name)
{
    auto slot = warm(name, Duration{1000});
    slot.phase = Phase::starting;
    slot.warm_since.reset();
    return slot;
}
SlotFacts stale(SlotFacts slot)
{
    slot.stale = true;
    return slot;
}
SlotFacts failed(const std::string& name, std::string reason = "ImageMissing")
{
    auto slot = starting(name);
    slot.trouble = PoolTrouble{std::move(reason), "no such image"};
    return slot;
}
SlotFacts leaving(SlotFacts slot)
{
    slot.deleting = true;
    return slot;
}

/// A node of 16 GiB of which 4 are in use.
PoolNode a_node(std::int64_t used = 4 * kGiB, Duration measured_ago = Duration{0})
{
    return {"n1", 16 * kGiB, used, kNow - measured_ago};
}

PoolSeen see(std::vector<SlotFacts> slots)
{
    PoolSeen seen;
    seen.slots = std::move(slots);
    seen.nodes = {a_node()};
    return seen;
}

PoolPlan plan(const WarmPool& pool, const PoolSeen& seen, Time now = kNow)
{
    return plan_pool(pool, seen, kLimits, now);
}

std::string reason(const PoolPlan& plan, std::string_view type)
{
    const auto* found = find_condition(plan.status.conditions, type);
    if (!found) return "none";
    return (found->status == ConditionStatus::True ? "True " : "False ") + found->reason;
}

struct SizeRow {
    const char* name;
    std::int64_t size;
    std::vector<SlotFacts> slots;
    std::int64_t create;
    std::size_t remove;
};

TEST(WarmPoolPlan, SizeTable)
{
    const std::vector<SizeRow> rows{
        {"empty: a few at a time", 10, {}, 2, 0},
        {"one is missing", 3, {warm("a"), warm("b")}, 1, 0},
        {"full", 2, {warm("a"), warm("b")}, 0, 0},
        {"two are on their way", 10, {starting("a"), starting("b")}, 0, 0},
        {"one is on its way", 10, {warm("a"), starting("b")}, 1, 0},
        {"those on their way count", 2, {warm("a"), starting("b")}, 0, 0},
        {"those that leave do not", 1, {leaving(warm("a"))}, 1, 0},
        {"too many", 1, {warm("a"), warm("b"), warm("c")}, 0, 2},
        {"none wanted", 0, {warm("a"), starting("b")}, 0, 2},
    };
    for (const auto& row : rows) {
        const auto got = plan(a_pool(row.size), see(row.slots));
        EXPECT_EQ(got.create, row.create) << row.name;
        EXPECT_THAT(got.remove, SizeIs(row.remove)) << row.name;
    }
}

TEST(WarmPoolPlan, OfTooManyTheOnesThatAreMissedLeastGo)
{
    const auto seen =
        see({warm("old"), warm("new", Duration{2000}), starting("start"), stale(warm("stale"))});
    EXPECT_THAT(plan(a_pool(3), seen).remove, ElementsAre("start", "stale"))
        << "one too many, and one stale one at a time";
    EXPECT_THAT(plan(a_pool(1), seen).remove, ElementsAre("start", "stale", "new"));
}

TEST(WarmPoolPlan, NeverMoreThanTheMaximumAlsoWhileOthersLeave)
{
    auto pool = a_pool(5);
    pool.spec.maximum = 3;
    EXPECT_EQ(plan(pool, see({warm("a"), leaving(warm("b")), leaving(warm("c"))})).create, 0);
    EXPECT_EQ(plan(pool, see({warm("a"), leaving(warm("b"))})).create, 1);
    EXPECT_EQ(plan(pool, see({})).status.wanted, 3);
}

TEST(WarmPoolPlan, WaitingUsersComeFirst)
{
    auto seen = see({});
    seen.users_wait = true;
    EXPECT_EQ(plan(a_pool(10), seen).create, 1);
}

TEST(WarmPoolPlan, AStartDoesNotTakeTheProcessorFromAFreshClaim)
{
    auto claimed = see({warm("a"), warm("b")});
    claimed.newly_claimed = 1;
    auto pool = a_pool(3);
    const auto got = plan(pool, claimed);
    EXPECT_EQ(got.create, 0);
    EXPECT_EQ(got.next_look, Duration(kLimits.claim_pause));
    pool.status = got.status;
    EXPECT_EQ(plan(pool, see({warm("a"), warm("b")})).create, 0);
    pool.status.lastClaimAt = kNow - kLimits.claim_pause;
    EXPECT_EQ(plan(pool, see({warm("a"), warm("b")})).create, 1);
    pool.status.lastClaimAt = kNow;
    EXPECT_EQ(plan(pool, see({warm("a")})).create, 2) << "less than half is left: the next users come first";
}

TEST(WarmPoolPlan, SaysHowFarItIs)
{
    auto seen = see({warm("a"), starting("b"), stale(warm("c"))});
    seen.newly_claimed = 2;
    auto pool = a_pool(5);
    pool.status.claimed = 7;
    const auto got = plan(pool, seen);
    EXPECT_EQ(got.status.wanted, 5);
    EXPECT_EQ(got.status.ready, 1);
    EXPECT_EQ(got.status.stale + std::int64_t(got.remove.size()), 1);
    EXPECT_EQ(got.status.claimed, 9);
    EXPECT_EQ(reason(got, "Ready"), "False Filling");
    EXPECT_EQ(reason(got, "Degraded"), "False AsExpected");
    EXPECT_EQ(reason(plan(a_pool(1), see({warm("a")})), "Ready"), "True Filled");
    EXPECT_FALSE(plan(a_pool(1), see({warm("a")})).next_look) << "a full pool waits for a change";
}

// --- stale slots ---

std::vector<SlotFacts> ten_stale()
{
    std::vector<SlotFacts> slots;
    for (int i = 0; i < 10; ++i) slots.push_back(stale(warm("s" + std::to_string(i))));
    return slots;
}

// W24
TEST(WarmPoolPlan, StaleSlotsAreReplacedAFifthAtATime)
{
    auto slots = ten_stale();
    EXPECT_THAT(plan(a_pool(10), see(slots)).remove, SizeIs(2));
    slots[0] = starting("n0");
    EXPECT_THAT(plan(a_pool(10), see(slots)).remove, SizeIs(1)) << "one of two is on its way already";
    slots[1] = starting("n1");
    EXPECT_THAT(plan(a_pool(10), see(slots)).remove, IsEmpty());
    slots[0] = warm("n0");
    slots[1] = warm("n1");
    EXPECT_THAT(plan(a_pool(10), see(slots)).remove, SizeIs(2));
    EXPECT_THAT(plan(a_pool(2), see({stale(warm("a")), stale(warm("b"))})).remove, SizeIs(1))
        << "at least one";
}

TEST(WarmPoolPlan, StaleSlotsStayWhileNewOnesCantBeMade)
{
    auto seen = see(ten_stale());
    seen.obstacle = PoolTrouble{"TemplateMissing", "gone"};
    EXPECT_THAT(plan(a_pool(10), seen).remove, IsEmpty());
    auto pool = a_pool(10);
    pool.status.failures = 1;
    pool.status.lastFailureAt = kNow;
    pool.status.retryAt = kNow + std::chrono::seconds{5};
    EXPECT_THAT(plan(pool, see(ten_stale())).remove, IsEmpty());
    EXPECT_THAT(plan(a_pool(10), see({stale(starting("a"))})).remove, ElementsAre("a"))
        << "one that nobody can use yet is no loss";
}

// --- the breaker ---

TEST(WarmPoolPlan, AFailedSlotGoesAndThePoolRests)
{
    const auto got = plan(a_pool(5), see({warm("a"), failed("b"), failed("c")}));
    EXPECT_THAT(got.remove, ElementsAre("b", "c"));
    EXPECT_EQ(got.create, 0);
    EXPECT_EQ(got.status.failures, 1) << "slots that fail together are one failure";
    EXPECT_EQ(*got.status.retryAt, kNow + kLimits.first_back_off);
    EXPECT_EQ(got.next_look, kLimits.first_back_off);
    EXPECT_EQ(reason(got, "Degraded"), "True ImageMissing");
    EXPECT_NE(
        find_condition(got.status.conditions, "Degraded")->message.find("no such image"), std::string::npos);
    EXPECT_EQ(reason(got, "Ready"), "False Degraded");
}

/// Plays rounds in which every slot fails: gives the pauses between attempts.
TEST(WarmPoolPlan, EachFailureDoublesTheRestAndOneSlotProbes)
{
    auto pool = a_pool(5);
    Time now = kNow;
    std::vector<std::int64_t> pauses;
    for (int round = 0; round < 9; ++round) {
        pool.status = plan(pool, see({failed("x")}), now).status;
        pauses.push_back(
            std::chrono::duration_cast<std::chrono::seconds>(*pool.status.retryAt - now).count());
        EXPECT_EQ(plan(pool, see({}), *pool.status.retryAt - Duration{1}).create, 0);
        now = *pool.status.retryAt;
        EXPECT_EQ(plan(pool, see({}), now).create, 1) << "half-open: one that shows whether it works again";
        EXPECT_EQ(plan(pool, see({starting("p")}), now).create, 0);
    }
    EXPECT_THAT(pauses, ElementsAre(15, 30, 60, 120, 240, 480, 600, 600, 600));
}

TEST(WarmPoolPlan, AWarmSlotClosesTheBreaker)
{
    auto pool = a_pool(5);
    pool.status = plan(pool, see({failed("x")})).status;
    const Time later = kNow + std::chrono::seconds{20};
    auto old = see({warm("before")});
    EXPECT_EQ(plan(pool, old, later).status.failures, 1) << "one that was warm before proves nothing";
    auto probe = warm("probe");
    probe.warm_since = later;
    const auto got = plan(pool, see({probe}), later);
    EXPECT_EQ(got.status.failures, 0);
    EXPECT_FALSE(got.status.retryAt);
    EXPECT_EQ(reason(got, "Degraded"), "False AsExpected");
    EXPECT_EQ(got.create, 2);
}

TEST(WarmPoolPlan, ASlotThatSomebodyStoppedIsRemovedWithoutBlame)
{
    auto stopped = warm("a");
    stopped.useless = true;
    const auto got = plan(a_pool(1), see({stopped}));
    EXPECT_THAT(got.remove, ElementsAre("a"));
    EXPECT_EQ(got.status.failures, 0);
    EXPECT_EQ(got.create, 1);
}

TEST(WarmPoolPlan, AnObstacleIsSaidAndNothingIsMade)
{
    auto seen = see({});
    seen.obstacle = PoolTrouble{"TemplateMissing", "there is no template named x"};
    const auto got = plan(a_pool(3), seen);
    EXPECT_EQ(got.create, 0);
    EXPECT_EQ(reason(got, "Degraded"), "True TemplateMissing");
}

// --- memory ---

PoolSeen with_memory(std::int64_t used, std::vector<SlotFacts> slots, Duration measured_ago = Duration{0})
{
    auto seen = see(std::move(slots));
    seen.nodes = {a_node(used, measured_ago)};
    return seen;
}

TEST(WarmPoolPlan, NoSlotIsMadeWithoutRoomForIt)
{
    // 80 % of 16 GiB is 12.8 GiB.
    EXPECT_EQ(plan(a_pool(5), with_memory(12 * kGiB, {})).create, 2);
    EXPECT_EQ(plan(a_pool(5), with_memory(12 * kGiB + kGiB * 3 / 8, {})).create, 1);
    const auto got = plan(a_pool(5), with_memory(13 * kGiB, {}));
    EXPECT_EQ(got.create, 0);
    EXPECT_EQ(reason(got, "Degraded"), "True ShortOfMemory");
    EXPECT_EQ(got.next_look, kLimits.look);
}

TEST(WarmPoolPlan, WhatIsOnItsWayTakesRoomBeforeItIsMeasured)
{
    const auto used = 12 * kGiB + kGiB * 2 / 8; // room for two
    EXPECT_EQ(plan(a_pool(5), with_memory(used, {starting("a")})).create, 1);
    EXPECT_EQ(plan(a_pool(5), with_memory(used, {warm("a", Duration{0}), warm("b", Duration{0})})).create, 0);
    auto seen = with_memory(used, {});
    seen.starting_elsewhere = 2;
    EXPECT_EQ(plan(a_pool(5), seen).create, 0);
}

TEST(WarmPoolPlan, ASlotThatUsesMoreIsReckonedWithWhatItUses)
{
    auto big = warm("a");
    big.memory = kGiB;
    EXPECT_EQ(plan(a_pool(5), with_memory(11 * kGiB + kGiB / 2, {big})).create, 1) << "1.3 GiB of room";
}

TEST(WarmPoolPlan, WithoutAMeasurementNothingIsMade)
{
    auto seen = see({});
    seen.nodes.clear();
    const auto got = plan(a_pool(1), seen);
    EXPECT_EQ(got.create, 0);
    EXPECT_EQ(reason(got, "Degraded"), "True NoNodes");
}

// W23, W24
TEST(WarmPoolPlan, SlotsYieldBeforeAUserIsRefused)
{
    // 85 % of 16 GiB is 13.6 GiB: 0.4 GiB too much are two slots.
    auto slots = std::vector{warm("old"), warm("new", Duration{20'000}), starting("start")};
    auto elsewhere = warm("elsewhere");
    elsewhere.node = "n2";
    slots.push_back(elsewhere);
    auto pool = a_pool(4);
    const auto got = plan(pool, with_memory(14 * kGiB, slots));
    EXPECT_THAT(got.remove, ElementsAre("start", "new"));
    EXPECT_EQ(got.status.lastYieldAt, kNow);
    EXPECT_EQ(got.create, 0);

    pool.status = got.status;
    EXPECT_THAT(plan(pool, with_memory(14 * kGiB, {warm("old")}), kNow + Duration{5000}).remove, IsEmpty())
        << "measured before they were gone";
    const Time later = kNow + std::chrono::seconds{30};
    auto seen = with_memory(14 * kGiB, {warm("old")});
    seen.nodes[0].measured_at = later;
    EXPECT_THAT(plan(pool, seen, later).remove, ElementsAre("old"));
}

TEST(WarmPoolPlan, WhatLeavesAlreadyIsNotAskedForTwice)
{
    const auto got =
        plan(a_pool(4), with_memory(14 * kGiB, {warm("a"), leaving(warm("b")), leaving(warm("c"))}));
    EXPECT_THAT(got.remove, IsEmpty());
}

// --- facts of a slot ---

TEST(SlotFacts, AreReadFromTheWorkspace)
{
    Workspace slot;
    slot.metadata.name = "a";
    slot.metadata.labels[std::string(kSlotHashLabel)] = "now";
    slot.status.phase = Phase::starting;
    EXPECT_FALSE(slot_facts(slot, "now").stale);
    EXPECT_TRUE(slot_facts(slot, "other").stale);
    EXPECT_FALSE(slot_facts(slot, "now").trouble);
    slot.status.conditions.push_back(
        {"Placed", ConditionStatus::False, "ImageMissing", "No such image", {}, 1});
    ASSERT_TRUE(slot_facts(slot, "now").trouble);
    EXPECT_EQ(slot_facts(slot, "now").trouble->reason, "ImageMissing") << "long before the start's deadline";
    slot.status.phase = Phase::failed;
    slot.status.conditions = {{"Failed", ConditionStatus::True, "CrashLoop", "again and again", {}, 1}};
    EXPECT_EQ(slot_facts(slot, "now").trouble->reason, "CrashLoop");
    slot.status.phase = Phase::warm;
    slot.status.history = {{Phase::warm, "Warm", kNow}};
    EXPECT_EQ(slot_facts(slot, "now").warm_since, kNow);
    slot.spec.desiredState = DesiredState::stopped;
    EXPECT_TRUE(slot_facts(slot, "now").useless);
}

} // namespace
} // namespace berth
