// What the agent does on threads of its own, with real ones. All other tests hand in one thread for
// everything and run it step by step, so these here are what the thread sanitizer has to look at
// (CONTRIBUTING.md).

#include "node/folder_watcher.hpp"
#include "node/isolation.hpp"
#include "tests/fakes/run.hpp"
#include "tests/unit/node/node_support.hpp"

#include <boost/asio/thread_pool.hpp>

#include <thread>

namespace berth {
namespace {

/// Two batches: one is put in place while the next one is fetched.
constexpr int kFiles = 300;

awaitable<> cancel(TaskGroup* group)
{
    group->cancel();
    co_return;
}

struct PoolTest : ::testing::Test {
    asio::io_context io;
    asio::thread_pool pool{2};
    FakeClock clock;
    MemoryBucket bucket;
    Side one{"one", bucket, clock, io, pool.get_executor()};
    Side two{"two", bucket, clock, io, pool.get_executor()};

    void TearDown() override { pool.join(); }
    void fill_bucket()
    {
        std::map<std::string, std::string> files;
        for (int i = 0; i < kFiles; ++i)
            files["folder" + std::to_string(i % 20) + "/file" + std::to_string(i)] =
                "content " + std::to_string(i);
        bucket.put(files);
    }
    void run_until(const std::function<bool()>& done)
    {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{100};
        while (!done() && std::chrono::steady_clock::now() < end) {
            if (io.stopped()) io.restart();
            io.run_one_until(end);
        }
        ASSERT_TRUE(done()) << "not in time";
    }
    /// Both at the same time.
    void both(awaitable<> first, awaitable<> second)
    {
        int left = 2;
        std::exception_ptr failure;
        auto ended = [&](std::exception_ptr thrown) {
            if (thrown) failure = thrown;
            --left;
        };
        asio::co_spawn(io, std::move(first), ended);
        asio::co_spawn(io, std::move(second), ended);
        run_until([&left] { return left == 0; });
        if (failure) std::rethrow_exception(failure);
    }
    void both_sync()
    {
        const SyncRound round;
        both(sync_files(*one.context, round), sync_files(*two.context, round));
    }
};

TEST_F(PoolTest, TwoWorkspacesSyncWhileSomebodyWrites)
{
    fill_bucket();
    SystemClock real;
    FolderWatcher watcher{io.get_executor(), real};
    TaskGroup watching{io.get_executor()};
    watching.spawn("watcher", watcher.run());
    std::map<Side*, std::shared_ptr<FolderActivity>> activities;
    for (auto* side : {&one, &two}) {
        auto activity = activities[side] = std::make_shared<FolderActivity>();
        side->context->folder_opened = [&watcher, activity](int folder) { watcher.watch(folder, activity); };
    }
    both(restore_files(*one.context), restore_files(*two.context));
    EXPECT_EQ(one.files(), two.files());
    EXPECT_EQ(one.status.restoredFiles, kFiles);
    both_sync(); // puts the watches on all folders
    for (auto& [side, activity] : activities) activity->dirty = false;

    for (int round = 0; round < 2; ++round) {
        std::thread tenant([this, round] {
            for (int i = 0; i < 50; ++i)
                one.write(
                    "busy/" + std::to_string(i), "round " + std::to_string(round) + std::string(1000, 'x'));
        });
        two.write("two/" + std::to_string(round), "text");
        both_sync();
        tenant.join();
        clock.advance(std::chrono::minutes{1});
    }
    run_until([&] { return activities[&one]->dirty.load() && activities[&two]->dirty.load(); });
    EXPECT_GT(activities[&one]->last_ms, 0);
    both_sync(); // the tenant rests: what it wrote last is there now
    clock.advance(std::chrono::minutes{1});
    two.compare();
    one.compare();
    EXPECT_EQ(one.files(), two.files());
    EXPECT_EQ(two.local("busy/49"), "round 1" + std::string(1000, 'x'));
    EXPECT_EQ(one.local("two/1"), "text");
    watching.cancel();
    run_to_end(io, watching.join());
}

TEST_F(PoolTest, AnAgentThatEndsCutsAWalkShort)
{
    constexpr int kFolders = 50;
    one.restore();
    for (int i = 0; i < kFolders; ++i) one.write("folder" + std::to_string(i) + "/file", "text");
    int opened = 0;
    one.context->folder_opened = [&](int) {
        if (++opened == 10) one.stop = true;
    };
    EXPECT_THROW(one.sync(), Error);
    EXPECT_EQ(opened, 10);
    EXPECT_TRUE(bucket.objects.empty());
    one.stop = false;
    one.sync();
    EXPECT_TRUE(bucket.objects.contains("folder49/file"));
}

TEST_F(PoolTest, ARestoreThatIsCancelledLeavesNothingOnTheThreads)
{
    fill_bucket();
    TaskGroup group{io.get_executor()};
    one.context->progressed = [&group] { return cancel(&group); };
    group.spawn("restore", restore_files(*one.context));
    run_to_end(io, group.join());
    const auto there = one.journal->files().size();
    EXPECT_LT(there, std::size_t(kFiles));
    one.reopen(); // the journal of before is gone: nobody may be at work with it
    EXPECT_LE(one.journal->files().size(), there);
    one.restore();
    EXPECT_EQ(one.journal->files().size(), std::size_t(kFiles));
    EXPECT_EQ(one.local("folder19/file299"), "content 299");
}

/// Knows every container, as one that runs.
struct RunningEngine final : Transport {
    awaitable<HttpResponse> send(HttpRequest request) override
    {
        HttpResponse reply{.status = 200};
        const std::string_view path = request.target;
        const auto begin = path.find("/containers/");
        if (path == "/_ping") {
            reply.headers.set("Api-Version", "1.41");
        } else if (begin == std::string_view::npos) {
            reply.body = "[]";
        } else {
            const std::string id(path.substr(begin + 12, path.rfind("/json") - begin - 12));
            reply.body = R"({"Id":")" + id + R"(","State":{"Status":"running","Running":true,"Pid":1,)" +
                         R"("StartedAt":"2026-11-21T08:34:00Z"},"Config":{"Labels":{"dev.berth.uid":"uid-)" +
                         id + R"(","dev.berth.name":")" + id +
                         R"("}},"NetworkSettings":{"SandboxKey":"/netns/)" + id + R"("}})";
        }
        co_return reply;
    }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest) override
    {
        throw Error{Errc::Unavailable, "there are no streams here"};
        co_return nullptr;
    }
    std::string host() const override { return "test"; }
};

