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
#include <set>

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

/// A bucket in memory that behaves like S3, for any number of workspaces, and can be told to fail. Counts requests.
class MemoryBucket {
public:
    struct Object {
        std::string content;
        std::string etag;
        Time modified;
        std::int64_t mtime = 0;
        std::optional<Time> written{};
        Object& operator=(const std::string& text) // as somebody who is not Berth would write it
        {
            content = text;
            etag = md5_of(text);
            modified = Time::max();
            return *this;
        }
        operator const std::string&() const { return content; }
        bool operator==(const std::string& text) const { return content == text; }
    };
    static std::string md5_of(const std::string& text)
    {
        TempFolder folder;
        write_text(folder / "x", text);
        return hash_file(folder / "x").md5;
    }

    std::map<std::string, Object> objects; ///< by key below the prefix
    std::string failure;                   ///< thrown by every call while set
    bool honours_conditions = true;
    int lists = 0;
    std::int64_t requests = 0;
    int downloads_until_failure = -1;
    int uploads_until_failure = -1;
    std::function<void()> before_upload;  ///< once per object, before the conditions are looked at
    std::function<void(const std::string&)> after_head; ///< between the look and the write
    std::vector<std::string> log;         ///< "PUT a", "GET b", …

    void put(const std::map<std::string, std::string>& files, Time modified = {})
    {
        for (const auto& [key, content] : files) objects[key] = {content, md5_of(content), modified};
    }
    RemoteFile remote(const std::string& key) const
    {
        const auto& object = objects.at(key);
        return {.size = static_cast<std::int64_t>(object.content.size()),
            .etag = object.etag,
            .modified = object.modified,
            .mtime = object.mtime,
            .written = object.written};
    }
    bool holds(const std::string& key, const std::string& etag) const
    {
        const auto found = objects.find(key);
        return found != objects.end() && found->second.etag == etag;
    }
};

class MemoryStore final : public ObjectStore {
public:
    MemoryStore(MemoryBucket& bucket, Clock& clock) : bucket_(bucket), clock_(clock) {}

