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
};

struct SyncPlan {
    std::vector<std::string> uploads; ///< new or changed, in the order in which they must go up
    std::vector<std::string> deletes; ///< to be taken out of S3, after the uploads
    std::vector<std::string> held;    ///< would be deleted, but looks like an accident
    std::string held_reason;
    /// Whether S3 has everything that is here once the plan is done.
    bool operator==(const SyncPlan&) const = default;
};

SyncPlan plan_sync(const TreeWalk& walk, const std::map<std::string, JournalFile>& journal, bool restored,
    const DeleteGuard& guard = {});

/// The manifest of what is here and in S3.
Manifest make_manifest(const TreeWalk& walk, const std::map<std::string, JournalFile>& journal);

/// What to do with one file that changed here, given what S3 has now (nothing: no such object) and what the
/// journal believes that it has.
enum class UploadStep {
    Nothing,   ///< S3 has this content already (an upload whose journal entry was lost)
    Upload,    ///< S3 has no such object
    Overwrite, ///< S3 has what the journal says: it goes to the trash first
    Conflict,  ///< somebody else wrote it: their version is kept under another name
};
UploadStep plan_upload(
    const RemoteFile& mine, const std::optional<RemoteFile>& present, const JournalFile* journal);

/// "a/b.txt" → "a/b.conflict-20261121T083400Z.txt"
std::string conflict_name(const std::string& path, Time now);
/// "2026-11-21/083400.123" below the trash folder.
std::string trash_stamp(Time now);

} // namespace berth
