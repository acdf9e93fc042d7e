#pragma once
// What the movements of files share. Not for anybody else.

#include "node/manifest.hpp"
#include "node/sync.hpp"

namespace berth {

/// What a round could not bring to S3, or not take out of it: its reasons are its own, the rest of the round
/// goes on.
struct Unsent {
    std::vector<SkippedFile> failed;
    std::int64_t restless = 0;
};

// sync_upload.cpp
/// Uploads in the order of upload_order(); what others wrote meanwhile is kept beside it.
awaitable<> upload_all(SyncContext& context, Paths paths, const TreeWalk& walk, Unsent& unsent);
/// Takes vanished files out of S3, by way of the trash, unless somebody else has written them since.
awaitable<> delete_files(SyncContext& context, Paths paths, Unsent& unsent);

// sync_manifests.cpp
/// A copy of a manifest on the disk; without a writer when there is none that can be read. Blocking.
Manifest read_manifest(const std::string& path);
/// Ours, as it is in S3. Blocking.
Manifest own_manifest(const SyncContext& context);
/// A manifest that somebody else wrote since we last looked, and what it says that is new.
struct ForeignManifest {
    std::string writer;
    std::string etag;
    Manifest now;
    ManifestChanges changes;
};
/// Gets those of `manifests` that are news.
awaitable<std::vector<ForeignManifest>> fetch_news(SyncContext& context, RemoteFiles manifests);
/// From now on these are known.
awaitable<> remember_news(SyncContext& context, std::vector<ForeignManifest> news);
/// For a restore: the tree that all manifests together tell of; they are known from then on.
awaitable<Manifest> fetch_tree(SyncContext& context, const Listing& listing);
/// Brings our manifest in S3 up to date; gives a receipt for it. A large one is not sent with every round
/// (gives nothing then) unless it must be known `at_once`.
awaitable<std::optional<Receipt>> send_manifest(
    SyncContext& context, const TreeWalk& walk, bool final, bool at_once);
/// Notices that our manifest in S3 is not the one that we wrote: it will be sent again.
void check_own_manifest(SyncContext& context, const RemoteFiles& manifests);
Receipt receipt_of(const std::string& manifest_hash, const SyncJournal& journal, bool final, Time now);

// sync_fetch.cpp
/// An object that shall come into the folder.
struct Wanted {
    std::string path;
    RemoteFile object;
    std::optional<LocalFile> here{}; ///< the file whose place it takes; unset: the name must be free
    std::string from{};              ///< another object than that of the path: a version in the trash
};
/// One that has arrived, on the work pool.
struct Arrived {
    const Wanted& wanted;
    std::string file;
    Hashes hashes;
    std::optional<std::int64_t> mtime;
    std::string etag;
};
using Place = std::function<void(const FileTree&, const Arrived&)>;
/// Downloads in the given order and calls `place` for each on the work pool, while the next ones are on their
/// way. `progress` gets files and bytes after each batch. An object that is gone meanwhile is left out.
awaitable<> fetch_all(SyncContext& context, std::vector<Wanted> wanted, Place place,
    std::function<void(std::int64_t files, std::int64_t bytes)> progress);
/// Puts it where it belongs: in place of what was there, or under a free name. Nothing: the folder is not as
/// expected.
std::optional<LocalFile> put_arrived(const FileTree& tree, const Arrived& arrived, std::int64_t mode);

// sync_compare.cpp
/// Lists S3, brings here what others changed, and marks what S3 lost so that it goes up again.
awaitable<> compare_with_store(SyncContext& context);

awaitable<TreeWalk> walk_folder(SyncContext& context);
awaitable<> commit(SyncContext& context);
/// Files on their way between the volume and S3, where the tenant can't reach.
std::string staging_folder(const SyncContext& context);
void clear_folder(const std::string& folder);
void check_abandoned(const SyncContext& context);

} // namespace berth
