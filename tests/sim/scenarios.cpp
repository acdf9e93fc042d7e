#include "tests/sim/scenarios.hpp"

#include <algorithm>

namespace berth::sim {

namespace {

using Want = Promise::Want;
constexpr Duration kLongest = std::chrono::minutes{15};
/// After the end, for what comes late: effects in it are places to crash at too.
constexpr Duration kTail = std::chrono::seconds{4};
constexpr Duration kQuiet = std::chrono::minutes{1};

awaitable<> cold_start(Stage& stage)
{
    stage.begin();
    co_await stage.users.start_new(1);
}

awaitable<> warm_start(Stage& stage)
{
    co_await stage.until([&stage] { return stage.pool_is_full(); }, "the pool is full");
    stage.begin();
    co_await stage.users.start_new(1);
}

awaitable<> write_and_stop(Stage& stage)
{
    const auto workspace = co_await stage.one_at_work();
    stage.begin();
    for (int i = 0; i < 3; ++i) stage.users.write_file(workspace);
    co_await stage.users.insist(workspace, Want::Stopped);
}

awaitable<> stop_and_start(Stage& stage)
{
    const auto workspace = co_await stage.one_at_work();
    stage.begin();
    co_await stage.users.insist(workspace, Want::Stopped);
    const auto stopped = [&stage, workspace] { return stage.is_in(workspace, Phase::stopped); };
    co_await stage.until(stopped, "it is stopped");
    co_await stage.users.insist(workspace, Want::Running);
}

/// Asks until berthd has said yes or no.
awaitable<> restart(Stage& stage)
{
    const auto workspace = co_await stage.one_at_work();
    stage.begin();
    stage.users.write_file(workspace);
    for (bool answered = false; !answered;) {
        HttpRequest call;
        call.method = "POST";
        call.target = "/api/containers/" + workspace + "/restart";
        try {
            const auto response = co_await stage.users.api().send(std::move(call));
            answered = response.status < 500;
        } catch (const Error&) { // whether it was done is not known
        }
        co_await stage.world.clock().sleep(Duration{500});
    }
}

awaitable<> remove(Stage& stage)
{
    const auto workspace = co_await stage.one_at_work();
    stage.begin();
    stage.users.write_file(workspace);
    co_await stage.users.insist(workspace, Want::Deleted);
}

/// Somebody goes on writing until the container is gone.
awaitable<> stop_at_once(Stage& stage)
{
    stage.begin();
    co_await stage.users.start_new(1);
    const auto workspace = stage.users.promises.begin()->first;
    const auto runs = [&stage, workspace] {
        const auto containers = stage.world.containers_of(workspace);
        return !containers.empty() && containers.front().State.Running;
    };
    co_await stage.until(runs, "its container runs");
    co_await stage.users.insist(workspace, Want::Stopped);
    while (runs()) {
        stage.users.write_file(workspace);
        co_await stage.world.clock().sleep(Duration{300});
    }
}

awaitable<> service_removed_by_hand(Stage& stage)
{
    const auto workspace = co_await stage.one_at_work();
    stage.begin();
    stage.users.write_file(workspace);
    stage.world.engine.remove_service_by_hand("ws-" + workspace);
    stage.world.engine_touched();
}

awaitable<> container_killed(Stage& stage)
{
    const auto workspace = co_await stage.one_at_work();
    stage.begin();
    stage.users.write_file(workspace);
    stage.world.engine.kill_tasks("ws-" + workspace);
    stage.world.engine_touched();
}

awaitable<> perform(Stage* stage, awaitable<> (*script)(Stage&))
{
    co_await script(*stage);
    stage->done = true;
}

void let_converge(Stage& stage, const Judge& judge)
{
    auto& scheduler = stage.world.scheduler;
    const auto end = scheduler.clock.tick() + kLongest;
    std::string why = "the person is not done";
    while (!stage.done || !judge.converged(why)) {
        if (scheduler.clock.tick() > end) throw Violation("P2 everything-converges", why);
        scheduler.run_until(scheduler.clock.tick() + std::chrono::seconds{1});
    }
}

} // namespace

void Stage::begin() const
{
    world.note("the scenario begins");
    world.effects.begin({plan.crashes.begin(), plan.crashes.end()});
    world.views.begin(plan.stale_list);
}

awaitable<> Stage::until(std::function<bool()> holds, std::string what) const
{
    const auto end = world.clock().tick() + kLongest;
    while (!holds()) {
        if (world.clock().tick() > end) world.violated("P2 everything-converges", "never: " + what);
        co_await world.clock().sleep(Duration{100});
    }
}

bool Stage::is_in(const std::string& workspace, Phase phase) const
{
    if (!world.serving()) return false;
    const auto stored = world.controller->store()->get<Workspace>({"default", workspace});
    return stored && stored->status.phase == phase;
}

bool Stage::pool_is_full() const
{
    if (!world.serving()) return false;
    const auto slots = world.controller->store()->list<Workspace>();
    return slots.size() == world.pool_size &&
           std::all_of(slots.begin(), slots.end(),
               [](const Workspace& slot) { return slot.status.phase == Phase::warm; });
}

bool Stage::is_saved(const std::string& workspace) const
{
    const auto& promise = users.promises.at(workspace);
    const auto& objects = world.buckets["demo/" + promise.prefix].objects;
    return std::all_of(promise.files.begin(), promise.files.end(), [&objects](const auto& file) {
        const auto found = objects.find(file.first);
        return found != objects.end() && found->second.content == file.second;
    });
}

awaitable<std::string> Stage::one_at_work() const
{
    co_await users.start_new(1);
    const auto workspace = users.promises.begin()->first;
    const auto runs = [this, workspace] { return is_in(workspace, Phase::running); };
    co_await until(runs, "it runs");
    for (int i = 0; i < 2; ++i) users.write_file(workspace);
    const auto saved = [this, workspace] { return is_saved(workspace); };
    co_await until(saved, "its files are in S3");
    co_return workspace;
}

const std::vector<Scenario>& scenarios()
{
    static const std::vector<Scenario> all{
        {"cold-start", 0, cold_start},
        {"warm-start", 1, warm_start},
        {"write-and-stop", 0, write_and_stop},
        {"stop-and-start", 0, stop_and_start},
        {"stop-at-once", 0, stop_at_once},
        {"restart", 0, restart},
        {"delete", 0, remove},
        {"service-removed-by-hand", 0, service_removed_by_hand},
        {"container-killed", 0, container_killed},
    };
    return all;
}

void play(Stage& stage, Judge& judge)
{
    const auto found = std::find_if(scenarios().begin(), scenarios().end(),
        [&](const Scenario& one) { return one.name == stage.plan.scenario; });
    if (found == scenarios().end()) throw std::runtime_error("there is no scenario " + stage.plan.scenario);
    auto& world = stage.world;
    world.faults.stop();
    world.pool_size = found->pool;
    world.start_controller();
    world.start_agent();
    stage.users.program().spawn(perform(&stage, found->play));
    let_converge(stage, judge);
    world.scheduler.run_until(world.clock().tick() + kTail);
    world.effects.end();
    if (!stage.plan.crashes.empty() && world.effects.crashes_left() == stage.plan.crashes.size())
        throw std::runtime_error("the effect to crash at was not reached");
    world.scheduler.run_until(world.clock().tick() + kTail);
    let_converge(stage, judge);
    world.scheduler.run_until(world.clock().tick() + kQuiet);
    std::string why;
    if (!judge.converged(why)) throw Violation("P2 what-converged-stays", why);
    judge.at_rest();
}

} // namespace berth::sim
