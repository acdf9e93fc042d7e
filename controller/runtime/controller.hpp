#pragma once
// The whole life of a key, the same for every kind: load, finalizer, time-out, conditions, status write,
// back-off, metrics, log line. A reconciler adds only what its kind means.

#include "api/types/workspace.hpp"
#include "controller/runtime/action.hpp"
#include "controller/runtime/conditions.hpp"
#include "controller/runtime/queue.hpp"
#include "controller/runtime/sources.hpp"
#include "metrics/metrics.hpp"

#include <algorithm>
#include <functional>
#include <map>

namespace berth {

/// What a reconciler of K looks like:
///     static void watch(Sources<K>& on);          // which changes wake a key
///     awaitable<Action> reconcile(K& object);     // one idempotent step towards the spec; may change
///     object.status awaitable<Action> finalize(K& object);      // optional: clean up after a delete; wait()
///     = nothing is left awaitable<Action> missing(Key key);         // optional: a key was woken that has no
///     object (an orphan)
/// The runtime writes the status. It sets the condition Ready; a reconciler with an idea of its own sets
/// Ready in every run. With finalize() the object carries our finalizer from before its first reconcile.
/// Throwing Error: Invalid, Denied and Quota stall the object until it changes; everything else is tried
/// again.
template <class R, class K>
concept Reconciler = Kind<K> && requires(R& reconciler, K& object, Sources<K>& on)
{
    {
        reconciler.reconcile(object)
        } -> std::same_as<awaitable<Action>>;
    R::watch(on);
};
template <class R, class K>
concept Finalizes = requires(R& reconciler, K& object)
{
    {
        reconciler.finalize(object)
        } -> std::same_as<awaitable<Action>>;
};
template <class R>
concept HandlesMissing = requires(R& reconciler, Key key)
{
    {
        reconciler.missing(key)
        } -> std::same_as<awaitable<Action>>;
};

struct ControllerOptions {
    std::string name;         ///< label of metrics and logs; empty = the kind in lower case
    std::size_t workers = 8;  ///< keys in work at the same time; one key never twice
    Duration timeout{60'000}; ///< of one run
    Duration stuck_after{
        120'000};             ///< a run that is still there after this is reported: it can't be cancelled
    Duration resync{600'000}; ///< every object is looked at this often, as background work
    Duration stalled_retry{
        600'000}; ///< a stalled object is looked at again after this although nothing changed
    BackOff back_off;
};

/// What the runtime works with; all of it outlives the controllers.
struct RuntimeParts {
    Store& store;
    Clock& clock;
    Metrics& metrics;
    Executor executor;
};

/// How a run ended.
struct RunOutcome {
    enum class Kind { Done, Again, Failed, Stalled, Gone };
    Kind kind = Kind::Done;
    Duration after{0}; ///< of Again
    std::string reason{};
    std::string message{};
    bool timed_out = false;
    bool wrote = false; ///< the status or a finalizer was written

    static RunOutcome gone() { return {.kind = Kind::Gone}; }
    static RunOutcome of(const Action& action);
    static RunOutcome of(const Failure& failure);
};
const char* to_string(RunOutcome::Kind kind) noexcept;

/// The part of a controller that does not know its kind: queue, workers, wake-ups, resync, watchdog,
/// measurements. Owned by the typed Controller; lives on the I/O thread; made by Manager::add, run by
/// Manager::run.
class ControllerCore {
public:
    using Handle = std::function<awaitable<RunOutcome>(Key)>;

    ControllerCore(std::string plural, const RuntimeParts& parts, ControllerOptions options, Handle handle);

    SourceTable& sources() noexcept { return sources_; }
    const std::string& name() const noexcept { return options_.name; }
    const ControllerOptions& options() const noexcept { return options_; }
    const RuntimeParts& parts() const noexcept { return parts_; }
    Queue& queue() noexcept { return queue_; }
    /// Runs that have been reported as stuck.
    std::uint64_t stuck() const noexcept { return stuck_; }

    void on_commit(const Change& change);
    void on_observed(const docker::ObservedChange& change);
    /// Remembers which state of the object a run has seen, so that a change that is not news does not wake
    /// it.
    void saw(const Key& key, const Meta& metadata);

    /// Queues every stored object as background work.
    void enqueue_all();
    /// One worker: takes keys until the queue is closed. Start options().workers of them.
    awaitable<> work();
    /// Queues everything every options().resync, until cancelled.
    awaitable<> resync();
    /// Reports keys that run for too long and refreshes the gauges, until cancelled.
    awaitable<> watchdog();

private:
    struct Run {
        Tick started;
        std::uint64_t number = 0;
        bool reported = false;
    };
    awaitable<> run(Queue::Item item);
    void finish(const Queue::Item& item, const RunOutcome& outcome);
    void measure(const RunOutcome& outcome, Duration took);
    void log_run(const Queue::Item& item, const Run& run, const RunOutcome& outcome, Duration took) const;
    void wake(const Key& key);
    void refresh_gauges();
    void report_stuck();

    RuntimeParts parts_;
    std::string plural_;
    ControllerOptions options_;
    Handle handle_;
    SourceTable sources_;
    Queue queue_;
    std::map<Key, std::size_t> seen_; ///< fingerprints of metadata and generation
    std::map<Key, Run> running_;
    std::uint64_t runs_ = 0;
    std::uint64_t stuck_ = 0;
    std::uint64_t counted_adds_ = 0; ///< of the queue's own count, exported so far
    std::uint64_t counted_retries_ = 0;
};

/// Binds a reconciler to its kind. The reconciler belongs to the caller and outlives this.
template <Kind K, Reconciler<K> R> class Controller {
public:
    Controller(R& reconciler, const RuntimeParts& parts, ControllerOptions options)
        : reconciler_(reconciler),
          store_(parts.store),
          clock_(parts.clock),
          core_(std::string(K::kind().plural), parts, named(std::move(options)),
              [this](Key key) { return handle(std::move(key)); })
    {
        Sources<K> on{core_.sources(), store_};
        R::watch(on);
    }
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    ControllerCore& core() noexcept { return core_; }

private:
    static ControllerOptions named(ControllerOptions options);
    static bool has_finalizer(const Meta& metadata)
    {
        const auto& all = metadata.finalizers;
        return std::find(all.begin(), all.end(), kFinalizer) != all.end();
    }
    awaitable<RunOutcome> handle(Key key);
    awaitable<std::optional<K>> load(Key key);
    awaitable<RunOutcome> without_object(Key key);
    awaitable<Action> step(K& object);
    awaitable<> save(const K& object, bool finished);

    R& reconciler_;
    Store& store_;
    Clock& clock_;
    ControllerCore core_;
};

template <Kind K, Reconciler<K> R> ControllerOptions Controller<K, R>::named(ControllerOptions options)
{
    if (options.name.empty())
        for (char c : K::kind().kind) options.name += char(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return options;
}

template <Kind K, Reconciler<K> R> awaitable<RunOutcome> Controller<K, R>::handle(Key key)
{
    auto object = co_await load(key);
    if (!object) co_return co_await without_object(key);
    const auto before = object->status;
    const bool deleting = object->metadata.deletionTimestamp.has_value();
    drop_runtime_conditions(object->status.conditions);

    Action action;
    std::exception_ptr thrown;
    try {
        action = co_await with_timeout(
            clock_, core_.options().timeout, step(*object), core_.name() + " " + to_string(key));
    } catch (...) {
        thrown = std::current_exception(); // no co_await in here
    }
    co_await detail::throw_if_cancelled(); // shutdown is not a failure of the object

    RunResult result{object->metadata.generation, deleting, {}};
    if (thrown) result.failure = failure_of(thrown);
    auto outcome = result.failure ? RunOutcome::of(*result.failure) : RunOutcome::of(action);
    conclude(object->status.conditions, before.conditions, result, clock_.now());
    if (outcome.kind != RunOutcome::Kind::Failed)
        object->status.observedGeneration = object->metadata.generation;

    const bool finished = deleting && outcome.kind == RunOutcome::Kind::Done;
    outcome.wrote = finished || !(object->status == before);
    if (outcome.wrote) co_await save(*object, finished);
    co_return outcome;
}

/// The object with our finalizer on it; nothing when it is gone or being deleted without us.
template <Kind K, Reconciler<K> R> awaitable<std::optional<K>> Controller<K, R>::load(Key key)
{
    auto object = store_.get<K>(key);
    if (!object) co_return std::nullopt;
    core_.saw(key, object->metadata);
    if constexpr (!Finalizes<R, K>) {
        if (object->metadata.deletionTimestamp) co_return std::nullopt;
        co_return object;
    } else {
        if (!object->metadata.deletionTimestamp && !has_finalizer(object->metadata)) {
            auto add = [key](Txn& tx) { tx.add_finalizer<K>(key, kFinalizer); };
            co_await store_.transact(std::move(add));
            object = store_.get<K>(key);
        }
        // Deleted before the finalizer was on it: nothing was made for it, so nothing is to be cleaned up.
        if (object && !has_finalizer(object->metadata)) co_return std::nullopt;
        co_return object;
    }
}

template <Kind K, Reconciler<K> R>
awaitable<RunOutcome> Controller<K, R>::without_object([[maybe_unused]] Key key)
{
    if constexpr (HandlesMissing<R>) {
        // An object that is only on its way out through others is not missing.
        if (!store_.find(K::kind().plural, key)) {
            const auto action = co_await with_timeout(clock_, core_.options().timeout,
                reconciler_.missing(key), core_.name() + " " + to_string(key));
            if (action.after) co_return RunOutcome::of(action);
        }
    }
    co_return RunOutcome::gone();
}

/// Awaited in place, so the reference is safe.
template <Kind K, Reconciler<K> R> awaitable<Action> Controller<K, R>::step(K& object)
{
    if constexpr (Finalizes<R, K>) {
        if (object.metadata.deletionTimestamp) co_return co_await reconciler_.finalize(object);
    }
    co_return co_await reconciler_.reconcile(object);
}

/// Status and the finalizer's end in one commit. An object that was made anew under the same name is left
/// alone.
template <Kind K, Reconciler<K> R> awaitable<> Controller<K, R>::save(const K& object, bool finished)
{
    auto write = [object, finished](Txn& tx) {
        const auto key = key_of(object);
        const auto stored = tx.get<K>(key);
        if (!stored || stored->metadata.uid != object.metadata.uid) return;
        tx.put_status(object);
        if (finished) tx.remove_finalizer<K>(key, kFinalizer);
    };
    co_await store_.transact(std::move(write));
}

} // namespace berth
