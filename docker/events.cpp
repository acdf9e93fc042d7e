#include "docker/events.hpp"

#include "controller/base/log.hpp"

#include <boost/system/system_error.hpp>

namespace berth::docker {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::size_t kRemembered = 4096;

/// "1700000000.000000001", as the engine takes it.
std::string stamp(std::int64_t nanoseconds)
{
    auto fraction = std::to_string(nanoseconds % kSecond);
    return std::to_string(nanoseconds / kSecond) + "." + std::string(9 - fraction.size(), '0') + fraction;
}

std::int64_t nanoseconds(Time time)
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

} // namespace

EventStream::EventStream(Executor executor, Clock& clock, Client& client, EventStreamOptions options)
    : clock_(clock), client_(client), options_(std::move(options)), arrived_(executor)
{
}

void EventStream::push(Hint hint)
{
    // A resync says everything: what waits behind it would only say it again.
    if (hint.resync || queue_.size() >= options_.max_queue) {
        queue_.clear();
        hint = Hint{.resync = true, .event = {}};
    }
    queue_.push_back(std::move(hint));
    arrived_.notify_all();
}

awaitable<Hint> EventStream::next()
{
    while (queue_.empty()) co_await arrived_.wait();
    auto hint = std::move(queue_.front());
    queue_.pop_front();
    co_return hint;
}

awaitable<> EventStream::run()
{
    auto pause = options_.backoff_min;
    for (;;) {
        const auto started = clock_.tick();
        std::string why;
        try {
            co_await connection();
        } catch (const std::exception& error) {
            connected_ = false;
            if (is_cancelled(error)) throw;
            why = error.what();
        }
        if (clock_.tick() - started > options_.check_interval) pause = options_.backoff_min;
        log::warning("docker event stream lost, connecting again", {{"reason", why}, {"in", format_duration(pause)}});
        co_await clock_.sleep(pause);
        pause = std::min(pause * 2, options_.backoff_max);
    }
}

/// One connection, from its start to its failure. Always ends by an exception.
awaitable<> EventStream::connection()
{
    co_await client_.negotiate(); // the engine may be another one than before
    EventsOptions request;
    request.filters = options_.filters;
    const auto body = co_await client_.events(std::move(request));
    const auto now = co_await client_.ping();
    checked_until_ = nanoseconds(now.date.value_or(clock_.now()) + std::chrono::seconds{1});
    seen_.clear();
    seen_order_.clear();
    connected_ = true;
    ++connections_;
    push(Hint{.resync = true, .event = {}});

    auto executor = co_await asio::this_coro::executor;
    auto [order, read_failure, check_failure] =
        co_await asio::experimental::make_parallel_group(
            asio::co_spawn(executor, read(*body), asio::deferred), asio::co_spawn(executor, check(), asio::deferred))
            .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    connected_ = false;
    co_await berth::detail::throw_if_cancelled();
    std::rethrow_exception(order[0] == 0 ? read_failure : check_failure);
}

awaitable<> EventStream::read(BodyStream& body)
{
    while (auto line = co_await body.read_line()) {
        if (line->empty()) continue;
        Hint hint;
        hint.event = parse_event(*line);
        remember(hint.event);
        push(std::move(hint));
    }
    throw Error{Errc::Unavailable, "the engine ended the stream"};
}

void EventStream::remember(const Event& event)
{
    if (!seen_.insert(event.timeNano).second) return;
    seen_order_.push_back(event.timeNano);
    if (seen_order_.size() <= kRemembered) return;
    seen_.erase(seen_order_.front());
    seen_order_.pop_front();
}

awaitable<> EventStream::check()
{
    for (;;) {
        co_await clock_.sleep(options_.check_interval);
        co_await with_timeout(clock_, options_.check_deadline, check_once(), "checking the event stream");
    }
}

/// Asks the engine, on another connection, for the events that it remembers from the time since the last check.
/// Each must have come through the stream; the last second is left out, as it may still be on its way.
awaitable<> EventStream::check_once()
{
    const auto answer = co_await client_.ping();
    const auto until = nanoseconds(answer.date.value_or(clock_.now()) - std::chrono::seconds{1});
    if (until <= checked_until_) co_return;
    EventsOptions request;
    request.since = stamp(checked_until_);
    request.until = stamp(until);
    request.filters = options_.filters;
    const auto body = co_await client_.events(std::move(request));
    while (auto line = co_await body->read_line()) {
        if (line->empty()) continue;
        const auto event = parse_event(*line);
        if (event.timeNano >= checked_until_ && event.timeNano < until && !seen_.contains(event.timeNano))
            throw Error{Errc::Unavailable, "an event was lost: " + event.Type + " " + event.Action};
    }
    checked_until_ = until;
}

} // namespace berth::docker
