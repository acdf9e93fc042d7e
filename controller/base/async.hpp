#pragma once
// Structured concurrency on top of Asio: a scope for coroutines, a time-out, a hop to another executor, a signal.

#include "controller/base/clock.hpp"
#include "controller/base/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <variant>

namespace berth {

namespace asio = boost::asio;
using Executor = asio::any_io_executor;

/// A scope for coroutines: what is spawned here is cancelled and joined here, so nothing outlives its owner.
/// Lives on the I/O thread. A thrown error is logged and counted, never lost. The owner must co_await join()
/// before it destroys the group.
class TaskGroup {
public:
    explicit TaskGroup(Executor executor);
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();

    /// Starts `work` from the event loop, not from within this call. Ignored after cancel().
    void spawn(std::string name, awaitable<> work);
    /// Asks every member to end (terminal cancellation). Idempotent.
    void cancel();
    /// Returns when no member is left.
    awaitable<> join();

    std::size_t size() const noexcept { return members_.size(); }
    bool cancelled() const noexcept { return cancelled_; }
    const Executor& executor() const noexcept { return executor_; }

private:
    struct Member {
        std::string name;
        asio::cancellation_signal signal;
    };
    void finished(std::list<Member>::iterator member, std::exception_ptr failure);

    Executor executor_;
    std::list<Member> members_;
    asio::steady_timer empty_;
    bool cancelled_ = false;
};

/// Wakes waiting coroutines. A notification with nobody waiting is not kept: check your condition in a loop.
/// Lives on the I/O thread.
class Signal {
public:
    explicit Signal(const Executor& executor) : timer_(executor, asio::steady_timer::time_point::max()) {}
    void notify_all() { timer_.cancel(); }
    awaitable<> wait();

private:
    asio::steady_timer timer_;
};

namespace detail {
template <class T>
awaitable<std::optional<T>> wrap_optional(awaitable<T> work)
{
    co_return std::optional<T>{co_await std::move(work)};
}
awaitable<> throw_if_cancelled();
} // namespace detail

/// Runs `work`, but no longer than `limit`: then cancels it, waits for it to unwind and throws Error{Timeout}.
/// An error of `work` comes through as it is. Cancellation from outside goes to `work` and comes back as
/// operation_aborted.
template <class T>
awaitable<T> with_timeout(Clock& clock, Duration limit, awaitable<T> work, std::string what = "operation")
{
    auto executor = co_await asio::this_coro::executor;
    if constexpr (std::is_void_v<T>) {
        auto [order, failure, timer_failure] =
            co_await asio::experimental::make_parallel_group(
                asio::co_spawn(executor, std::move(work), asio::deferred),
                asio::co_spawn(executor, clock.sleep(limit), asio::deferred))
                .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
        co_await detail::throw_if_cancelled();
        if (order[0] != 0) throw Error{Errc::Timeout, what + " took longer than " + format_duration(limit)};
        if (failure) std::rethrow_exception(failure);
    } else {
        auto [order, failure, value, timer_failure] =
            co_await asio::experimental::make_parallel_group(
                asio::co_spawn(executor, detail::wrap_optional(std::move(work)), asio::deferred),
                asio::co_spawn(executor, clock.sleep(limit), asio::deferred))
                .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
        co_await detail::throw_if_cancelled();
        if (order[0] != 0) throw Error{Errc::Timeout, what + " took longer than " + format_duration(limit)};
        if (failure) std::rethrow_exception(failure);
        co_return std::move(*value);
    }
}

/// Runs the plain function `work` on `where` and resumes here with its result or its exception. Can't be
/// cancelled once it runs, so keep it short. `where` may be the caller's own executor (tests do that).
template <class F, class R = std::invoke_result_t<F&>>
awaitable<R> offload(Executor where, F work)
{
    using Slot = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
    using Result = std::optional<Slot>;
    auto initiate = [](auto handler, Executor target, F body) {
        auto home = asio::prefer(asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked);
        auto run = [handler = std::move(handler), body = std::move(body), home = std::move(home)]() mutable {
            std::exception_ptr failure;
            Result result;
            try {
                if constexpr (std::is_void_v<R>) {
                    body();
                    result.emplace();
                } else {
                    result.emplace(body());
                }
            } catch (...) {
                failure = std::current_exception();
            }
            // The failure goes home as a whole: were a copy left here, the exception could end on this thread while
            // its words are read there.
            auto finish = [handler = std::move(handler), failure = std::move(failure),
                              result = std::move(result)]() mutable {
                std::move(handler)(std::move(failure), std::move(result));
            };
            asio::post(home, std::move(finish));
        };
        asio::post(target, std::move(run));
    };
    Result result = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, Result)>(
        std::move(initiate), asio::use_awaitable, std::move(where), std::move(work));
    if constexpr (!std::is_void_v<R>) co_return std::move(*result);
}

/// True for the exception that a cancelled Asio operation throws.
bool is_cancelled(const std::exception& error) noexcept;
/// The text of any exception, for logs.
std::string describe(const std::exception_ptr& failure);

} // namespace berth
