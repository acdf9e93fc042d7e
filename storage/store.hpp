#pragma once
// The store: typed objects in transactions, in RocksDB; reads from memory; changes in order.

#include "controller/base/async.hpp"
#include "storage/entry.hpp"
#include "storage/selector.hpp"
#include "storage/txn.hpp"
#include "storage/watch.hpp"

namespace rocksdb {
class Env;
}

namespace berth {

struct Metrics;

/// One step of the schema, applied to every stored object in turn; true when it changed the object. All steps
/// and the new version number are one atomic write. Runs on the database thread.
struct Migration {
    std::string what; ///< for the log
    std::function<bool(std::string_view plural, json::object& object)> object;
};
/// The steps since version 1, in order; version = 1 + number of steps. Never remove or reorder one.
const std::vector<Migration>& store_migrations();

struct StoreOptions {
    std::string path; ///< a folder; made with mode 0700 when missing
    Executor io;      ///< where the store lives
    Executor db;      ///< a single thread for RocksDB; tests hand in `io`
    Clock& clock;
    std::size_t keep_changes = 10'000; ///< how far back a watch can resume, in changes
    Duration audit_keep = std::chrono::hours{24 * 90}; ///< of lines of the audit log; 0 = for ever
    Metrics* metrics = nullptr;
    std::vector<Migration> migrations = store_migrations();
    rocksdb::Env* env = nullptr; ///< where the files are; null: the machine's file system. Outlives the store
};

/// A line of the audit log as it was written.
struct AuditRecord {
    std::uint64_t sequence = 0;
    Time at{};
    AuditEntry entry;
};

/// Owned by main (or a test). Lives on the I/O thread; only the bodies of transactions run on the database
/// thread. One process at a time can have a folder open.
class Store {
public:
    /// Checks every file, then loads every object into memory. Throws Error{Unavailable}: another process has it open, or
    /// it can't be read or written; Error{Conflict}: written by a newer version of Berth; Error{Internal}: damaged, with the
    /// file and the remedy. Nothing is changed on disk then.
    static awaitable<std::unique_ptr<Store>> open(StoreOptions options);
    /// Lets queued transactions finish, refuses new ones, ends the watches, releases the folder. Idempotent.
    awaitable<> close();
    /// Without close() first, the folder is released when the last transaction in flight is done.
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// From memory, without suspension; everything that a returned transact() has written is there.
    template <Kind K> std::optional<K> get(const Key& key) const
    {
        const auto entry = find(K::kind().plural, key);
        if (!entry) return std::nullopt;
        return decode_entry<K>(*entry);
    }
    template <Kind K> std::vector<K> list(const Selector& selector = {}) const
    {
        std::vector<K> objects;
        for (const auto& entry : entries(K::kind().plural, selector))
            objects.push_back(decode_entry<K>(*entry));
        return objects;
    }
    EntryPtr find(std::string_view plural, const Key& key) const;
    /// Ordered by key.
    std::vector<EntryPtr> entries(std::string_view plural, const Selector& selector = {}) const;
    /// At most `limit` of them, with keys after `after`: for pages.
    std::vector<EntryPtr> entries_after(std::string_view plural, const Selector& selector,
        const std::optional<Key>& after, std::size_t limit) const;
    std::size_t count(std::string_view plural) const;
    /// What get() and list() show is true at this revision.
    Revision revision() const noexcept;

    /// Runs `body(Txn&)` on the database thread, alone, and returns its result here once it is synced to
    /// disk. `body` is an ordinary function (name a closure before passing it), captures by value what it
    /// needs, and may run in one write together with others. Its throw comes out here and writes nothing.
    /// Throws Error{Unavailable} when the disk refuses (what is stored can still be read); with the wire code
    /// CAPACITY_EXCEEDED when it is full, else STORE_READ_ONLY. Once a second another write tries whether it still refuses.
    /// Can't be cancelled once called.
    template <class F> awaitable<std::invoke_result_t<F&, Txn&>> transact(F body)
    {
        using R = std::invoke_result_t<F&, Txn&>;
        if constexpr (std::is_void_v<R>) {
            std::function<void(Txn&)> run = std::ref(body);
            co_await commit(std::move(run));
        } else {
            std::optional<R> result;
            std::function<void(Txn&)> run = [&body, &result](Txn& txn) { result.emplace(body(txn)); };
            co_await commit(std::move(run));
            co_return std::move(*result);
        }
    }

    /// Why the last write was refused by the disk; empty: writes work as far as is known.
    const std::string& write_problem() const noexcept;
    /// Writes nothing, but finds out whether a disk that refused still does. Throws as transact().
    awaitable<> try_to_write();

    /// Changes with a revision above `after`, of one kind or (empty) of all. For "from now on" hand in
    /// revision().
    std::unique_ptr<Watch> watch(std::string plural, Revision after);
    /// Called for each change, in revision order, before the transaction's caller resumes. For the life of
    /// the store.
    void on_commit(std::function<void(const Change&)> callback);

    /// A consistent copy of the database in `folder`, which must not exist yet; opens as a store.
    awaitable<> checkpoint(std::string folder);

    /// Small named values of the install ("install-id"). Empty when not set.
    std::string meta(std::string_view name) const;
    awaitable<> set_meta(std::string name, std::string value);

    /// The audit log from a sequence number on, oldest first.
    awaitable<std::vector<AuditRecord>> audit_log(std::uint64_t after, std::size_t limit);

private:
    explicit Store(std::shared_ptr<detail::Core> core);
    awaitable<> commit(std::function<void(Txn&)> body);

    std::shared_ptr<detail::Core> core_;
};

} // namespace berth
