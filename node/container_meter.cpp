#include "node/container_meter.hpp"

#include "controller/base/log.hpp"

#include <algorithm>

namespace berth {

namespace {

/// With all else that the agent asks for, the engine of a node has less than one call a second.
constexpr Duration kBetweenTurns = std::chrono::seconds{3};
/// A container that is just ending can't be looked into; when it goes on, something is wrong.
constexpr int kFailuresAllowed = 3;

} // namespace

awaitable<docker::ContainerStats> ContainerMeter::measure(std::string id, std::int64_t pid, std::string netns)
{
    std::string problem;
    try {
        auto stats = co_await world_.container_use(pid, std::move(netns));
        failures_ = 0;
        co_return stats;
    } catch (const Error& error) {
        problem = error.what();
    }
    note(problem);
    const auto turn = std::max(clock_.tick(), next_turn_);
    next_turn_ = turn + kBetweenTurns;
    if (turn > clock_.tick()) co_await clock_.sleep_until(turn);
    co_return co_await docker_.container_stats(std::move(id));
}

void ContainerMeter::note(const std::string& problem)
{
    if (++failures_ == kFailuresAllowed)
        log::warning(
            "what containers use can't be read from the kernel: the engine is asked, for one in 3 seconds",
            {{"error", problem}});
}

} // namespace berth
