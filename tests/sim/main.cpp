// Runs seeds, each in a process of its own, and says which promises held.
//   berth_sim --seeds N [--from N] [--tap]   that many, one after another, a line for each failure (or for
//   each); exit 1
//                                            when one fails
//   berth_sim --seed N [--trace] [--log]     one, twice: it must be the same run; told step by step

#include "tests/sim/judge.hpp"

#include <openssl/rand.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <iostream>

namespace {

using namespace berth;
using namespace berth::sim;

constexpr Duration kChaos = std::chrono::minutes{6};
constexpr Duration kHeal = std::chrono::minutes{30};
/// An end that nothing disturbs any more, for what must not change back.
constexpr Duration kQuiet = std::chrono::minutes{3};
/// How often what has failed is asked for again, in all.
constexpr int kMostAsks = 4;
/// A run that goes on for more steps than this spins.
constexpr std::uint64_t kMostSteps = 20'000'000;

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
    service.Name = "somebody-elses";
    service.TaskTemplate.ContainerSpec.Image = "foreign:1";
    co_await engine.create_service(std::move(service));
    docker::VolumeCreate volume;
    volume.Name = "somebody-elses";
    co_await engine.create_volume(std::move(volume));
}

struct Result {
    std::uint64_t hash = 0;
    std::uint64_t steps = 0;
    std::uint64_t virtual_ms = 0;
    char problem[1500] = "";
};

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
            want = world.scheduler.chance(500) ? Promise::Want::Running : Promise::Want::Stopped;
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
        if (world.scheduler.steps > kMostSteps)
            throw Violation("I13 no-hot-loop", "the run does not come to rest");
    }
    world.scheduler.run_until(world.clock().tick() + kQuiet);
    if (!judge.converged(why)) throw Violation("P2 what-converged-stays", why);
    judge.at_rest();
}

Result run(std::uint64_t seed, bool print)
{
    seed_everything(seed);
    Result result;
    World world(seed, print);
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
        world.inspect = [] {};
        world.volume_goes = [](const std::string&) {};
        world.kill_agent();
        world.kill_controller();
    } catch (const std::exception& error) {
        world.inspect = [] {};
        world.volume_goes = [](const std::string&) {};
        std::strncpy(result.problem, error.what(), sizeof result.problem - 1);
        world.note(std::string("FAILED: ") + error.what());
    }
    result.hash = world.trace.hash();
    result.steps = world.scheduler.steps;
    result.virtual_ms = std::uint64_t(world.clock().tick().time_since_epoch().count());
    return result;
}

/// In a process of its own, so that a crash is a failed seed and nothing is left over for the next.
Result run_apart(std::uint64_t seed, bool print)
{
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    std::cout.flush();
    const auto child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        const auto result = run(seed, print);
        std::cout.flush();
        const auto written = ::write(ends[1], &result, sizeof result);
        ::_exit(written == sizeof result ? 0 : 1);
    }
    ::close(ends[1]);
    Result result;
    const auto got = ::read(ends[0], &result, sizeof result);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (got != sizeof result) {
        const auto text =
            "the program ended by " + (WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                                           : "code " + std::to_string(status));
        std::strncpy(result.problem, text.c_str(), sizeof result.problem - 1);
    }
    return result;
}

int run_many(std::uint64_t from, std::uint64_t count, bool tap)
{
    const auto begun = std::chrono::steady_clock::now();
    std::uint64_t failed = 0, steps = 0, virtual_ms = 0;
    for (auto seed = from; seed < from + count; ++seed) {
        const auto result = run_apart(seed, false);
        steps += result.steps;
        virtual_ms += result.virtual_ms;
        const bool ok = !result.problem[0];
        failed += ok ? 0 : 1;
        if (tap || !ok)
            std::cout << (!tap    ? ""
                             : ok ? "ok - "
                                  : "not ok - ")
                      << "seed " << seed << (ok ? "" : ": ") << result.problem << std::endl;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::cout << (tap ? "# " : "") << steps << " steps, " << double(virtual_ms) / 3.6e6
              << " simulated hours in " << took.count() << " s\n"
              << (tap ? "# " : "") << count << " seeds, " << failed << " failed\n";
    return failed ? 1 : 0;
}

int run_single(std::uint64_t seed, bool print)
{
    const auto first = run_apart(seed, print);
    std::cout << "seed " << seed << ": " << (first.problem[0] ? first.problem : "all promises held")
              << "; trace " << std::hex << first.hash << std::dec << ", " << first.steps << " steps\n";
    const auto second = run_apart(seed, false);
    if (second.hash != first.hash)
        std::cout << "the same seed gave another run: " << std::hex << second.hash << "\n";
    return first.problem[0] || second.hash != first.hash ? 1 : 0;
}

} // namespace

int main(int argc, char** argv)
{
    std::uint64_t seeds = 0, from = 1;
    std::optional<std::uint64_t> seed;
    bool print = false, verbose = false, tap = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        const auto number = [&] { return std::stoull(i + 1 < argc ? argv[++i] : "0"); };
        if (flag == "--seeds")
            seeds = number();
        else if (flag == "--from")
            from = number();
        else if (flag == "--seed")
            seed = number();
        else if (flag == "--trace")
            print = true;
        else if (flag == "--log")
            verbose = true;
        else if (flag == "--tap")
            tap = true;
        else
            return std::cerr << "unknown: " << flag << "\n", 2;
    }
    // The product's warnings are about what was done to it on purpose.
    if (!verbose && !std::freopen("/dev/null", "w", stderr)) return 2;
    if (seed) return run_single(*seed, print);
    return run_many(from, seeds ? seeds : 100, tap);
}
