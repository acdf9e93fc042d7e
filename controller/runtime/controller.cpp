#include "controller/runtime/controller.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"

namespace berth {

namespace {

constexpr Duration kWatchdogPeriod{5'000};

/// What on.self() listens to: everything but the status, finalizers and the revision.
std::size_t fingerprint(const Meta& meta)
{
    Meta kept = meta;
    kept.resourceVersion.clear();
    kept.finalizers.clear();
    return std::hash<std::string>{}(json::serialize(encode(kept)));
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

const char* result_label(RunOutcome::Kind kind)
{
    switch (kind) {
    case RunOutcome::Kind::Again:
        return "requeue_after";
    case RunOutcome::Kind::Failed:
    case RunOutcome::Kind::Stalled:
        return "error";
    case RunOutcome::Kind::Done:
    case RunOutcome::Kind::Gone:
        break;
    }
    return "success";
}

} // namespace

RunOutcome RunOutcome::of(const Action& action)
{
    if (!action.after) return {};
    return {.kind = Kind::Again, .after = *action.after};
}

RunOutcome RunOutcome::of(const Failure& failure)
{
    return {.kind = failure.stalls() ? Kind::Stalled : Kind::Failed,
        .reason = reason_of(failure.code),
        .message = failure.message,
        .timed_out = failure.code == Errc::Timeout};
}

const char* to_string(RunOutcome::Kind kind) noexcept
{
    switch (kind) {
    case RunOutcome::Kind::Done:
        return "done";
    case RunOutcome::Kind::Again:
        return "again";
    case RunOutcome::Kind::Failed:
        return "failed";
    case RunOutcome::Kind::Stalled:
        return "stalled";
    case RunOutcome::Kind::Gone:
        return "gone";
    }
    return "done";
}

ControllerCore::ControllerCore(
    std::string plural, const RuntimeParts& parts, ControllerOptions options, Handle handle)
    : parts_(parts),
      plural_(std::move(plural)),
      options_(std::move(options)),
      handle_(std::move(handle)),
      queue_(parts.executor, parts.clock, options_.back_off)
{
    auto& metrics = parts_.metrics;
    // Every series exists from the start, so that a rate over it sees the first failure.
    for (const char* result : {"success", "error", "requeue_after"})
        metrics.reconcile_total.with({options_.name, result});
    metrics.reconcile_errors.with({options_.name});
    metrics.terminal_reconcile_errors.with({options_.name});
    metrics.reconcile_timeouts.with({options_.name});
    metrics.max_concurrent_reconciles.with({options_.name}).Set(double(options_.workers));
    refresh_gauges();
}

void ControllerCore::on_commit(const Change& change)
{
    if (sources_.self && change.entry->plural == plural_) {
        const auto& key = change.entry->key;
        if (change.op == Op::Deleted) {
            seen_.erase(key);
            wake(key);
        } else {
            const auto now = fingerprint(detail::metadata_of(*change.entry));
            const auto [seen, fresh] = seen_.try_emplace(key, now);
            const bool news = fresh || std::exchange(seen->second, now) != now;
            if (news && !planted("controller.change-wakes-nobody")) wake(key);
        }
    }
    for (const auto& source : sources_.store)
        if (source.plural == change.entry->plural)
            for (const auto& key : source.keys(change)) wake(key);
}

void ControllerCore::on_observed(const docker::ObservedChange& change)
{
    for (const auto& source : sources_.docker)
        if (source.type == change.type && !planted("controller.docker-wakes-nobody"))
            for (const auto& key : source.keys(change)) wake(key);
}

void ControllerCore::wake(const Key& key)
{
    const auto entry = sources_.background ? parts_.store.find(plural_, key) : nullptr;
    const bool waits = entry && sources_.background(*entry);
    queue_.add(key, waits ? Priority::Background : Priority::User);
    refresh_gauges();
}

void ControllerCore::saw(const Key& key, const Meta& metadata)
{
    if (sources_.self) seen_[key] = fingerprint(metadata);
}

void ControllerCore::enqueue_all()
{
    for (const auto& entry : parts_.store.entries(plural_)) queue_.add(entry->key, Priority::Background);
    refresh_gauges();
}

awaitable<> ControllerCore::work()
{
    while (auto item = co_await queue_.next()) co_await run(std::move(*item));
}

/// Ends normally whatever the handler throws, except when this worker itself is cancelled.
awaitable<> ControllerCore::run(Queue::Item item)
{
    running_[item.key] = {.started = parts_.clock.tick(), .number = ++runs_};
    refresh_gauges();
    RunOutcome outcome;
    std::exception_ptr thrown;
    try {
        outcome = co_await handle_(item.key);
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown) outcome = RunOutcome::of(failure_of(thrown));
    const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none) {
        running_.erase(item.key);
        queue_.done(item.key, Verdict::rest());
        co_await detail::throw_if_cancelled();
    }
    finish(item, outcome);
}

void ControllerCore::finish(const Queue::Item& item, const RunOutcome& outcome)
{
    const auto run = running_.at(item.key);
    const auto took = parts_.clock.tick() - run.started;
    running_.erase(item.key);
    switch (outcome.kind) {
    case RunOutcome::Kind::Done:
        queue_.done(item.key, Verdict::rest());
        break;
    case RunOutcome::Kind::Again:
        queue_.done(item.key, Verdict::again(outcome.after));
        break;
    case RunOutcome::Kind::Failed:
        queue_.done(item.key, planted("controller.error-is-the-end") ? Verdict::rest() : Verdict::back_off());
        break;
    case RunOutcome::Kind::Stalled:
        queue_.done(item.key, Verdict::again(options_.stalled_retry));
        break;
    case RunOutcome::Kind::Gone:
        seen_.erase(item.key);
        queue_.done(item.key, Verdict::rest());
        break;
    }
    parts_.metrics.workqueue_queue_duration.with({options_.name}).Observe(seconds(item.waited));
    measure(outcome, took);
    log_run(item, run, outcome, took);
    refresh_gauges();
}

void ControllerCore::measure(const RunOutcome& outcome, Duration took)
{
    auto& metrics = parts_.metrics;
    metrics.workqueue_work_duration.with({options_.name}).Observe(seconds(took));
    metrics.reconcile_time.with({options_.name}).Observe(seconds(took));
    metrics.reconcile_total.with({options_.name, result_label(outcome.kind)}).Increment();
    const bool stalled = outcome.kind == RunOutcome::Kind::Stalled;
    if (stalled || outcome.kind == RunOutcome::Kind::Failed)
        metrics.reconcile_errors.with({options_.name}).Increment();
    if (stalled) metrics.terminal_reconcile_errors.with({options_.name}).Increment();
    if (outcome.timed_out) metrics.reconcile_timeouts.with({options_.name}).Increment();
}

void ControllerCore::log_run(
    const Queue::Item& item, const Run& run, const RunOutcome& outcome, Duration took) const
{
    const bool failed = outcome.kind == RunOutcome::Kind::Failed || outcome.kind == RunOutcome::Kind::Stalled;
    // Runs that found nothing to do are most of them, and of no interest later.
    const auto level = failed ? log::Level::Warning : outcome.wrote ? log::Level::Info : log::Level::Debug;
    const log::Field controller{"controller", options_.name};
    const log::Field key{"key", to_string(item.key)};
    const log::Field number{"run", run.number};
    const log::Field result{"outcome", to_string(outcome.kind)};
    const log::Field duration{"duration_ms", took.count()};
    if (failed)
        log::write(level, "reconcile failed",
            {controller, key, number, result, duration, {"reason", outcome.reason},
                {"error", outcome.message}, {"failures", item.failures + 1}});
    else
        log::write(level, "reconciled", {controller, key, number, result, duration});
}

awaitable<> ControllerCore::resync()
{
    for (;;) {
        co_await parts_.clock.sleep(options_.resync);
        enqueue_all();
    }
}

awaitable<> ControllerCore::watchdog()
{
    for (;;) {
        co_await parts_.clock.sleep(kWatchdogPeriod);
        report_stuck();
        refresh_gauges();
    }
}

void ControllerCore::report_stuck()
{
    for (auto& [key, run] : running_) {
        const auto age = parts_.clock.tick() - run.started;
        if (run.reported || age < options_.stuck_after) continue;
        run.reported = true;
        ++stuck_;
        log::error("a key is stuck: its run goes on long after its time-out",
            {{"controller", options_.name}, {"key", to_string(key)}, {"run", run.number},
                {"age", format_duration(age)}});
    }
}

void ControllerCore::refresh_gauges()
{
    auto& metrics = parts_.metrics;
    const auto& name = options_.name;
    Duration longest{0};
    Duration sum{0};
    for (const auto& [key, run] : running_) {
        const auto age = parts_.clock.tick() - run.started;
        longest = std::max(longest, age);
        sum += age;
    }
    metrics.workqueue_depth.with({name}).Set(double(queue_.ready()));
    metrics.workqueue_adds.with({name}).Increment(double(queue_.adds() - counted_adds_));
    metrics.workqueue_retries.with({name}).Increment(double(queue_.retries() - counted_retries_));
    metrics.workqueue_longest_running.with({name}).Set(seconds(longest));
    metrics.workqueue_unfinished_work.with({name}).Set(seconds(sum));
    metrics.active_workers.with({name}).Set(double(running_.size()));
    counted_adds_ = queue_.adds();
    counted_retries_ = queue_.retries();
}

} // namespace berth
