#pragma once
// A real database in a temporary folder, two small kinds, and a way to run coroutines to their end.

#include "storage/store.hpp"
#include "tests/fakes/temporary_folder.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/thread_pool.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {

struct ThingSpec {
    static constexpr KindInfo kind{"Thing", "things"};
    std::int64_t value = 0;
    Secret secret;
    bool operator==(const ThingSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(ThingSpec, (), (value, secret))
struct ThingStatus {
    std::int64_t observedGeneration = 0;
    Conditions conditions;
    std::string phase;
    bool operator==(const ThingStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(ThingStatus, (), (observedGeneration, conditions, phase))
using Thing = Object<ThingSpec, ThingStatus>;

struct PartSpec {
    static constexpr KindInfo kind{"Part", "parts"};
    std::string note;
    bool operator==(const PartSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(PartSpec, (), (note))
using Part = Object<PartSpec, RecordStatus>;

inline Thing make_thing(std::string name, std::int64_t value = 0, Labels labels = {})
{
    Thing thing;
    thing.metadata.org = "default";
    thing.metadata.name = std::move(name);
    thing.metadata.labels = std::move(labels);
    thing.spec.value = value;
    return thing;
}

template <Kind K> OwnerReference owned_by(const K& owner)
{
    return {std::string(K::kind().kind), owner.metadata.name, owner.metadata.uid};
}

inline Key key(std::string name) { return {"default", std::move(name)}; }

/// Wall-clock time stands still unless moved.
class ManualClock final : public Clock {
public:
    Time now() const override { return time; }
    Tick tick() const override { return Tick{time.time_since_epoch()}; }
    awaitable<> sleep_until(Tick) override { throw std::logic_error("nothing in the store sleeps"); }
    Time time{std::chrono::hours{24 * 365 * 50}};
};

class StoreTest : public ::testing::Test {
protected:
    /// Runs a coroutine to its end and returns what it returns, or throws what it throws.
    template <class T> T run(awaitable<T> work)
    {
        std::exception_ptr failure;
        bool done = false;
        if constexpr (std::is_void_v<T>) {
            auto finished = [&](std::exception_ptr thrown) { failure = thrown, done = true; };
            asio::co_spawn(io, std::move(work), finished);
            wait(done);
            if (failure) std::rethrow_exception(failure);
        } else {
            std::optional<T> result;
            auto finished = [&](std::exception_ptr thrown, T value) {
                failure = thrown, done = true;
                if (!thrown) result.emplace(std::move(value));
            };
            asio::co_spawn(io, std::move(work), finished);
            wait(done);
            if (failure) std::rethrow_exception(failure);
            return std::move(*result);
        }
    }
    void wait(const bool& done)
    {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
        while (!done && std::chrono::steady_clock::now() < deadline) io.run_one_for(std::chrono::seconds{1});
        if (!done) throw std::runtime_error("the coroutine did not end in time");
    }
    /// The code of the Error that `work` throws.
    template <class T> std::optional<Errc> error_of(awaitable<T> work)
    {
        try {
            run(std::move(work));
        } catch (const Error& error) {
            message = error.what();
            return error.code();
        }
        return std::nullopt;
    }

    StoreOptions options(std::string path = {})
    {
        StoreOptions made{path.empty() ? folder / "db" : std::move(path), io.get_executor(),
            threaded ? Executor{db.get_executor()} : Executor{io.get_executor()}, clock};
        made.keep_changes = keep_changes;
        return made;
    }
    void open() { store = run(Store::open(options())); }
    void close()
    {
        run(store->close());
        store.reset();
    }
    void reopen()
    {
        close();
        open();
    }
    void SetUp() override { open(); }
    void TearDown() override
    {
        if (store) close();
        db.join();
    }

    /// One transaction from a plain function.
    template <class F> auto transact(F body) { return run(store->transact(std::move(body))); }
    template <Kind K> K create(K object)
    {
        return transact([object](Txn& txn) mutable {
            txn.create(object);
            return object;
        });
    }
    template <Kind K> K update(K object)
    {
        return transact([object](Txn& txn) mutable {
            txn.update(object);
            return object;
        });
    }

    TemporaryFolder folder;
    ManualClock clock;
    asio::io_context io;
    /// Without it the loop would stop for good when the database thread lets go of the last work between two
    /// runs.
    asio::executor_work_guard<asio::io_context::executor_type> alive{io.get_executor()};
    asio::thread_pool db{1};
    bool threaded = false;
    std::size_t keep_changes = 100;
    std::unique_ptr<Store> store;
    std::string message;
};

} // namespace berth::test
