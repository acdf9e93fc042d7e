// Group commit, failures of the disk, and the index, with the database on a thread of its own.

#include "metrics/metrics.hpp"
#include "storage/database.hpp"
#include "storage/facts.hpp"
#include "storage/keys.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <boost/asio/detached.hpp>

#include <sys/resource.h>

#include <csignal>
#include <latch>
#include <random>

namespace berth::test {
namespace {

class CommitTest : public StoreTest {
protected:
    CommitTest() { threaded = true; }
    void SetUp() override
    {
        auto with_metrics = options();
        with_metrics.metrics = &metrics;
        with_metrics.keep_changes = 100'000;
        store = run(Store::open(std::move(with_metrics)));
    }
    /// Runs `work` once for each number below `count`, all at the same time.
    template <class F> void run_all(int count, F work)
    {
        int running = count;
        bool done = false;
        std::exception_ptr failure;
        auto finished = [&](std::exception_ptr thrown) {
            if (thrown) failure = thrown;
            done = --running == 0;
        };
        for (int i = 0; i < count; ++i) asio::co_spawn(io, work(i), finished);
        wait(done);
        if (failure) std::rethrow_exception(failure);
    }
    double metric(const std::string& series)
    {
        const auto text = metrics.serialize();
        const auto at = text.find("\n" + series + " ");
        return at == std::string::npos ? 0 : std::stod(text.substr(at + series.size() + 2));
    }
    Metrics metrics;
};

TEST_F(CommitTest, ManyWritersShareWritesAndLoseNothing)
{
    create(make_thing("counter", 0));
    auto writer = [](Store& to, int number) -> awaitable<> {
        for (int round = 0; round < 20; ++round) {
            auto body = [number, round](Txn& txn) {
                auto counter = txn.get<Thing>(key("counter")).value();
                ++counter.spec.value;
                txn.update(counter);
                auto own = make_thing("w" + std::to_string(number) + "-" + std::to_string(round));
                txn.create(own);
                return counter.spec.value;
            };
            const auto value = co_await to.transact(body);
            // Read-your-writes: what this caller was told is there is there.
            EXPECT_GE(to.get<Thing>(key("counter"))->spec.value, value);
            EXPECT_TRUE(to.find("things", key("w" + std::to_string(number) + "-" + std::to_string(round))));
        }
    };
    run_all(32, [&](int number) { return writer(*store, number); });
    EXPECT_EQ(store->get<Thing>(key("counter"))->spec.value, 32 * 20);
    EXPECT_EQ(store->count("things"), 32U * 20U + 1U);
    EXPECT_EQ(metric("berth_store_transactions_total{result=\"ok\"}"), 641);
    const auto writes = metric("berth_store_write_duration_seconds_count");
    EXPECT_LT(writes, 641 / 4) << "32 writers at a time must share synced writes";
    EXPECT_EQ(metric("berth_store_objects{kind=\"things\"}"), 641);
    const auto before = store->list<Thing>();
    reopen();
    EXPECT_EQ(store->list<Thing>(), before);
}

TEST_F(CommitTest, AFailingTransactionDoesNotHurtItsNeighbours)
{
    auto writer = [](Store& to, int number) -> awaitable<> {
        auto body = [number](Txn& txn) {
            auto thing = make_thing("t" + std::to_string(number), number, {{"tier", "y"}});
            txn.create(thing);
            if (number % 3 == 0) throw Error{Errc::Quota, "not this one"};
        };
        bool refused = false;
        try {
            co_await to.transact(body);
        } catch (const Error& error) {
            refused = error.code() == Errc::Quota;
        }
        EXPECT_EQ(refused, number % 3 == 0) << number;
    };
    run_all(60, [&](int number) { return writer(*store, number); });
    EXPECT_EQ(store->count("things"), 40U);
    EXPECT_EQ(store->revision(), 40U) << "revisions have no gaps";
    EXPECT_EQ(transact([](Txn& txn) { return txn.list<Thing>(Selector::label("tier", "y")).size(); }), 40U);
}

TEST_F(CommitTest, OneOfManyRacingCreatesWins)
{
    int won = 0;
    auto racer = [](Store& to, int number, int& winners) -> awaitable<> {
        auto body = [number](Txn& txn) {
            auto thing = make_thing("prize", number);
            txn.create(thing);
        };
        try {
            co_await to.transact(body);
            ++winners;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::Exists);
        }
    };
    run_all(40, [&](int number) { return racer(*store, number, won); });
    EXPECT_EQ(won, 1);
}

/// Makes every write to a file fail, as a full disk does.
class FullDisk {
public:
    FullDisk()
    {
        std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit none{0, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &none);
    }
    ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

TEST_F(CommitTest, AFullDiskIsUnavailableAndHealsWhenThereIsSpace)
{
    const auto kept = create(make_thing("kept", 1));
    auto body = [](Txn& txn) {
        auto thing = make_thing("refused", 2);
        txn.create(thing);
    };
    {
        FullDisk full;
        EXPECT_EQ(error_of(store->transact(body)), Errc::Unavailable);
        EXPECT_EQ(error_of(store->transact(body)), Errc::Unavailable);
        EXPECT_EQ(store->get<Thing>(key("kept")), kept) << "what is stored can be read";
        EXPECT_FALSE(store->find("things", key("refused")));
        EXPECT_THAT(store->write_problem(), ::testing::HasSubstr("File too large"));
    }
    EXPECT_EQ(error_of(store->transact(body)), Errc::Unavailable) << "the folder is opened once a second at most";
    clock.time += std::chrono::seconds{1};
    transact(body);
    EXPECT_EQ(store->write_problem(), "");
    EXPECT_EQ(store->get<Thing>(key("refused"))->spec.value, 2);
    auto watch = store->watch("things", 0);
    EXPECT_EQ(watch->try_next()->entry->key.name, "kept");
    EXPECT_EQ(watch->try_next()->entry->key.name, "refused");
    EXPECT_FALSE(watch->try_next());
    reopen();
    EXPECT_EQ(store->count("things"), 2U);
    EXPECT_GE(metric("berth_store_transactions_total{result=\"failed\"}"), 2);
}

TEST_F(CommitTest, CloseLetsQueuedTransactionsFinishAndRefusesNewOnes)
{
    int finished = 0;
    auto writer = [](Store& to, int number, int& count) -> awaitable<> {
        auto body = [number](Txn& txn) {
            auto thing = make_thing("t" + std::to_string(number));
            txn.create(thing);
        };
        co_await to.transact(body);
        ++count;
    };
    TaskGroup writers{io.get_executor()};
    for (int i = 0; i < 10; ++i) writers.spawn("writer", writer(*store, i, finished));
    io.poll(); // all of them have asked now; at most the first is done
    EXPECT_LT(finished, 10);
    run(store->close());
    EXPECT_EQ(finished, 10);
    EXPECT_EQ(store->count("things"), 10U);
    run(writers.join());
    EXPECT_EQ(error_of(writer(*store, 99, finished)), Errc::Unavailable);
    run(store->close());
}

/// The store is destroyed while its thread has yet to read: the folder is released when that has been answered.
TEST_F(CommitTest, AReadUnderWayIsAnsweredWhenTheStoreIsDestroyed)
{
    transact([](Txn& txn) { txn.audit({"somebody", "create", "Thing", key("one"), ""}); });
    std::latch gate{1};
    asio::post(db, [&gate] { gate.wait(); });
    auto reader = [](Store& from, std::vector<AuditRecord>& into) -> awaitable<> {
        into = co_await from.audit_log(0, 10);
    };
    std::vector<AuditRecord> records;
    TaskGroup readers{io.get_executor()};
    readers.spawn("reader", reader(*store, records));
    io.poll(); // it has asked now
    store.reset();
    gate.count_down();
    run(readers.join());
    EXPECT_EQ(records.size(), 1U);
    open();
    EXPECT_EQ(run(store->audit_log(0, 10)).size(), 1U);
}

/// Random work, then every index entry on disk must be exactly what the objects say, and each way of asking
/// agree.
TEST_F(CommitTest, TheIndexAgreesWithTheObjects)
{
    std::mt19937 random(20261121);
    auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
    for (int step = 0; step < 400; ++step) {
        const auto name = "t" + std::to_string(pick(25));
        const auto action = pick(5);
        const auto label = std::to_string(pick(3));
        const auto owner = "t" + std::to_string(pick(25));
        transact([=](Txn& txn) {
            auto thing = txn.get<Thing>(key(name));
            if (!thing) {
                auto made = make_thing(name, step, {{"tier", label}});
                if (auto over = txn.get<Thing>(key(owner))) made.metadata.ownerReferences = {owned_by(*over)};
                txn.create(made);
            } else if (action == 0) {
                txn.remove<Thing>(key(name));
            } else if (action == 1) {
                thing->metadata.labels = {{"tier", label}, {"extra", label}};
                txn.update(*thing);
            } else {
                thing->status.phase = "phase" + label;
                txn.put_status(*thing);
            }
        });
    }
    for (const auto& value : {"0", "1", "2"}) {
        Selector by_phase;
        by_phase.phase = std::string("phase") + value;
        for (const auto& selector :
            {Selector::label("tier", value), Selector::label("extra", value), by_phase}) {
            const auto here = store->list<Thing>(selector);
            EXPECT_FALSE(here.empty());
            auto there = transact([selector](Txn& txn) { return txn.list<Thing>(selector); });
            EXPECT_EQ(there, here);
        }
    }
    std::set<std::string> expected;
    for (const auto& entry : store->entries("things"))
        for (auto& index : detail::index_keys(*entry)) expected.insert(std::move(index));
    close();
    std::set<std::string> found;
    detail::Database raw(folder / "db");
    raw.scan(detail::Family::Index, "", [&](std::string_view index, std::string_view) {
        found.emplace(index);
        return true;
    });
    EXPECT_EQ(found, expected);
}

} // namespace
} // namespace berth::test
