#pragma once
// What a person does, from a world at rest to the next rest, without any fault: the runs whose every effect
// is a place to crash at.

#include "tests/sim/judge.hpp"
#include "tests/sim/run.hpp"

namespace berth::sim {

/// Where a scenario is played. Owned by the run.
struct Stage {
    World& world;
    Users& users;
    const Plan& plan;
    bool done = false; ///< the person has nothing more to do

    /// From here on effects are counted.
    void begin() const;
    awaitable<> until(std::function<bool()> holds, std::string what) const;
    bool is_in(const std::string& workspace, Phase phase) const;
    bool pool_is_full() const;
    bool is_saved(const std::string& workspace) const;
    /// A workspace that runs, with two files in it that are in S3.
    awaitable<std::string> one_at_work() const;
};

struct Scenario {
    std::string name;
    std::uint32_t pool; ///< slots
    awaitable<> (*play)(Stage& stage);
};
const std::vector<Scenario>& scenarios();

/// Throws Violation when a promise does not hold on the way or at the end.
void play(Stage& stage, Judge& judge);

} // namespace berth::sim
