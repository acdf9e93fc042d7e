#include "tests/sim/effects.hpp"

namespace berth::sim {

void Effects::begin(std::deque<Crash> crashes)
{
    crashes_ = std::move(crashes);
    base_ = count_;
    remembers_ = true;
    armed_ = true;
}

void Effects::returned()
{
    base_ = count_;
    armed_ = true;
}

std::uint64_t Effects::enter(const std::string& actor, const std::string& what)
{
    if (remembers_) seen_.push_back(actor + " " + what);
    return ++count_;
}

bool Effects::strikes(std::uint64_t number, bool after)
{
    if (!armed_ || crashes_.empty()) return false;
    const auto& next = crashes_.front();
    if (number != base_ + next.at || after != next.after) return false;
    doomed = next.victim;
    crashes_.pop_front();
    armed_ = false;
    return true;
}

awaitable<std::uint64_t> Effects::before(std::string actor, std::string what)
{
    const auto number = enter(actor, what);
    if (strikes(number, false) || actor == doomed) co_await halt(std::move(actor));
    co_return number;
}

awaitable<> Effects::after(std::string actor, std::uint64_t number)
{
    if (strikes(number, true) || actor == doomed) co_await halt(std::move(actor));
}

/// The victim stands still until it is gone; others go on when it is.
awaitable<> Effects::halt(std::string actor)
{
    auto executor = co_await asio::this_coro::executor;
    if (actor == doomed) {
        asio::steady_timer never(executor, asio::steady_timer::time_point::max());
        co_await never.async_wait(asio::use_awaitable);
    }
    co_await asio::post(executor, asio::use_awaitable);
}

} // namespace berth::sim
