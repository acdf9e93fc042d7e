#pragma once
// What the node's tests share: a folder that goes away, and a bucket in memory.

#include "controller/base/random.hpp"
#include "node/filters.hpp"
#include "node/key_names.hpp"
#include "node/sync.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/memory_bucket.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace berth {

/// One workspace on a bucket: its folder, its journal.
class Side {
public:
    /// `work`: threads of their own for what blocks; unset: everything on the one thread, one step at a time.
    Side(std::string name, MemoryBucket& bucket, FakeClock& clock, boost::asio::io_context& io,
        std::optional<Executor> work = {})
        : name_(std::move(name)),
          clock_(clock),
          io_(io),
          threaded_(work.has_value()),
          work_(work ? *work : Executor{io.get_executor()}),
          store(bucket, clock)
    {
        std::filesystem::create_directories(temp_ / "volume");
        reopen();
    }
    /// As after a kill: only what is on disk is known.
    void reopen()
    {
        context.reset();
        journal = std::make_unique<SyncJournal>(temp_ / "journal");
        context.reset(new SyncContext{.root = temp_ / "volume",
            .writer = name_,
            .journal = *journal,
            .store = store,
            .clock = clock_,
            .work = work_,
            .stop = stop,
            .status = status});
    }
    /// As on another node: nothing is known.
    void start_over()
    {
        std::filesystem::remove_all(temp_ / "volume");
        std::filesystem::remove_all(temp_ / "journal");
        std::filesystem::create_directories(temp_ / "volume");
        status = {};
        reopen();
        restore();
    }
    void run(awaitable<> work)
    {
        if (threaded_) return run_to_end(io_, std::move(work));
        std::exception_ptr failure;
        bool done = false;
        boost::asio::co_spawn(
            io_, std::move(work), [&](std::exception_ptr error) { failure = error, done = true; });
        settle(io_);
        ASSERT_TRUE(done);
        if (failure) std::rethrow_exception(failure);
    }
    void restore() { run(restore_files(*context)); }
    void sync(bool final = false) { run(sync_files(*context, SyncRound{.final = final})); }
    void compare() { run(sync_files(*context, SyncRound{.compare = true})); }
    std::string path(const std::string& name) const { return temp_ / ("volume/" + name); }
    std::string local(const std::string& name) const { return read_file(path(name)); }
    /// Writes as a program does: the file is another one afterwards even within one tick of the file system's clock.
    void write(const std::string& name, const std::string& text)
    {
        write_text(path(name) + ".berth-test", text);
        std::filesystem::rename(path(name) + ".berth-test", path(name));
    }
    void erase(const std::string& name) { std::filesystem::remove_all(path(name)); }
    bool has(const std::string& name) const
    {
        return std::filesystem::exists(std::filesystem::symlink_status(path(name)));
    }
    std::set<std::string> files() const
    {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(temp_ / "volume"))
            names.insert(std::filesystem::relative(entry.path(), temp_ / "volume").string());
        return names;
    }

private:
    TemporaryFolder temp_;
    std::string name_;
    FakeClock& clock_;
    boost::asio::io_context& io_;
    bool threaded_;
    Executor work_;

public:
    MemoryStore store;
    std::atomic<bool> stop{false};
    SyncStatus status;
    std::unique_ptr<SyncJournal> journal;
    std::unique_ptr<SyncContext> context;
    TemporaryFolder& temp() { return temp_; }
};

/// One workspace's folder, journal and bucket.
struct SyncFixture : ::testing::Test {
    boost::asio::io_context io;
    FakeClock clock;
    MemoryBucket store;
    Side side{"one", store, clock, io};
    TemporaryFolder& temp = side.temp();
    SyncStatus& status = side.status;

    void reopen() { side.reopen(); }
    void run(awaitable<> work) { side.run(std::move(work)); }
    void restore() { side.restore(); }
    void sync(bool final = false) { side.sync(final); }
    std::string local(const std::string& path) const { return side.local(path); }
    void write(const std::string& path, const std::string& text) { side.write(path, text); }
    bool has(const std::string& path) const { return side.has(path); }
    std::size_t user_objects() const
    {
        return static_cast<std::size_t>(std::count_if(store.objects.begin(), store.objects.end(),
            [](const auto& object) { return !object.first.starts_with(".berth/"); }));
    }
    /// The name under which the version of somebody else is kept.
    std::string kept(const std::string& path, const std::string& content) const
    {
        return conflict_name(path, clock.now(), MemoryBucket::md5_of(content));
    }
};

} // namespace berth
