#include "tests/sim/run.hpp"

#include "tests/sim/clients.hpp"
#include "tests/sim/daily_life.hpp"
#include "tests/sim/scenarios.hpp"

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

/// What somebody else runs on the same engine: another install of Berth.
awaitable<> make_foreign_things(docker::Client& engine)
{
    const docker::StringMap theirs{{std::string(kInstallLabel), "another"},
        {std::string(kKindLabel), "Workspace"}, {std::string(kOrgLabel), "default"},
        {std::string(kNameLabel), "theirs"}, {std::string(kUidLabel), "0190-theirs"}};
    docker::ServiceSpec service;
    service.Name = kForeignThing;
    service.TaskTemplate.ContainerSpec.Image = "foreign:1";
    service.Labels = theirs;
    co_await engine.create_service(std::move(service));
    docker::VolumeCreate volume;
    volume.Name = kForeignThing;
    volume.Labels = theirs;
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
    live_on(world, users, judge);
}

void live(World& world, Users& users, Judge& judge)
{
    world.start_controller();
    world.start_agent();
    users.begin(world.clock().tick() + kChaos);
    Clients clients(world);
    clients.begin(world.clock().tick() + kChaos);
    world.scheduler.run_until(world.clock().tick() + kChaos);
    let_heal(world, users, judge);
    clients.at_rest();
}

/// The workspaces that `problem` names, and what the engine calls their parts.
std::set<std::string> objects_in(const std::string& problem, const World& world, const Users& users)
{
    std::set<std::string> names;
    const auto named = [&](const std::string& text) {
        return !text.empty() && problem.find(text) != std::string::npos;
    };
    for (const auto& [workspace, promise] : users.promises)
        if (named(workspace)) names.insert(workspace);
    for (const auto& service : world.engine.services()) {
        const auto& labels = service.Spec.Labels;
        const auto name = labels.find(std::string(kNameLabel));
        const auto uid = labels.find(std::string(kUidLabel));
        if (name == labels.end() || uid == labels.end()) continue;
        if (named(name->second) || named(uid->second)) names.insert({name->second, service.ID});
    }
    return names;
}

/// The last lines about these objects, and about what happened to the programs and the engine.
std::vector<std::string> story_of(const Trace& trace, const std::set<std::string>& names)
{
    constexpr std::size_t kLines = 30;
    const auto tells = [&](const std::string& line) {
        if (names.empty()) return true;
        for (const auto* word :
            {"starts", "killed", "accident", "the store is open", "faults are over", "shows"})
            if (line.find(word) != std::string::npos) return true;
        return std::any_of(names.begin(), names.end(),
            [&line](const std::string& name) { return line.find(name) != std::string::npos; });
    };
    std::vector<std::string> story;
    for (const auto& line : trace.lines())
        if (tells(line)) story.push_back(line);
    if (story.size() > kLines) story.erase(story.begin(), story.end() - kLines);
    return story;
}

/// What strikes while a workspace is in which phase.
void note_reached(const World& world, const std::string& kind, std::set<std::string>& reached)
{
    if (!world.serving()) return;
    for (const auto& workspace : world.controller->store()->list<Workspace>())
        reached.insert(std::string(detail::enumerator_name(workspace.status.phase)) + " " + kind);
}

} // namespace

Result run(const Plan& plan)
{
    seed_everything(plan.seed);
    Result result;
    World world(plan.seed, plan.print);
    world.faults.leave_out(plan.without);
    Users users(world);
    std::set<std::string> reached;
    world.faults.on_strike = [&](const std::string& kind) { note_reached(world, kind, reached); };
    const auto begun = world.clock().tick();
    try {
        docker::Client by_hand(world.engine, world.clock());
        world.outside.spawn(make_foreign_things(by_hand));
        world.scheduler.run_until(world.clock().tick() + Duration{1'000});
        Judge judge(world, users);
        Stage stage{world, users, plan};
        if (plan.scenario.empty())
            live(world, users, judge);
        else
            play(stage, judge);
    } catch (const std::exception& error) {
        result.problem = error.what();
        result.story = story_of(world.trace, objects_in(result.problem, world, users));
        world.note("FAILED: " + result.problem);
    }
    result.hash = world.trace.hash();
    result.steps = world.scheduler.steps;
    result.virtual_ms = std::uint64_t((world.clock().tick() - begun).count());
    result.faults = world.faults.seen();
    result.effects = world.effects.seen();
    result.lists = world.views.count();
    result.reached.assign(reached.begin(), reached.end());
    return result;
}

} // namespace berth::sim
