#pragma once
// What one sync shall do: a pure function of the folder as it was walked and of the journal. Any thread.

#include "node/file_tree.hpp"
#include "node/journal.hpp"
#include "node/manifest.hpp"

#include <string>
#include <vector>

namespace berth {

/// The delete guard (W26): more than `percent` of the files and more than `count` of them at once are held
/// back.
struct DeleteGuard {
    std::int64_t percent = 50;
    std::int64_t count = 20;
    std::int64_t allowed = 0; ///< so many deletes were confirmed by a person; only exactly that number passes
    bool off = false;         ///< a person asked for what these deletes are part of
};

struct SyncPlan {
    std::vector<std::string> uploads; ///< new or changed, in the order in which they must go up
    std::vector<std::string> deletes; ///< to be taken out of S3, after the uploads
    std::vector<std::string> held;    ///< would be deleted, but looks like an accident
    std::string held_reason;
    bool operator==(const SyncPlan&) const = default;
};

SyncPlan plan_sync(const TreeWalk& walk, const std::map<std::string, JournalFile>& journal, bool restored,
    const DeleteGuard& guard = {});

/// The manifest of what is here and in S3.
Manifest make_manifest(const TreeWalk& walk, const std::map<std::string, JournalFile>& journal);

/// The order in which files go up: `.git` objects before what refers to them, see upload_rank().
void upload_order(std::vector<std::string>& paths);

/// "a/b.txt" → "a/b.conflict-20261121T083400Z-1a2b3c.txt"; `version` tells two versions of one moment apart.
std::string conflict_name(const std::string& path, Time now, std::string_view version);
/// "2026-11-21/083400.123" below the trash folder.
std::string trash_stamp(Time now);

} // namespace berth
