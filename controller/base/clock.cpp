#include "controller/base/clock.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace berth {

namespace asio = boost::asio;

awaitable<> Clock::sleep(Duration duration) { return sleep_until(tick() + duration); }

Time SystemClock::now() const
{
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

Tick SystemClock::tick() const
{
    return std::chrono::floor<Duration>(std::chrono::steady_clock::now());
}

awaitable<> SystemClock::sleep_until(Tick tick)
{
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::steady_clock::time_point{tick}};
    co_await timer.async_wait(asio::use_awaitable);
}

} // namespace berth
