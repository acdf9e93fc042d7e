#pragma once
// The only way to ask for the time or to wait. Tests hand in a clock that they move themselves.

#include "controller/base/time.hpp"

#include <boost/asio/awaitable.hpp>

namespace berth {

template <class T = void>
using awaitable = boost::asio::awaitable<T>;

/// Owned by main (or a test) and outlives everything that refers to it. Used on the I/O thread; now() and
/// tick() may be called from any thread.
struct Clock {
    virtual ~Clock() = default;
    virtual Time now() const = 0;
    virtual Tick tick() const = 0;
    /// Returns at once when the tick has passed. Cancellable; throws operation_aborted when cancelled.
    virtual awaitable<> sleep_until(Tick tick) = 0;

    awaitable<> sleep(Duration duration);
};

/// The machine's own clocks.
class SystemClock final : public Clock {
public:
    Time now() const override;
    Tick tick() const override;
    awaitable<> sleep_until(Tick tick) override;
};

} // namespace berth
