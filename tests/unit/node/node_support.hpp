#pragma once
// What the node's tests share: a folder that goes away, and a bucket in memory.

#include "controller/base/random.hpp"
#include "node/file_copy.hpp"
#include "node/sync.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace berth {

class TempFolder {
public:
    TempFolder() : path_(std::filesystem::temp_directory_path() / ("berth-" + random_text(10)))
    {
        std::filesystem::create_directories(path_);
    }
    ~TempFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string operator/(const std::string& name) const { return (path_ / name).string(); }
    std::string str() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

inline void write_text(const std::string& path, const std::string& text)
{
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

/// A bucket in memory that behaves like S3 and can be told to fail. Counts what would be LIST requests.
class MemoryStore final : public ObjectStore {
public:
    std::map<std::string, std::string> objects; ///< by key below the prefix
    std::map<std::string, std::string> mtimes;
    std::string failure; ///< thrown by every call while set
    int lists = 0;
    int downloads_until_failure = -1;
    int uploads_until_failure = -1;
    std::function<void()> before_upload;

    RemoteFile remote(const std::string& key) const
    {
        TempFolder folder;
        write_text(folder / "x", objects.at(key));
        return {.size = static_cast<std::int64_t>(objects.at(key).size()),
            .md5 = hash_file(folder / "x").md5,
            .mtime = ""};
    }
    awaitable<RemoteFiles> list() override
    {
        check();
        ++lists;
        RemoteFiles files;
        for (const auto& [key, content] : objects)
            if (!key.starts_with(".berth/")) files[key] = remote(key);
        co_return files;
    }
    awaitable<RemoteFiles> head(Paths paths) override
    {
        check();
        RemoteFiles files;
        for (const auto& path : paths)
            if (objects.contains(path)) files[path] = remote(path);
        co_return files;
    }
    awaitable<> upload(std::string folder, std::int64_t) override
    {
        if (before_upload) before_upload();
        check();
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
            if (!entry.is_regular_file()) continue;
            if (uploads_until_failure == 0) throw Error{Errc::Internal, "S3Unreachable: cut"};
            if (uploads_until_failure > 0) --uploads_until_failure;
            objects[std::filesystem::relative(entry.path(), folder).string()] = read_file(entry.path());
        }
        co_return;
    }
    awaitable<> download(Paths paths, std::string folder, std::int64_t) override
    {
        check();
        for (const auto& path : paths) {
            if (downloads_until_failure == 0) throw Error{Errc::Internal, "S3Unreachable: cut"};
            if (downloads_until_failure > 0) --downloads_until_failure;
            if (objects.contains(path)) write_text(folder + "/" + path, objects[path]);
        }
        co_return;
    }
    awaitable<> copy_to_trash(Paths paths, std::string stamp) override
    {
        check();
        for (const auto& path : paths) objects[".berth/trash/" + stamp + "/" + path] = objects.at(path);
        co_return;
    }
    awaitable<> copy(std::string from, std::string to) override
    {
        check();
        objects[to] = objects.at(from);
        co_return;
    }
    awaitable<> remove(Paths paths) override
    {
        check();
        for (const auto& path : paths) objects.erase(path);
        co_return;
    }
    awaitable<std::optional<RemoteFile>> stat(std::string key) override
    {
        check();
        if (!objects.contains(key)) co_return std::nullopt;
        co_return remote(key);
    }
    awaitable<> put(std::string local_path, std::string key) override
    {
        check();
        objects[key] = read_file(local_path);
        co_return;
    }
    awaitable<> get(std::string key, std::string local_path) override
    {
        check();
        write_text(local_path, objects.at(key));
        co_return;
    }
    awaitable<> empty_trash(std::string) override { co_return; }

private:
    void check() const
    {
        if (!failure.empty()) throw Error{Errc::Internal, failure};
    }
};

/// One workspace's folder, journal and bucket.
struct SyncFixture : ::testing::Test {
    TempFolder temp;
    boost::asio::io_context io;
    FakeClock clock;
    MemoryStore store;
    std::atomic<bool> stop{false};
    SyncStatus status;
    std::unique_ptr<SyncJournal> journal;
    std::unique_ptr<SyncContext> context;

    void SetUp() override
    {
        std::filesystem::create_directories(temp / "volume");
        reopen();
    }
    /// As after a kill: only what is on disk is known.
    void reopen()
    {
        context.reset();
        journal = std::make_unique<SyncJournal>(temp / "journal");
        context.reset(new SyncContext{.root = temp / "volume",
            .journal = *journal,
            .store = store,
            .clock = clock,
            .work = io.get_executor(),
            .stop = stop,
            .status = status});
    }
    void run(awaitable<> work)
    {
        std::exception_ptr failure;
        bool done = false;
        boost::asio::co_spawn(
            io, std::move(work), [&](std::exception_ptr error) { failure = error, done = true; });
        settle(io);
        ASSERT_TRUE(done);
        if (failure) std::rethrow_exception(failure);
    }
    void restore() { run(restore_files(*context)); }
    void sync(bool final = false) { run(sync_files(*context, final)); }
    std::string local(const std::string& path) const { return read_file(temp / ("volume/" + path)); }
    void write(const std::string& path, const std::string& text)
    {
        write_text(temp / ("volume/" + path), text);
    }
    bool has(const std::string& path) const { return std::filesystem::exists(temp / ("volume/" + path)); }
    std::size_t user_objects() const
    {
        return static_cast<std::size_t>(std::count_if(store.objects.begin(), store.objects.end(),
            [](const auto& object) { return !object.first.starts_with(".berth/"); }));
    }
};

} // namespace berth
