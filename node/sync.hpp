#pragma once
// The two movements of files: S3 → folder once (restore), folder → S3 from then on (sync). Both can be cut
// off at any point and done again: the journal says how far they came, and what it doesn't say is found to be
// there already.

#include "api/types/workspace.hpp"
#include "node/object_store.hpp"
#include "node/sync_plan.hpp"

#include <atomic>
#include <functional>

namespace berth {

/// Everything a sync works on. Owned by the workspace's agent; outlives the call.
struct SyncContext {
    std::string root; ///< the files volume, as seen from here
    SyncJournal& journal;
    ObjectStore& store;
    Clock& clock;
    Executor work;                 ///< for walking, copying and hashing
    const std::atomic<bool>& stop; ///< the agent is ending
    SyncStatus& status;
    std::function<void()> changed = {};          ///< status is worth a report
    std::function<bool()> abandoned = {};        ///< nobody wants the outcome any more
    std::function<void(int)> folder_opened = {}; ///< puts a watch on a folder; called on the work pool
    DeleteGuard guard{};
    std::int64_t trash_days = 30;

    // What is remembered from one sync to the next.
    std::map<std::string, int>
        still_changing{}; ///< files that were written to while they were read, and how often
    std::optional<Tick> manifest_sent{};
};

/// Brings what S3 has into the folder; at the end the journal's fact "restored" is set. Nothing that is in
/// the folder already is overwritten: a different version from S3 is put beside it (conflict_name). Throws
/// Error with the class of the cause; Error{Conflict} when it was abandoned.
awaitable<> restore_files(SyncContext& context);

/// One round folder → S3. `final`: nothing writes to the folder any more; then everything must go up or it
/// throws. Sets status.receipt when S3 has everything that is here.
awaitable<> sync_files(SyncContext& context, bool final);

/// Whether the folder has nothing that did not come from S3 (a restore that never ended has put nothing at
/// risk).
awaitable<bool> nothing_unsaved(SyncContext& context);
/// A receipt for what the journal says, without asking S3.
Receipt journal_receipt(const SyncContext& context, bool final);

/// Objects whose list entry has no hash are recognised by their time, which only a HEAD tells.
awaitable<> complete_hashes(ObjectStore& store, RemoteFiles& files);

/// Files on their way between the volume and S3, where the tenant can't reach.
std::string staging_folder(const SyncContext& context);
void clear_folder(const std::string& folder);
/// The local copy of the manifest as it is in S3, and what of it is ours.
std::string manifest_copy(const SyncContext& context);
std::string own_manifest(const SyncContext& context);

inline constexpr const char* kRestoredFact = "restored";
inline constexpr const char* kManifestFact = "manifest-md5";

} // namespace berth
