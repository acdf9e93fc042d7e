#pragma once
// The store's half on the I/O thread: the table of entries, the history, the watches, the queue of
// transactions. Internal to storage.

#include "storage/store.hpp"
#include "storage/writer.hpp"

#include <deque>

namespace berth::detail {

/// Shared by the store, its watches and the work on the database thread. I/O thread, except for writer_.
class Core : public std::enable_shared_from_this<Core> {
public:
    explicit Core(StoreOptions options);
    ~Core();

    awaitable<> open();
    awaitable<> close();
    /// Closes without waiting: at once, or when the batch in flight is done.
    void abandon();

    EntryPtr find(std::string_view plural, const Key& key) const;
    std::vector<EntryPtr> entries(std::string_view plural, const Selector& selector,
        const std::optional<Key>& after, std::size_t limit) const;
    std::size_t count(std::string_view plural) const;
    Revision revision() const noexcept { return revision_; }
    std::string value(std::string_view name) const;
    const std::string& write_problem() const noexcept { return write_problem_; }

    awaitable<> commit(std::function<void(Txn&)> body);
    awaitable<> checkpoint(std::string folder);
    awaitable<std::vector<AuditRecord>> audit_log(std::uint64_t after, std::size_t limit);
    void on_commit(std::function<void(const Change&)> callback) { callbacks_.push_back(std::move(callback)); }

    std::unique_ptr<Watch> watch(std::string plural, Revision after);
    void forget(Watch* watch);
    bool closed() const noexcept { return closed_; }
    /// The change after `seen`; null when there is none yet. Throws Error{Gone} when it is not in the
    /// history.
    const Change* after(Revision seen) const;
    const Executor& io() const noexcept { return options_.io; }
    void count_gone();

private:
    struct ByKey {
        using is_transparent = void;
        bool operator()(const EntryPtr& a, const EntryPtr& b) const { return a->key < b->key; }
        bool operator()(const EntryPtr& a, const Key& b) const { return a->key < b; }
        bool operator()(const Key& a, const EntryPtr& b) const { return a < b->key; }
    };
    using Table = std::set<EntryPtr, ByKey>; ///< a set of pointers: the key is stored once
    class Use;

    void adopt(Loaded loaded);
    void enqueue(Job job);
    void start_batch();
    void finish(Outcome outcome);
    void release_abandoned();
    void publish(const std::vector<Change>& changes);
    void apply(const Change& change);
    void tell_callbacks(const std::vector<Change>& changes);
    void wake_watches(Revision before, const std::vector<Change>& changes);
    void measure(const Outcome& outcome);
    void measure_tables();

    StoreOptions options_;
    Writer writer_; ///< database thread
    std::map<std::string_view, Table> tables_;
    std::deque<Change> history_; ///< the last keep_changes, without gaps, up to revision_
    Labels values_;
    std::string write_problem_;
    Revision revision_ = 0;

    std::vector<Job> waiting_;
    bool writing_ = false;
    int uses_ = 0; ///< of the database thread, beside the batch
    bool closing_ = false;
    bool closed_ = false;
    bool abandoned_ = false;
    Signal idle_;
    std::vector<Watch*> watches_;
    std::deque<std::function<void(const Change&)>> callbacks_;
};

} // namespace berth::detail
