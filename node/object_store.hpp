#pragma once
// The prefix of one workspace in S3, as the sync uses it. The seam that tests put a fake behind.

#include "controller/base/async.hpp"
#include "node/journal.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth {

using RemoteFiles = std::map<std::string, RemoteFile>;
using Paths = std::vector<std::string>;

/// Every call throws Error whose message begins with the class of the cause: "S3Denied: …", "S3Unreachable:
/// …", "NoSuchBucket: …", "S3Error: …". Paths are relative to the prefix. I/O thread; calls one after
/// another.
struct ObjectStore {
    virtual ~ObjectStore() = default;
    /// Everything but our own folder `.berth`. Empty for a bucket without objects.
    virtual awaitable<RemoteFiles> list() = 0;
    /// Those of `paths` that exist; one HEAD each, no LIST.
    virtual awaitable<RemoteFiles> head(Paths paths) = 0;
    /// Puts every file below the local `folder`, which has `bytes` in all.
    virtual awaitable<> upload(std::string folder, std::int64_t bytes) = 0;
    /// Gets these into the local `folder`. A file that S3 lost meanwhile is simply not there afterwards.
    virtual awaitable<> download(Paths paths, std::string folder, std::int64_t bytes) = 0;
    /// Copies to `.berth/trash/<stamp>/` inside S3.
    virtual awaitable<> copy_to_trash(Paths paths, std::string stamp) = 0;
    virtual awaitable<> copy(std::string from, std::string to) = 0;
    virtual awaitable<> remove(Paths paths) = 0;
    /// One object by its key, `.berth` included.
    virtual awaitable<std::optional<RemoteFile>> stat(std::string key) = 0;
    virtual awaitable<> put(std::string local_path, std::string key) = 0;
    virtual awaitable<> get(std::string key, std::string local_path) = 0;
    /// Removes trash of days before `date` ("2026-11-21").
    virtual awaitable<> empty_trash(std::string date) = 0;
};

/// The class of an S3 failure from the transfer's text.
std::string s3_cause(std::string_view text);
/// A message for people: the class and a cut text, without `secrets` in it.
std::string s3_message(std::string_view text, const std::vector<std::string>& secrets);

} // namespace berth
