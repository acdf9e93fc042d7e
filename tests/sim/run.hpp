#pragma once
// One run of a seed, from an empty world to its end.

#include "tests/sim/faults.hpp"

#include <functional>

namespace berth::sim {

struct Plan {
    std::uint64_t seed = 1;
    bool print = false;              ///< what happens, step by step
    std::set<std::string> without{}; ///< faults that do not strike; see Faults::leave_out
};

struct Result {
    std::uint64_t hash = 0; ///< of the trace
    std::uint64_t steps = 0;
    std::uint64_t virtual_ms = 0;
    std::string problem{}; ///< the promise that was broken, and what was seen; empty: all held
    std::vector<FaultSeen> faults{};
};
BOOST_DESCRIBE_STRUCT(Result, (), (hash, steps, virtual_ms, problem, faults))

/// In this process, which has not made a run before.
Result run(const Plan& plan);

} // namespace berth::sim
