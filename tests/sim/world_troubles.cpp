// What is done to the programs of a world from outside: started and killed, also at an effect, shown what is not true any more.

#include "tests/sim/world.hpp"

namespace berth::sim {

void World::start_controller()
{
    note("berthd starts");
    controller = std::make_unique<Controller>(*this);
}

void World::kill_controller()
{
    if (!controller) return;
    note("berthd is killed");
    controller.reset();
}

void World::start_agent()
{
    note("berth-node starts");
    agent = std::make_unique<Agent>(*this);
}

void World::kill_agent()
{
    if (!agent) return;
    note("berth-node is killed");
    agent.reset();
}

/// Of the store, in the middle of berthd's work.
void World::commit(bool after)
{
    if (!after) commit_ = effects.enter("berthd", "commit");
    if (effects.strikes(commit_, after) && effects.doomed == "berthd") disk.crash();
}

void World::kill_doomed()
{
    if (effects.doomed.empty()) return;
    const auto victim = std::exchange(effects.doomed, "");
    if (victim == "berthd")
        kill_controller();
    else
        kill_agent();
    outside.spawn(come_back(victim));
}

awaitable<> World::come_back(std::string victim)
{
    co_await clock().sleep(scheduler.between(Duration{500}, Duration{5'000}));
    if (victim == "berthd" && !controller) start_controller();
    if (victim == "node" && !agent) start_agent();
    effects.returned();
}

void World::look_back(const std::string& call, const std::string& what, HttpResponse& response)
{
    if (response.status != 200) return;
    const auto now = clock().tick();
    if (views.remember(call, now, response.body))
        note(what + " shows something new: " + std::to_string(response.body.size()) + " bytes");
    // A manager that was cut off from the others shows the Swarm of some time ago; the containers of its own
    // machine it has from no one else.
    const bool from_swarm = call.find("/containers/") == std::string::npos;
    const bool drawn = from_swarm && faults.strikes("lists", "an older list");
    const auto ago = faults.dice("lists").between(Duration{1'000}, Duration{15'000});
    const bool turn = views.turn();
    if (now < views.empty_until) {
        note(what + " shows nothing yet");
        response.body = "[]";
    } else if (drawn || turn) {
        const auto older = views.older(call, now, ago);
        if (!older) return;
        note(what + " shows what it was " + format_duration(ago) + " ago: " + std::to_string(older->size()) +
             " bytes");
        response.body = *older;
    }
}

} // namespace berth::sim
