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

/// What must be true of an object for it to be written.
struct Expect {
    enum class Kind { Anything, Absent, Version };
    Kind kind = Kind::Anything;
    std::string etag{}; ///< for Version
};

struct PutItem {
    std::string path;
    std::string file; ///< where the content is
    std::int64_t size = 0;
    std::int64_t mtime = 0; ///< ns since 1970
    std::string sha256{};
    Expect expect{};
    std::optional<Time> written{}; ///< kept with the object and with its copies in the trash
};
struct GetItem {
    std::string path;
    std::string file; ///< where the content goes
    std::int64_t size = 0;
};
struct CopyItem {
    std::string from;
    std::string to;
    std::int64_t size = 0;
    std::string etag{}; ///< only this version; empty: any
};
struct RemoveItem {
    std::string path;
    std::string etag{}; ///< only this version, where the server can tell; empty: any
};

enum class Outcome {
    Done,
    Changed, ///< the object is not what was expected: nothing was done
    Missing, ///< there is no such object
    Failed,
};
struct ItemResult {
    Outcome outcome = Outcome::Failed;
    std::string etag{};                  ///< of the object as it is now (put, get, copy)
    std::optional<std::int64_t> mtime{}; ///< get: the file's time that came with the object, ns since 1970
    std::optional<Error> failure{};      ///< Failed: why
};
using ItemResults = std::vector<ItemResult>;

struct Listing {
    RemoteFiles files;     ///< everything but our own folder `.berth`
    RemoteFiles manifests; ///< by the workspace that wrote them
};

/// An object that somebody else wrote under a key that is not the one of its path (key_names.hpp): a bare '\'
/// in it, a part that is too long, bytes that are no UTF-8. By path. The object under the path's own key
/// counts if there is one.
struct Stray {
    std::string key; ///< below the prefix
    RemoteFile object;
};
using Strays = std::map<std::string, Stray>;
/// Puts an object of a list where it belongs; `key` is below the prefix.
void sort_in(Listing& listing, Strays& strays, const std::string& key, const RemoteFile& object);

/// A version that was overwritten or deleted: "2026-11-21/083400.123" and the path it had.
struct TrashedFile {
    std::string stamp;
    std::string path;
    RemoteFile object;
};

/// Every call throws Error whose message begins with the class of the cause: "S3Denied: …", "S3Unreachable:
/// …", "NoSuchBucket: …", "S3Error: …"; where there is a result for each item, what concerns one item is in
/// its result. Paths are relative to the prefix. I/O thread; calls one after another.
struct ObjectStore {
    virtual ~ObjectStore() = default;
    virtual awaitable<Listing> list() = 0;
    /// Those of `paths` that exist; one request each, no LIST.
    virtual awaitable<RemoteFiles> head(Paths paths) = 0;
    /// Writes only what is as expected: atomically where the server can (conditional()), else after a look.
    virtual awaitable<ItemResults> put(std::vector<PutItem> items) = 0;
    virtual awaitable<ItemResults> get(std::vector<GetItem> items) = 0;
    /// Inside S3.
    virtual awaitable<ItemResults> copy(std::vector<CopyItem> items) = 0;
    virtual awaitable<ItemResults> remove(std::vector<RemoveItem> items) = 0;
    virtual awaitable<std::vector<TrashedFile>> list_trash() = 0;
    /// Removes trash of days before `date` ("2026-11-21").
    virtual awaitable<> empty_trash(std::string date) = 0;
    /// Whether the server refuses a write whose expectation does not hold, for concurrent ones too. Found out
    /// once.
    virtual awaitable<bool> conditional() = 0;
    /// How many requests have been made.
    virtual std::int64_t requests() const = 0;
};

/// The first failure among results, thrown.
void throw_failure(const ItemResults& results);
/// Whether a failure may be about one object only ("S3Error: …"): the others can go on without it.
bool is_about_one(const Error& error);
/// The first failure that is about the server, the bucket or the credentials, thrown.
void throw_general_failure(const ItemResults& results);

inline constexpr std::string_view kManifestFolder = ".berth/manifests/";
inline constexpr std::string_view kTrashFolder = ".berth/trash/";
/// ".berth/manifests/<writer>.json"
std::string manifest_path(const std::string& writer);
std::string trash_path(const std::string& stamp, const std::string& path);

/// The class of an S3 failure from the transfer's text.
std::string s3_cause(std::string_view text);
/// A message for people: the class and a cut text, without `secrets` in it.
std::string s3_message(std::string_view text, const std::vector<std::string>& secrets);

} // namespace berth
