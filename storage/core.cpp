#include "storage/core.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "metrics/metrics.hpp"

namespace berth::detail {

namespace {
/// Bounds the memory and the latency of one write; a client that waits longer is in the next one.
constexpr std::size_t kMaxBatch = 512;
} // namespace

Core::Core(StoreOptions options)
    : options_(std::move(options)),
      writer_(options_.path, options_.env, options_.clock, {options_.keep_changes, options_.audit_keep},
          std::move(options_.migrations)),
      idle_(options_.io)
{}

Core::~Core() = default;

awaitable<> Core::open()
{
    auto self = shared_from_this();
    auto load = [this] { return writer_.open(); }; // held by this coroutine, not by the database thread
    adopt(co_await offload(options_.db, std::move(load)));
}

void Core::adopt(Loaded loaded)
{
    for (auto& entry : loaded.entries) {
        auto& table = tables_[entry->plural];
        table.insert(table.end(), std::move(entry)); // they come nearly ordered
    }
    history_ = std::move(loaded.history);
    values_ = std::move(loaded.values);
    revision_ = loaded.revision;
    if (options_.metrics) options_.metrics->store_writable->Set(1);
    measure_tables();
}

awaitable<> Core::close()
{
    const auto self = shared_from_this();
    closing_ = true;
    while (writing_ || !waiting_.empty()) co_await idle_.wait();
    if (closed_) co_return;
    closed_ = true;
    auto release = [this] { writer_.close(); };
    co_await offload(options_.db, std::move(release));
    for (auto* watch : watches_) watch->changed_.notify_all();
}

void Core::abandon()
{
    if (closed_) return;
    closing_ = closed_ = true;
    for (auto* watch : watches_) watch->changed_.notify_all();
    abandoned_ = true;
    release_abandoned();
}

/// Never while the database thread works with it.
void Core::release_abandoned()
{
    if (abandoned_ && !writing_ && uses_ == 0) writer_.close();
}

/// Something that the database thread does for us beside the batches, from before it is asked to until it has answered.
class Core::Use {
public:
    explicit Use(Core& core) : core_(core) { ++core_.uses_; }
    ~Use()
    {
        --core_.uses_;
        core_.release_abandoned();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

private:
    Core& core_;
};

EntryPtr Core::find(std::string_view plural, const Key& key) const
{
    const auto table = tables_.find(plural);
    if (table == tables_.end()) return nullptr;
    const auto found = table->second.find(key);
    return found == table->second.end() ? nullptr : *found;
}

std::vector<EntryPtr> Core::entries(std::string_view plural, const Selector& selector,
    const std::optional<Key>& after, std::size_t limit) const
{
    std::vector<EntryPtr> found;
    const auto table = tables_.find(plural);
    if (table == tables_.end()) return found;
    const auto& all = table->second;
    const Key first{selector.org, ""}; // sorts before every key of that org
    auto it = after && !(*after < first) ? all.upper_bound(*after) : all.lower_bound(first);
    for (; it != all.end() && found.size() < limit; ++it) {
        if (!selector.org.empty() && (*it)->key.org != selector.org) break;
        if (selector.matches(**it)) found.push_back(*it);
    }
    return found;
}

std::size_t Core::count(std::string_view plural) const
{
    const auto table = tables_.find(plural);
    return table == tables_.end() ? 0 : table->second.size();
}

std::string Core::value(std::string_view name) const
{
    const auto found = values_.find(std::string(name));
    return found == values_.end() ? std::string{} : found->second;
}

awaitable<> Core::commit(std::function<void(Txn&)> body)
{
    if (closing_) throw Error{Errc::Unavailable, "the store is closed"};
    auto initiate = [this](auto handler, std::function<void(Txn&)> work) {
        auto home = asio::prefer(
            asio::get_associated_executor(handler, options_.io), asio::execution::outstanding_work.tracked);
        // std::function must be copyable, the handler can only be moved.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        Job job;
        job.body = std::move(work);
        job.queued = std::chrono::steady_clock::now();
        job.done = [shared, home](std::exception_ptr failure) {
            auto resume = [shared, failure] { std::move (*shared)(failure); };
            asio::post(home, std::move(resume));
        };
        enqueue(std::move(job));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
        std::move(initiate), asio::use_awaitable, std::move(body));
}

void Core::enqueue(Job job)
{
    waiting_.push_back(std::move(job));
    if (!writing_) start_batch();
}

/// Whatever queued up while the last write was in flight goes into one.
void Core::start_batch()
{
    writing_ = true;
    const auto size = std::min(waiting_.size(), kMaxBatch);
    std::vector<Job> jobs(std::make_move_iterator(waiting_.begin()),
        std::make_move_iterator(waiting_.begin() + static_cast<std::ptrdiff_t>(size)));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(size));
    auto self = shared_from_this();
    auto home = asio::prefer(options_.io, asio::execution::outstanding_work.tracked);
    auto work = [self, jobs = std::move(jobs), home = std::move(home)]() mutable {
        auto outcome = self->writer_.commit(std::move(jobs));
        // Our hold goes back with it: the core must never end on the database thread.
        auto finished = [self = std::move(self), outcome = std::move(outcome)]() mutable {
            self->finish(std::move(outcome));
        };
        asio::post(home, std::move(finished));
    };
    asio::post(options_.db, std::move(work));
}

void Core::finish(Outcome outcome)
{
    writing_ = false;
    if (!waiting_.empty()) start_batch(); // the disk works while we publish
    write_problem_ = outcome.problem;
    publish(outcome.changes);
    for (auto& [name, value] : outcome.values) values_.insert_or_assign(name, std::move(value));
    measure(outcome);
    for (auto& job : outcome.jobs) job.done(job.failure);
    if (writing_) return;
    idle_.notify_all();
    release_abandoned();
}

void Core::publish(const std::vector<Change>& changes)
{
    if (changes.empty()) return;
    const auto before = revision_;
    for (const auto& change : changes) apply(change);
    tell_callbacks(changes);
    wake_watches(before, changes);
    while (history_.size() > options_.keep_changes) history_.pop_front();
    measure_tables();
}

void Core::apply(const Change& change)
{
    auto& table = tables_[change.entry->plural];
    const auto found = table.find(change.entry->key);
    if (change.op == Op::Deleted) {
        if (found != table.end()) table.erase(found);
    } else if (found == table.end()) {
        table.insert(change.entry);
    } else {
        auto node = table.extract(found);
        node.value() = change.entry;
        table.insert(std::move(node));
    }
    history_.push_back(change);
    revision_ = change.revision;
}

void Core::tell_callbacks(const std::vector<Change>& changes)
{
    for (const auto& change : changes) {
        if (planted("store.one-change-is-told") && &change != &changes.back()) continue;
        for (std::size_t i = 0; i < callbacks_.size(); ++i) {
            try {
                callbacks_[i](change);
            } catch (const std::exception& error) {
                log::error("a store callback failed", {{"error", error.what()}});
            }
        }
    }
}

/// A watch that had seen everything and is not concerned moves along, so that it never lags because of other
/// kinds.
void Core::wake_watches(Revision before, const std::vector<Change>& changes)
{
    for (auto* watch : watches_) {
        const bool concerned =
            watch->plural_.empty() || std::any_of(changes.begin(), changes.end(), [&](const Change& change) {
                return change.entry->plural == watch->plural_;
            });
        if (concerned)
            watch->changed_.notify_all();
        else if (watch->seen_ == before)
            watch->seen_ = revision_;
    }
}

std::unique_ptr<Watch> Core::watch(std::string plural, Revision after)
{
    std::unique_ptr<Watch> made(new Watch(shared_from_this(), std::move(plural), after));
    watches_.push_back(made.get());
    if (options_.metrics) options_.metrics->watchers->Set(static_cast<double>(watches_.size()));
    return made;
}

void Core::forget(Watch* watch)
{
    std::erase(watches_, watch);
    if (options_.metrics) options_.metrics->watchers->Set(static_cast<double>(watches_.size()));
}

const Change* Core::after(Revision seen) const
{
    if (seen == revision_) return nullptr;
    const auto first = revision_ - history_.size() + 1;
    if (seen > revision_ || seen + 1 < first)
        throw Error{
            Errc::Gone, "changes after revision " + std::to_string(seen) + " are not kept: list again"};
    return &history_[seen + 1 - first];
}

void Core::count_gone()
{
    if (options_.metrics) options_.metrics->watches_gone->Increment();
}

awaitable<> Core::checkpoint(std::string folder)
{
    auto self = shared_from_this();
    const Use use(*this);
    auto copy = [this, folder = std::move(folder)] { writer_.checkpoint(folder); };
    co_await offload(options_.db, std::move(copy));
}

awaitable<std::vector<AuditRecord>> Core::audit_log(std::uint64_t after, std::size_t limit)
{
    auto self = shared_from_this();
    const Use use(*this);
    auto read = [this, after, limit] { return writer_.audit_log(after, limit); };
    co_return co_await offload(options_.db, std::move(read));
}

void Core::measure(const Outcome& outcome)
{
    if (!options_.metrics) return;
    auto& metrics = *options_.metrics;
    metrics.store_writable->Set(write_problem_.empty() ? 1 : 0);
    const auto now = std::chrono::steady_clock::now();
    metrics.store_batch_size->Observe(static_cast<double>(outcome.jobs.size()));
    if (outcome.write_time.count() > 0) metrics.store_write_duration->Observe(outcome.write_time.count());
    for (const auto& job : outcome.jobs) {
        const auto* result = !outcome.written ? "failed" : job.failure ? "refused" : "ok";
        metrics.store_transactions.with({result}).Increment();
        metrics.store_commit_duration->Observe(std::chrono::duration<double>(now - job.queued).count());
    }
}

void Core::measure_tables()
{
    if (!options_.metrics) return;
    options_.metrics->store_revision->Set(static_cast<double>(revision_));
    for (const auto& [plural, table] : tables_)
        options_.metrics->store_objects.with({plural}).Set(static_cast<double>(table.size()));
}

} // namespace berth::detail
