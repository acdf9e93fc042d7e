#pragma once
// What a run of transactions reads and writes before it goes to disk in one write. Internal; database thread
// only.

#include "storage/database.hpp"
#include "storage/txn.hpp"

#include <rocksdb/write_batch.h>

#include <map>

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

    bool empty() const { return batch_.Count() == 0; }
    const Counters& counters() const noexcept { return counters_; }
    std::vector<Change>& changes() noexcept { return changes_; }
    Labels& values() noexcept { return values_; }

    // For Txn and migrations:
    Time now() const noexcept { return now_; }
    Revision next_revision() noexcept { return ++counters_.revision; }
    std::uint64_t next_audit() noexcept { return ++counters_.audit; }
    std::optional<std::string> get(Family family, std::string_view key);
    /// The object as it is now; null when there is none. What this batch has written comes back as it is.
    EntryPtr object(std::string_view plural, const Key& key);
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
    /// What this batch has made of a key.
    struct Pending {
        std::optional<std::string> value; ///< nothing: erased, or an object
        EntryPtr entry;                   ///< of an object: its text is the value
    };
    /// By family (one character) and key. The changes and the audit log are not in it: no transaction reads
    /// them.
    using Overlay = std::map<std::string, Pending, std::less<>>;
    /// How a key was before the transaction that runs now; nothing: not in the overlay.
    struct Undo {
        Overlay::iterator at;
        std::optional<Pending> before;
    };

    std::optional<std::string> stored(Family family, std::string_view key);
    const Pending* pending(Family family, std::string_view key) const;
    void remember(Family family, std::string_view key, Pending now);
    void roll_back();

    Database& database_;
    Counters counters_;
    Time now_;
    rocksdb::WriteBatch batch_; ///< what goes to disk, in the order in which it was written
    Overlay overlay_;           ///< the same, to read from
    std::string absent_;        ///< the object that the database was last asked for in vain
    std::vector<Undo> undo_;
    std::vector<Change> changes_;
    Labels values_; ///< set_meta
};

} // namespace berth::detail