TEST_F(PoolTest, FiltersAreTriedOnTheirThreadWhileTheRulesChange)
{
    asio::thread_pool filters{1};
    TemporaryFolder temp;
    RunningEngine engine;
    docker::Client client{engine, clock};
    NodeConfig config;
    config.netns_dir = temp / "none"; // no namespace can be entered: each attempt throws over there
    Inventory inventory{io.get_executor(), clock, client, {}};
    Isolation isolation{io.get_executor(), filters.get_executor(), clock, client, config, inventory};
    EdgeNetwork edge;
    std::set<std::string> told;
    isolation.on_change = [&](const std::string& uid) {
        told.insert(uid);
        edge.status.proxies.push_back("10.0.0." + std::to_string(told.size()));
        isolation.update(edge);
    };
    TaskGroup group{io.get_executor()};
    isolation.start(group);
    isolation.update(edge);
    for (int i = 0; i < 8; ++i) {
        docker::Event event;
        event.Action = "start";
        event.Actor.ID = "c" + std::to_string(i);
        event.Actor.Attributes[std::string(kKindLabel)] = "Workspace";
        isolation.seen(event);
    }
    run_until([&told] { return told.size() == 8; });
    ContainerReport container;
    container.state = ContainerState::running;
    container.id = "c7";
    container.startedAt = parse_time("2026-11-21T08:34:00Z");
    EXPECT_FALSE(isolation.of(container).isolated);
    EXPECT_NE(isolation.of(container).problem.find("network namespace"), std::string::npos);
    group.cancel();
    run_to_end(io, group.join());
    filters.join();
}

} // namespace
} // namespace berth
