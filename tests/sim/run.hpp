#pragma once
// One run of a seed, from an empty world to its end.

#include "tests/sim/effects.hpp"
#include "tests/sim/faults.hpp"

#include <functional>

namespace berth::sim {

struct Plan {
    std::uint64_t seed = 1;
    bool print = false;              ///< what happens, step by step
    std::set<std::string> without{}; ///< faults that do not strike; see Faults::leave_out
    /// Instead of people and bad luck: one scenario, without faults but these.
    std::string scenario{};
    std::vector<Crash> crashes{};
    std::uint64_t stale_list = 0; ///< the number of the list that shows what was before; 0: none does
};

struct Result {
    std::uint64_t hash = 0; ///< of the trace
    std::uint64_t steps = 0;
    std::uint64_t virtual_ms = 0;
    std::string problem{}; ///< the promise that was broken, and what was seen; empty: all held
    std::vector<FaultSeen> faults{};
    std::vector<std::string> effects{}; ///< of a scenario
    std::uint64_t lists = 0;            ///< of a scenario: how often the engine was asked for one
    std::vector<std::string>
        reached{};                    ///< "<phase> <kind>": what struck while a workspace was in which phase
    std::vector<std::string> story{}; ///< of a run that failed: the last lines about the objects involved
};
BOOST_DESCRIBE_STRUCT(Result, (), (hash, steps, virtual_ms, problem, faults, effects, lists, reached, story))

/// In this process, which has not made a run before.
Result run(const Plan& plan);

} // namespace berth::sim
