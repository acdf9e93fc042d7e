#include "tests/sim/daily_life.hpp"

namespace berth::sim {

namespace {

/// Far below the time of the next regular look: who is not woken is late.
constexpr Duration kSoon = std::chrono::seconds{60};

/// P2: soon, and not only in the end.
void turn_all(World& world, Users& users, const Judge& judge, Promise::Want to)
{
    std::vector<std::string> names;
    for (const auto& [name, promise] : users.promises)
        if (promise.want != Promise::Want::Deleted) names.push_back(name);
    for (const auto& name : names) users.program().spawn(users.insist(name, to));
    const auto end = world.clock().tick() + kSoon;
    std::string why;
    do world.scheduler.run_until(world.clock().tick() + std::chrono::seconds{1});
    while (!judge.converged(why) && world.clock().tick() < end);
    if (!judge.converged(why)) throw Violation("P2 what-is-asked-is-done-soon", why);
}

} // namespace

void live_on(World& world, Users& users, const Judge& judge)
{
    world.note("a quiet day begins");
    turn_all(world, users, judge, Promise::Want::Stopped);
    turn_all(world, users, judge, Promise::Want::Running);
    world.scheduler.run_until(world.clock().tick() + kSoon);
    judge.at_rest();
}

} // namespace berth::sim
