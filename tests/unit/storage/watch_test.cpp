// Following changes: order, resuming, falling behind.

#include "tests/unit/storage/store_fixture.hpp"

namespace berth::test {
namespace {

class WatchTest : public StoreTest {
protected:
    WatchTest() { keep_changes = 5; }
    /// Everything the watch has now, as "added one@1".
    static std::vector<std::string> drain(Watch& watch)
    {
        std::vector<std::string> seen;
        while (auto change = watch.try_next())
            seen.push_back(std::string(to_string(change->op)) + " " + change->entry->key.name + "@" +
                           std::to_string(change->revision));
        return seen;
    }
    template <class F> std::optional<Errc> failure_of(F call)
    {
        try {
            call();
        } catch (const Error& error) {
            return error.code();
        }
        return std::nullopt;
    }
    using Seen = std::vector<std::string>;
};

TEST_F(WatchTest, HandsOutChangesInOrderWithTheirStates)
{
    auto watch = store->watch("things", store->revision());
    auto thing = create(make_thing("one", 1));
    thing.spec.value = 2;
    update(thing);
    transact([](Txn& txn) { return txn.remove<Thing>(key("one")); });
    std::vector<Change> changes;
    while (auto change = watch->try_next()) changes.push_back(*change);
    ASSERT_EQ(changes.size(), 3U);
    EXPECT_EQ(changes[0].op, Op::Added);
    EXPECT_EQ(decode_entry<Thing>(*changes[0].entry).spec.value, 1);
    EXPECT_EQ(changes[1].op, Op::Modified);
    EXPECT_EQ(changes[2].op, Op::Deleted);
    const auto last = decode_entry<Thing>(*changes[2].entry);
    EXPECT_EQ(last.spec.value, 2) << "a deletion carries the last state";
    EXPECT_EQ(last.metadata.resourceVersion, std::to_string(changes[2].revision));
    for (std::size_t i = 1; i < 3; ++i) EXPECT_EQ(changes[i].revision, changes[i - 1].revision + 1);
    EXPECT_EQ(watch->revision(), store->revision());
}

TEST_F(WatchTest, SeesOneKindOrAll)
{
    auto things = store->watch("things", 0);
    auto all = store->watch("", 0);
    create(make_thing("one"));
    Part part;
    part.metadata.name = "part";
    create(part);
    create(make_thing("two"));
    EXPECT_EQ(drain(*things), (Seen{"added one@1", "added two@3"}));
    EXPECT_EQ(drain(*all), (Seen{"added one@1", "added part@2", "added two@3"}));
}

TEST_F(WatchTest, ResumesInTheMiddleOfATransactionAndOverAReopen)
{
    transact([](Txn& txn) {
        for (const char* name : {"one", "two", "three"}) {
            auto thing = make_thing(name);
            txn.create(thing);
        }
        txn.remove<Thing>(key("one"));
    });
    const Seen expected{"added two@2", "added three@3", "deleted one@4"};
    EXPECT_EQ(drain(*store->watch("things", 1)), expected);
    reopen();
    EXPECT_EQ(drain(*store->watch("things", 1)), expected);
    auto live = store->watch("things", store->revision());
    create(make_thing("four"));
    EXPECT_EQ(drain(*live), (Seen{"added four@5"}));
}

TEST_F(WatchTest, IsGoneWhenItAsksForDroppedHistory)
{
    for (int i = 1; i <= 8; ++i) create(make_thing("t" + std::to_string(i)));
    const auto check = [&] {
        EXPECT_EQ(drain(*store->watch("things", 3)).size(), 5U);
        auto old = store->watch("things", 2);
        EXPECT_EQ(failure_of([&] { old->try_next(); }), Errc::Gone);
        auto future = store->watch("things", 99);
        EXPECT_EQ(failure_of([&] { future->try_next(); }), Errc::Gone);
        EXPECT_EQ(error_of(store->watch("things", 0)->next()), Errc::Gone);
    };
    check();
    reopen();
    check();
}

TEST_F(WatchTest, ASlowWatchIsGoneAndOtherKindsDoNotMakeItSlow)
{
    auto slow = store->watch("", store->revision());
    auto parts = store->watch("parts", store->revision());
    for (int i = 0; i < 20; ++i) create(make_thing("t" + std::to_string(i)));
    EXPECT_EQ(failure_of([&] { slow->try_next(); }), Errc::Gone);
    EXPECT_EQ(drain(*parts), Seen{});
    EXPECT_EQ(parts->revision(), store->revision()) << "good for a bookmark";
    Part part;
    part.metadata.name = "part";
    create(part);
    EXPECT_EQ(drain(*parts), (Seen{"added part@21"}));
}

TEST_F(WatchTest, NextWaitsAndReadyTakesNothing)
{
    auto watch = store->watch("things", store->revision());
    std::vector<std::string> order;
    auto reader = [](Watch& from, std::vector<std::string>& log) -> awaitable<> {
        co_await from.ready();
        co_await from.ready();
        log.push_back("ready");
        const auto change = co_await from.next();
        log.push_back(change.entry->key.name);
    };
    bool done = false;
    auto finished = [&](std::exception_ptr) { done = true; };
    asio::co_spawn(io, reader(*watch, order), finished);
    io.poll();
    EXPECT_TRUE(order.empty());
    create(make_thing("one"));
    wait(done);
    EXPECT_EQ(order, (Seen{"ready", "one"}));
}

TEST_F(WatchTest, ACancelledReadyLosesNothing)
{
    auto watch = store->watch("things", store->revision());
    SystemClock real;
    auto impatient = [](Clock& clock, Watch& from) -> awaitable<> {
        co_await with_timeout(clock, Duration{1}, from.ready(), "a change");
    };
    EXPECT_EQ(error_of(impatient(real, *watch)), Errc::Timeout);
    create(make_thing("one"));
    EXPECT_EQ(drain(*watch), (Seen{"added one@1"}));
}

TEST_F(WatchTest, AClosedStoreEndsItsWatchesAfterTheLastChange)
{
    auto watch = store->watch("things", store->revision());
    create(make_thing("one"));
    close();
    EXPECT_EQ(run(watch->next()).entry->key.name, "one");
    EXPECT_EQ(error_of(watch->next()), Errc::Unavailable);
}

TEST_F(WatchTest, CallbacksComeInRevisionOrderBeforeTheCallerResumes)
{
    std::vector<Revision> seen;
    store->on_commit([&](const Change& change) { seen.push_back(change.revision); });
    store->on_commit([&](const Change& change) {
        EXPECT_TRUE(store->find(change.entry->plural, change.entry->key))
            << "the table is behind the callback";
    });
    transact([](Txn& txn) {
        for (const char* name : {"one", "two"}) {
            auto thing = make_thing(name);
            txn.create(thing);
        }
    });
    EXPECT_EQ(seen, (std::vector<Revision>{1, 2}));
}

/// The change log on disk is trimmed too, and what is left is enough to resume from.
TEST_F(WatchTest, TheLogOnDiskStaysBounded)
{
    for (int i = 0; i < 30; ++i)
        transact([i](Txn& txn) {
            for (int j = 0; j < 100; ++j) {
                auto thing = make_thing("t" + std::to_string(i) + "-" + std::to_string(j));
                txn.create(thing);
            }
        });
    reopen();
    EXPECT_EQ(store->revision(), 3000U);
    EXPECT_EQ(drain(*store->watch("things", 2995)).size(), 5U);
    auto old = store->watch("things", 2994);
    EXPECT_EQ(failure_of([&] { old->try_next(); }), Errc::Gone);
}

} // namespace
} // namespace berth::test
