#pragma once
// What the command line asks for, one function each. They print, and return the program's exit code.

#include "tests/sim/run.hpp"

namespace berth::sim {

struct Options {
    Plan plan{};             ///< what all runs have in common
    std::uint64_t from = 1;  ///< the first seed
    std::uint64_t seeds = 0; ///< how many
    unsigned jobs = 1;       ///< runs at a time
    bool tap = false;        ///< a line for each run, as in the Test Anything Protocol
};

int run_many(const Options& options);
/// Twice: it must be the same run.
int run_single(const Options& options);

} // namespace berth::sim