    awaitable<Listing> list() override
    {
        check("LIST", "");
        ++bucket_.lists;
        Listing listing;
        for (const auto& [key, object] : bucket_.objects) {
            if (key.starts_with(kManifestFolder))
                listing.manifests[key.substr(kManifestFolder.size(), key.size() - kManifestFolder.size() - 5)] =
                    bucket_.remote(key);
            if (!key.starts_with(".berth/")) listing.files[key] = bucket_.remote(key);
        }
        co_return listing;
    }
    awaitable<RemoteFiles> head(Paths paths) override
    {
        RemoteFiles files;
        for (const auto& path : paths) {
            check("HEAD", path);
            if (bucket_.objects.contains(path)) files[path] = bucket_.remote(path);
            if (bucket_.after_head) bucket_.after_head(path);
        }
        co_return files;
    }
    awaitable<ItemResults> put(std::vector<PutItem> items) override
    {
        ItemResults results;
        for (const auto& item : items) results.push_back(put_one(item));
        co_return results;
    }
    awaitable<ItemResults> get(std::vector<GetItem> items) override
    {
        ItemResults results;
        for (const auto& item : items) {
            check("GET", item.path);
            if (bucket_.downloads_until_failure == 0) throw Error{Errc::Internal, "S3Unreachable: cut"};
            if (bucket_.downloads_until_failure > 0) --bucket_.downloads_until_failure;
            const auto found = bucket_.objects.find(item.path);
            if (found == bucket_.objects.end()) {
                results.push_back({.outcome = Outcome::Missing});
                continue;
            }
            write_text(item.file, found->second.content);
            results.push_back({Outcome::Done, found->second.etag, found->second.mtime, {}});
        }
        co_return results;
    }
    awaitable<ItemResults> copy(std::vector<CopyItem> items) override
    {
        ItemResults results;
        for (const auto& item : items) {
            check("COPY", item.from);
            const auto found = bucket_.objects.find(item.from);
            if (found == bucket_.objects.end()) {
                results.push_back({.outcome = Outcome::Missing});
            } else if (!item.etag.empty() && found->second.etag != item.etag) {
                results.push_back({.outcome = Outcome::Changed});
            } else {
                auto object = found->second;
                object.modified = clock_.now();
                bucket_.objects[item.to] = object;
                results.push_back({Outcome::Done, object.etag, {}, {}});
            }
        }
        co_return results;
    }
    awaitable<ItemResults> remove(std::vector<RemoveItem> items) override
    {
        ItemResults results;
        for (const auto& item : items) {
            check("DELETE", item.path);
            const bool changed = !item.etag.empty() && bucket_.honours_conditions &&
                                 bucket_.objects.contains(item.path) && !bucket_.holds(item.path, item.etag);
            if (!changed) bucket_.objects.erase(item.path);
            results.push_back({.outcome = changed ? Outcome::Changed : Outcome::Done});
        }
        co_return results;
    }
    awaitable<std::vector<TrashedFile>> list_trash() override
    {
        check("LIST", ".berth/trash/");
        std::vector<TrashedFile> found;
        for (const auto& [key, object] : bucket_.objects) {
            if (!key.starts_with(kTrashFolder)) continue;
            const auto rest = key.substr(kTrashFolder.size());
            found.push_back({rest.substr(0, 21), rest.substr(22), bucket_.remote(key)});
        }
        co_return found;
    }
    awaitable<> empty_trash(std::string) override { co_return; }
    awaitable<bool> conditional() override
    {
        check("PROBE", "");
        co_return bucket_.honours_conditions;
    }
    std::int64_t requests() const override { return bucket_.requests; }

private:
    ItemResult put_one(const PutItem& item)
    {
        check("PUT", item.path);
        if (bucket_.uploads_until_failure == 0)
            return {.failure = Error{Errc::Internal, "S3Unreachable: cut"}};
        if (bucket_.uploads_until_failure > 0) --bucket_.uploads_until_failure;
        if (bucket_.before_upload) std::exchange(bucket_.before_upload, nullptr)();
        const auto& expect = item.expect;
        const bool there = bucket_.objects.contains(item.path);
        if (expect.kind == Expect::Kind::Absent && there) return {.outcome = Outcome::Changed};
        if (expect.kind == Expect::Kind::Version && !bucket_.holds(item.path, expect.etag))
            return {.outcome = Outcome::Changed};
        MemoryBucket::Object object{read_file(item.file), hash_file(item.file).md5, clock_.now(), item.mtime, item.written};
        EXPECT_EQ(hash_file(item.file).sha256, item.sha256) << "what is sent is what was said";
        EXPECT_EQ(std::int64_t(object.content.size()), item.size);
        bucket_.objects[item.path] = object;
        return {Outcome::Done, object.etag, {}, {}};
    }
    void check(const std::string& method, const std::string& path)
    {
        if (!bucket_.failure.empty()) throw Error{Errc::Internal, bucket_.failure};
        ++bucket_.requests;
        bucket_.log.push_back(method + " " + path);
    }

    MemoryBucket& bucket_;
    Clock& clock_;
};

/// One workspace on a bucket: its folder, its journal.
class Side {
public:
    Side(std::string name, MemoryBucket& bucket, FakeClock& clock, boost::asio::io_context& io)
        : name_(std::move(name)),
          clock_(clock),
          io_(io),
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
            .work = io_.get_executor(),
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
    TempFolder temp_;
    std::string name_;
    FakeClock& clock_;
    boost::asio::io_context& io_;

public:
    MemoryStore store;
    std::atomic<bool> stop{false};
    SyncStatus status;
    std::unique_ptr<SyncJournal> journal;
    std::unique_ptr<SyncContext> context;
    TempFolder& temp() { return temp_; }
};

/// One workspace's folder, journal and bucket.
struct SyncFixture : ::testing::Test {
    boost::asio::io_context io;
    FakeClock clock;
    MemoryBucket store;
    Side side{"one", store, clock, io};
    TempFolder& temp = side.temp();
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
