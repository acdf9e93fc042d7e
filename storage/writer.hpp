#pragma once
// Everything that the database thread does: open, load, group commit, recovery. Internal to storage.

#include "storage/batch.hpp"
#include "storage/store.hpp"

#include <deque>

namespace berth::detail {

/// One transaction on its way: made on the I/O thread, run on the database thread, finished on the I/O
/// thread.
struct Job {
    std::function<void(Txn&)> body;
    std::function<void(std::exception_ptr)> done; ///< I/O thread only
    std::chrono::steady_clock::time_point queued;
    std::exception_ptr failure;
};

/// What became of a batch of jobs, for the I/O thread.
struct Outcome {
    std::vector<Job> jobs;
    std::vector<Change> changes; ///< durable, in revision order
    Labels values;               ///< set_meta
    bool written = true;         ///< false: the disk refused; every job has a failure
    std::string problem;         ///< why nothing can be written now; empty: it can
    std::chrono::duration<double> write_time{0};
};

/// All that the I/O thread needs at the start.
struct Loaded {
    std::vector<EntryPtr> entries; ///< ordered by kind
    std::deque<Change> history;    ///< without gaps, up to `revision`
    Labels values;
    Revision revision = 0;
};

/// How much of the past is kept.
struct Retention {
    std::size_t changes = 10'000;
    Duration audit{0}; ///< 0 = for ever
};

/// Owned by Core, used on the database thread only (by the constructor of Core before that).
class Writer {
public:
    Writer(std::string path, rocksdb::Env* env, Clock& clock, Retention keep, std::vector<Migration> migrations);

    Loaded open();
    /// Runs the jobs one after another against one batch and writes it with one sync. Never throws.
    Outcome commit(std::vector<Job> jobs);
    void checkpoint(const std::string& folder);
    std::vector<AuditRecord> audit_log(std::uint64_t after, std::size_t limit);
    void close() noexcept;

private:
    Database& database();
    void run_jobs(Outcome& outcome);
    void recover(Outcome& outcome);
    void open_again();
    void refuse(Outcome& outcome, const std::exception& error);
    void migrate();
    Revision stored_revision();
    void load_history(Loaded& loaded);
    Labels load_values();
    void housekeeping();
    void trim_changes();
    void forget_idempotency(Time now);
    void trim_audit(Time now);

    std::string path_;
    rocksdb::Env* env_;
    Clock& clock_;
    Retention keep_;
    std::vector<Migration> migrations_;
    std::unique_ptr<Database> database_;
    Counters counters_;
    Revision trimmed_ = 0; ///< the change log on disk begins after this revision
    bool broken_ = false;  ///< a write failed: what RocksDB has in memory can't be trusted
    Tick next_try_{};      ///< of a broken one; until then writes are refused at once
    std::string problem_;  ///< why it is broken
    std::exception_ptr refusal_; ///< what callers are told
    Time next_forgetting_{};
};

} // namespace berth::detail
