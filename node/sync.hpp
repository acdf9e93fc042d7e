#pragma once
// The movements of files: S3 → folder once (restore), folder → S3 from then on (sync), and what others on the
// same prefix did → folder now and then (compare). Each can be cut off at any point and done again: the
// journal says how far they came, and what it doesn't say is found to be there already.

#include "api/types/workspace.hpp"
#include "node/object_store.hpp"
#include "node/sync_plan.hpp"

#include <atomic>
#include <functional>

namespace berth {

/// Everything a sync works on. Owned by the workspace's agent; outlives the call.
struct SyncContext {
    std::string root;   ///< the files volume, as seen from here
    std::string writer; ///< the workspace: names its manifest
    SyncJournal& journal;
    ObjectStore& store;
    Clock& clock;
    Executor work;                 ///< for walking, copying and hashing
    const std::atomic<bool>& stop; ///< the agent is ending
    SyncStatus& status;
    std::function<void()> changed = {};           ///< status is worth a report
    std::function<awaitable<>()> progressed = {}; ///< a batch of files has come; may take a moment
    std::function<bool()> abandoned = {};         ///< nobody wants the outcome any more
    std::function<void(int)> folder_opened = {};  ///< puts a watch on a folder; called on the work pool
    DeleteGuard guard{};

    // What is remembered from one sync to the next.
    std::map<std::string, int>
        still_changing{}; ///< files that were written to while they were read, and how often
    std::optional<Tick> manifest_sent{};
    std::string last_conflict{}; ///< under which name the other version was kept, for a person
    bool compare_soon = false; ///< something of others was seen: do not wait for the next compare
    std::map<std::string, std::string> unplaceable{}; ///< objects that can't be files here, and their ETags
    std::map<std::string, std::string>
        vanished{}; ///< objects that were gone at the last compare, for no known reason
};

struct SyncRound {
    /// Nothing writes to the folder any more; then everything must go up or it throws.
    bool final = false;
    /// S3 is listed: what others changed comes here, what S3 lost goes up again. A final round always does.
    bool compare = false;
};

/// Brings what S3 has into the folder; at the end the journal's fact "restored" is set. Nothing that is in
/// the folder already is overwritten: a different version from S3 is put beside it (conflict_name). Throws
/// Error with the class of the cause; Error{Conflict} when it was abandoned.
awaitable<> restore_files(SyncContext& context);

/// One round folder → S3. Sets status.receipt when S3 has everything that is here.
awaitable<> sync_files(SyncContext& context, SyncRound round);

/// Brings the folder back to what it was at a time, by the trash: first a round, so that the present state
/// can be brought back too, then the folder, then another round. Gives a sentence about what was done.
awaitable<std::string> restore_files_at(SyncContext& context, Time at);

/// Whether the folder has nothing that did not come from S3 (a restore that never ended has put nothing at
/// risk).
awaitable<bool> nothing_unsaved(SyncContext& context);
/// A receipt for what the journal says, without asking S3.
Receipt journal_receipt(const SyncContext& context, bool final);

inline constexpr const char* kRestoredFact = "restored";

} // namespace berth
