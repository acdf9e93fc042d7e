#include "tests/fakes/fake_clock.hpp"

#include "controller/base/async.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace berth {

/// Lives in the frame of the sleeping coroutine.
struct FakeClock::Sleeper {
    asio::steady_timer timer; // never fires by itself; being cancelled is what wakes
    bool due = false;
};

namespace {

/// Takes a sleeper out of the clock also when its coroutine is cancelled or destroyed.
template <class Map>
struct Registration {
    Map& map;
    typename Map::iterator position;
    bool& due; // the clock has taken it out already
    ~Registration()
    {
        if (!due) map.erase(position);
    }
};

constexpr Tick kStart{std::chrono::hours{1}};

} // namespace

FakeClock::FakeClock() = default;

Time FakeClock::now() const
{
    constexpr std::chrono::sys_days start{std::chrono::year{2026} / 1 / 1};
    return Time{start} + Duration{elapsed_.load()};
}

Tick FakeClock::tick() const { return kStart + Duration{elapsed_.load()}; }

awaitable<> FakeClock::sleep_until(Tick tick)
{
    auto executor = co_await asio::this_coro::executor;
    if (tick <= this->tick()) co_return;
    Sleeper sleeper{asio::steady_timer{executor, asio::steady_timer::time_point::max()}};
    Registration<decltype(sleepers_)> registration{sleepers_, sleepers_.emplace(tick, &sleeper), sleeper.due};
    boost::system::error_code ignored;
    co_await sleeper.timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (!sleeper.due) throw boost::system::system_error{asio::error::operation_aborted};
}

void FakeClock::move_to(Tick tick)
{
    elapsed_ = (tick - kStart).count();
    while (!sleepers_.empty() && sleepers_.begin()->first <= tick) {
        Sleeper* sleeper = sleepers_.begin()->second;
        sleepers_.erase(sleepers_.begin());
        sleeper->due = true;
        sleeper->timer.cancel();
    }
}

void FakeClock::advance(Duration duration) { move_to(tick() + duration); }

void FakeClock::run(boost::asio::io_context& io, Duration duration)
{
    const Tick end = tick() + duration;
    settle(io);
    while (!sleepers_.empty() && sleepers_.begin()->first <= end) {
        move_to(sleepers_.begin()->first);
        settle(io);
    }
    move_to(end);
    settle(io);
}

void settle(boost::asio::io_context& io)
{
    if (io.stopped()) io.restart();
    while (io.poll() > 0) {
    }
}

} // namespace berth
