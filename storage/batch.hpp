#pragma once
// What a run of transactions reads and writes before it goes to disk in one write. Internal; database thread
// only.

#include "storage/database.hpp"
#include "storage/txn.hpp"

#include <rocksdb/utilities/write_batch_with_index.h>

namespace berth::detail {

/// The numbers that go on from batch to batch.
struct Counters {
    Revision revision = 0;
    std::uint64_t audit = 0;
};

class Batch {
public:
    /// Both must outlive the batch.
    Batch(Database& database, Counters counters, Time now);

    /// Runs one transaction on top of those before it. Returns what its body threw; then nothing of it
    /// remains.
    std::exception_ptr run(const std::function<void(Txn&)>& body);
    /// Adds the counters that the database keeps. The batch is then ready to be written.
    rocksdb::WriteBatch& seal();

    bool empty() { return batch_.GetWriteBatch()->Count() == 0; }
    const Counters& counters() const noexcept { return counters_; }
    std::vector<Change>& changes() noexcept { return changes_; }
    Labels& values() noexcept { return values_; }

    // For Txn and migrations:
    Time now() const noexcept { return now_; }
    Revision next_revision() noexcept { return ++counters_.revision; }
    std::uint64_t next_audit() noexcept { return ++counters_.audit; }
    std::optional<std::string> get(Family family, std::string_view key);
    /// Keys that begin with `prefix`. Collects first, so the caller may write.
    std::vector<std::pair<std::string, std::string>> with_prefix(Family family, const std::string& prefix);
    void put(Family family, std::string_view key, std::string_view value);
    void erase(Family family, std::string_view key);
    /// The object and its index entries. `old` is what is stored now, if anything.
    void put_object(const EntryPtr& entry, const EntryPtr& old);
    void erase_object(const EntryPtr& old);
    void record(Op op, const EntryPtr& entry);
    void set_value(std::string_view name, std::string_view value);

private:
    Database& database_;
    Counters counters_;
    Time now_;
    rocksdb::WriteBatchWithIndex batch_;
    std::vector<Change> changes_;
    Labels values_; ///< set_meta
};

} // namespace berth::detail
