// kill -9 in a loop of writes: what was acknowledged is there, nothing is there by half.

#include "storage/database.hpp"
#include "storage/facts.hpp"
#include "storage/keys.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <boost/asio/detached.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

namespace berth::test {
namespace {

constexpr const char* kFolderVariable = "BERTH_CRASH_TEST_FOLDER";
constexpr int kAckDescriptor = 3;
constexpr int kWriters = 8;

std::string counter_name(int writer) { return "w" + std::to_string(writer); }
std::string item_name(int writer, std::int64_t value)
{
    return counter_name(writer) + "-" + std::to_string(value);
}

/// Counts up for ever: raises its counter and makes an item in one transaction, then says so on the pipe.
awaitable<> write_for_ever(Store& store, int writer)
{
    for (;;) {
        auto body = [writer](Txn& txn) {
            auto counter = txn.get<Thing>(key(counter_name(writer)));
            if (!counter) {
                counter = make_thing(counter_name(writer));
                txn.create(*counter);
            }
            const auto value = ++counter->spec.value;
            txn.update(*counter);
            auto item = make_thing(item_name(writer, value), value, {{"writer", counter_name(writer)}});
            item.metadata.ownerReferences = {owned_by(*counter)};
            txn.create(item);
            return value;
        };
        const auto value = co_await store.transact(body);
        const auto line = std::to_string(writer) + " " + std::to_string(value) + "\n";
        if (::write(kAckDescriptor, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(3);
    }
}

/// The program that is killed. Only runs when CrashTest starts it.
TEST(CrashTestChild, DISABLED_WritesUntilItIsKilled)
{
    const char* folder = std::getenv(kFolderVariable);
    ASSERT_TRUE(folder) << "only to be started by CrashTest";
    asio::io_context io;
    asio::thread_pool db{1};
    SystemClock clock;
    auto work = [](asio::io_context& loop, Executor database, Clock& time, std::string path) -> awaitable<> {
        auto store = co_await Store::open({path, loop.get_executor(), database, time});
        auto group = std::make_unique<TaskGroup>(loop.get_executor());
        for (int i = 0; i < kWriters; ++i) group->spawn("writer", write_for_ever(*store, i));
        co_await group->join();
    };
    TaskGroup group{io.get_executor()};
    group.spawn("writers", work(io, db.get_executor(), clock, folder));
    io.run();
}

class CrashTest : public StoreTest {
protected:
    void SetUp() override {}

    /// Starts this program again as the child, reads `acknowledgements` lines, kills it, reads the rest.
    std::map<int, std::int64_t> write_and_kill(int acknowledgements)
    {
        int pipe_ends[2];
        if (::pipe2(pipe_ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], kAckDescriptor);
        std::string program = "/proc/self/exe";
        std::string filter = "--gtest_filter=CrashTestChild.*";
        std::string disabled = "--gtest_also_run_disabled_tests";
        char* arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
        ::setenv(kFolderVariable, (folder / "db").c_str(), 1);
        pid_t child = 0;
        const auto failure = ::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(pipe_ends[1]);
        if (failure != 0) throw std::runtime_error("spawn failed");

        std::map<int, std::int64_t> acknowledged;
        auto* lines = ::fdopen(pipe_ends[0], "r");
        int writer = 0;
        long long value = 0;
        for (int count = 0; std::fscanf(lines, "%d %lld", &writer, &value) == 2;) {
            EXPECT_EQ(value, acknowledged[writer] == 0 ? value : acknowledged[writer] + 1);
            acknowledged[writer] = value;
            if (++count == acknowledgements) ::kill(child, SIGKILL);
        }
        std::fclose(lines);
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the child ended by itself";
        return acknowledged;
    }

    void check_whole(const std::map<int, std::int64_t>& acknowledged)
    {
        std::size_t objects = 0;
        for (int writer = 0; writer < kWriters; ++writer) {
            const auto counter = store->get<Thing>(key(counter_name(writer)));
            const auto value = counter ? counter->spec.value : 0;
            const auto told = acknowledged.contains(writer) ? acknowledged.at(writer) : 0;
            EXPECT_GE(value, told) << "an acknowledged write is lost";
            const auto items = store->entries("things", Selector::label("writer", counter_name(writer)));
            EXPECT_EQ(items.size(), static_cast<std::size_t>(value)) << "a transaction is there by half";
            for (std::int64_t i = 1; i <= value; ++i)
                EXPECT_TRUE(store->find("things", key(item_name(writer, i)))) << item_name(writer, i);
            objects += items.size() + (counter ? 1 : 0);
        }
        EXPECT_EQ(store->count("things"), objects);
    }

    void check_index()
    {
        std::set<std::string> expected, found;
        for (const auto& entry : store->entries("things"))
            for (auto& index : detail::index_keys(*entry)) expected.insert(std::move(index));
        close();
        {
            detail::Database raw(folder / "db");
            raw.scan(detail::Family::Index, "", [&](std::string_view index, std::string_view) {
                found.emplace(index);
                return true;
            });
        }
        EXPECT_EQ(found, expected);
    }
};

TEST_F(CrashTest, EveryAcknowledgedWriteSurvivesKill9)
{
    std::mt19937 random(7);
    Revision last = 0;
    for (int round = 0; round < 6; ++round) {
        const auto acknowledged = write_and_kill(static_cast<int>(20 + random() % 400));
        ASSERT_FALSE(acknowledged.empty());
        open();
        check_whole(acknowledged);
        EXPECT_GT(store->revision(), last) << "revisions go on, they do not start again";
        last = store->revision();
        EXPECT_EQ(store->watch("", last - 10)->try_next()->revision, last - 9)
            << "a watch resumes over a crash";
        check_index();
    }
}

} // namespace
} // namespace berth::test
