#pragma once
// A clock that stands still until the test moves it.

#include "controller/base/clock.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <optional>

namespace berth {

/// Owned by the test; used on the I/O thread (now() and tick() from any). Starts at 2026-01-01T00:00:00Z.
/// Sleepers are woken in the order of their ticks; equal ticks in the order in which they went to sleep.
class FakeClock final : public Clock {
public:
    FakeClock();

    Time now() const override;
    Tick tick() const override;
    awaitable<> sleep_until(Tick tick) override;

    /// Moves the time by `duration` at once and wakes who is due. The sleepers run in the next io.poll(), and all
    /// of them see the end of the step; when the time in between matters, use run().
    void advance(Duration duration);
    /// Moves the time from sleeper to sleeper and lets `io` run dry after each, up to `duration` from now. What a
    /// woken coroutine starts to wait for on the way is woken too.
    void run(boost::asio::io_context& io, Duration duration);
    /// When the next sleeper is due; nothing: nobody sleeps.
    std::optional<Tick> next() const
    {
        return sleepers_.empty() ? std::nullopt : std::optional{sleepers_.begin()->first};
    }
    /// How many coroutines sleep.
    std::size_t sleepers() const noexcept { return sleepers_.size(); }

private:
    struct Sleeper;
    void move_to(Tick tick);

    std::atomic<Duration::rep> elapsed_{0};
    std::multimap<Tick, Sleeper*> sleepers_;
};

/// Runs what is ready, and what that makes ready, until nothing is. Restarts an io_context that had run out of work.
void settle(boost::asio::io_context& io);

} // namespace berth
