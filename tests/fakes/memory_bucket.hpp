#pragma once
// A bucket in memory that behaves like S3.

#include "node/file_copy.hpp"
#include "node/filters.hpp"
#include "node/key_names.hpp"
#include "node/object_store.hpp"
#include "tests/fakes/temporary_folder.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace berth {

inline void write_text(const std::string& path, const std::string& text)
{
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

/// A bucket in memory that behaves like S3, for any number of workspaces, and can be told to fail. Counts
/// requests.
class MemoryBucket {
public:
    struct Object {
        std::string content;
        std::string etag;
        Time modified;
        std::optional<std::int64_t> mtime{}; ///< unset: who wrote it told none
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
        const TemporaryFolder folder;
        write_text(folder / "x", text);
        return hash_file(folder / "x").md5;
    }

    std::map<std::string, Object> objects; ///< by key below the prefix
    /// As SeaweedFS, for which a folder is something: nothing can be made there on the condition that there
    /// is nothing, and for long after its last object is gone.
    std::set<std::string> folders;
    std::string failure; ///< thrown by every call while set
    bool honours_conditions = true;
    int lists = 0;
    std::int64_t requests = 0;
    int downloads_until_failure = -1;
    int uploads_until_failure = -1;
    std::function<void()> before_upload; ///< once per object, before the conditions are looked at
    std::function<void(const std::string&)> after_head; ///< between the look and the write
    std::vector<std::string> log;                       ///< "PUT a", "GET b", …
    std::set<std::string> refused; ///< keys that are not taken, for a reason of the server's own

    void put(const std::map<std::string, std::string>& files, Time modified = {})
    {
        for (const auto& [key, content] : files) objects[key] = {content, md5_of(content), modified};
    }
    /// As an upload in parts: the version is one of the parts, not of the content.
    void put_in_parts(const std::string& key, const std::vector<std::string>& parts, Time modified = {})
    {
        std::string content, sums;
        for (const auto& part : parts) content += part, sums += md5_of(part);
        objects[key] = {content, md5_of(sums) + "-" + std::to_string(parts.size()), modified};
    }
    /// As HEAD tells it.
    RemoteFile remote(const std::string& key) const
    {
        const auto& object = objects.at(key);
        return {.size = static_cast<std::int64_t>(object.content.size()),
            .etag = object.etag,
            .modified = object.modified,
            .mtime = object.mtime,
            .written = object.written};
    }
    /// As a list tells it: without what is kept with the object.
    RemoteFile listed(const std::string& key) const
    {
        const auto& object = objects.at(key);
        return {
            .size = std::int64_t(object.content.size()), .etag = object.etag, .modified = object.modified};
    }
    /// As SeaweedFS: what is no text, and parts that are too long for a file's name.
    std::optional<Error> refusal(const std::string& key) const
    {
        bool fine = is_utf8(key) && !refused.contains(key);
        for (std::size_t at = 0; at < key.size(); at = std::min(key.find('/', at), key.size()) + 1)
            fine = fine && std::min(key.find('/', at), key.size()) - at <= 255;
        if (fine) return std::nullopt;
        return Error{Errc::Internal, "S3Error: write: 400 KeyTooLongError"};
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
        Strays strays; // S3Store's own tests look at these
        for (const auto& [key, object] : bucket_.objects) sort_in(listing, strays, key, bucket_.listed(key));
        co_return listing;
    }
    awaitable<RemoteFiles> head(Paths paths) override
    {
        RemoteFiles files;
        for (const auto& path : paths) {
            check("HEAD", path);
            const auto key = key_of_path(path);
            if (bucket_.objects.contains(key)) files[path] = bucket_.remote(key);
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
            const auto found = bucket_.objects.find(key_of_path(item.path));
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
            const auto found = bucket_.objects.find(key_of_path(item.from));
            const auto refusal = bucket_.refusal(key_of_path(item.to));
            if (found == bucket_.objects.end()) {
                results.push_back({.outcome = Outcome::Missing});
            } else if (!item.etag.empty() && found->second.etag != item.etag) {
                results.push_back({.outcome = Outcome::Changed});
            } else if (refusal) {
                results.push_back({.failure = refusal});
            } else {
                auto object = found->second;
                object.modified = clock_.now();
                bucket_.objects[key_of_path(item.to)] = object;
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
            const auto key = key_of_path(item.path);
            const bool changed =
                !item.etag.empty() && bucket_.honours_conditions && !bucket_.holds(key, item.etag);
            if (!changed) bucket_.objects.erase(key);
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
            if (rest.size() <= 22 || rest[10] != '/' || rest[21] != '/')
                continue; // "2026-11-21/083400.123/…"
            found.push_back({rest.substr(0, 21), path_of_key(rest.substr(22)), bucket_.listed(key)});
        }
        co_return found;
    }
    awaitable<> empty_trash(std::string date) override
    {
        check("LIST", ".berth/trash/");
        std::erase_if(bucket_.objects, [&](const auto& one) {
            if (!one.first.starts_with(kTrashFolder)) return false;
            const auto rest = one.first.substr(kTrashFolder.size());
            return rest.find('/') == 10 && rest.substr(0, 10) < date;
        });
        co_return;
    }
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
        const auto key = key_of_path(item.path);
        if (auto refusal = bucket_.refusal(key)) return {.failure = std::move(refusal)};
        const bool there = bucket_.objects.contains(key);
        if (expect.kind == Expect::Kind::Absent && (there || bucket_.folders.contains(key)))
            return {.outcome = Outcome::Changed};
        if (expect.kind == Expect::Kind::Version && !bucket_.holds(key, expect.etag))
            return {.outcome = Outcome::Changed};
        MemoryBucket::Object object{
            read_file(item.file), hash_file(item.file).md5, clock_.now(), item.mtime, item.written};
        if (hash_file(item.file).sha256 != item.sha256 || std::int64_t(object.content.size()) != item.size)
            throw std::logic_error("what is sent is not what was said: " + item.path);
        bucket_.objects[key] = object;
        for (auto at = key.find('/'); at != std::string::npos; at = key.find('/', at + 1))
            bucket_.folders.insert(key.substr(0, at));
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

} // namespace berth
