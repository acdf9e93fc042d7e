#include "tests/sim/run.hpp"

#include "tests/sim/judge.hpp"

#include <openssl/rand.h>

#include <chrono>

namespace berth::sim {

namespace {

constexpr Duration kChaos = std::chrono::minutes{6};
constexpr Duration kHeal = std::chrono::minutes{30};
/// An end that nothing disturbs any more, for what must not change back.
constexpr Duration kQuiet = std::chrono::minutes{3};
/// How often what has failed is asked for again, in all.
constexpr int kMostAsks = 4;
/// OpenSSL's generator, which everything random in the product comes from, drawn from the seed.
std::mt19937_64 seeded;
int seeded_bytes(unsigned char* bytes, int count)
{
    for (int i = 0; i < count; ++i) bytes[i] = static_cast<unsigned char>(seeded());
    return 1;
}
int seeded_status() { return 1; }

void seed_everything(std::uint64_t seed)
{
    seeded.seed(seed * 7919 + 1);
    static const RAND_METHOD method{nullptr, seeded_bytes, nullptr, nullptr, seeded_bytes, seeded_status};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored                                                                               \
    "-Wdeprecated-declarations" // what replaced it is a provider of some hundred lines
    RAND_set_rand_method(&method);
#pragma GCC diagnostic pop
}

/// What somebody else runs on the same engine.
awaitable<> make_foreign_things(docker::Client& engine)
{
    docker::ServiceSpec service;
    service.Name = kForeignThing;
    service.TaskTemplate.ContainerSpec.Image = "foreign:1";
    co_await engine.create_service(std::move(service));
    docker::VolumeCreate volume;
    volume.Name = kForeignThing;
    co_await engine.create_volume(std::move(volume));
}

/// What was given up with a reason (a container that was killed again and again) is asked for again, as a
/// person would, but not for ever.
void ask_again(World& world, Users& users, int& asked)
{
    if (!world.serving()) return;
    for (const auto& [name, promise] : users.promises) {
        const auto stored = world.controller->store()->get<Workspace>({"default", name});
        const bool failed = stored && stored->status.phase == Phase::failed;
        if (!failed || promise.want != Promise::Want::Running || asked >= kMostAsks) continue;
        ++asked;
        users.program().spawn(users.insist(name, Promise::Want::Running));
    }
}

void let_heal(World& world, Users& users, Judge& judge)
{
    world.note("all faults are over");
    world.faults.stop();
    world.engine_up = true;
    world.engine.lose_events(false);
    if (!world.controller) world.start_controller();
    if (!world.agent) world.start_agent();
    std::vector<std::string> names;
    for (const auto& [workspace, promise] : users.promises) names.push_back(workspace);
    for (const auto& name : names) {
        auto want = users.promises.at(name).want;
        if (want == Promise::Want::Unknown)
            want = users.dice().chance(500) ? Promise::Want::Running : Promise::Want::Stopped;
        if (want != Promise::Want::Deleted) users.program().spawn(users.insist(name, want));
    }
    const auto begun = world.clock().tick();
    int asked = 0;
    std::string why;
    while (true) {
        world.scheduler.run_until(world.clock().tick() + std::chrono::seconds{10});
        if (judge.converged(why)) break;
        ask_again(world, users, asked);
        if (world.clock().tick() - begun > kHeal) throw Violation("P2 everything-converges", why);
    }
    world.scheduler.run_until(world.clock().tick() + kQuiet);
    if (!judge.converged(why)) throw Violation("P2 what-converged-stays", why);
    judge.at_rest();
}

} // namespace

Result run(const Plan& plan)
{
    seed_everything(plan.seed);
    Result result;
    World world(plan.seed, plan.print);
    world.faults.leave_out(plan.without);
    const auto begun = world.clock().tick();
    try {
        docker::Client by_hand(world.engine, world.clock());
        world.outside.spawn(make_foreign_things(by_hand));
        Users users(world);
        world.scheduler.run_until(world.clock().tick() + Duration{1'000});
        Judge judge(world, users);
        world.start_controller();
        world.start_agent();
        users.begin(world.clock().tick() + kChaos);
        world.scheduler.run_until(world.clock().tick() + kChaos);
        let_heal(world, users, judge);
    } catch (const std::exception& error) {
        result.problem = error.what();
        world.note("FAILED: " + result.problem);
    }
    result.hash = world.trace.hash();
    result.steps = world.scheduler.steps;
    result.virtual_ms = std::uint64_t((world.clock().tick() - begun).count());
    result.faults = world.faults.seen();
    return result;
}

} // namespace berth::sim
