#pragma once
// What the command line asks for, one function each. They print, and return the program's exit code.

#include "tests/sim/run.hpp"

namespace berth::sim {

struct Options {
    enum class Mode { Seeds, Single, Shrink, CrashPoints, StaleViews, Regressions };
    Mode mode = Mode::Seeds;
    Plan plan{};             ///< what all runs have in common
    std::uint64_t from = 1;  ///< the first seed
    std::uint64_t seeds = 0; ///< how many; 0: without end
    unsigned jobs = 1;       ///< runs at a time
    bool twice = false;      ///< crash points: again in the recovery
    bool tap = false;        ///< a line for each run, as in the Test Anything Protocol
    bool log = false;        ///< the warnings of the programs
    std::string file{};      ///< of regressions: flags on each line, then "#" and what it was
};

/// Throws std::runtime_error that names a flag which is none.
Options parse(const std::vector<std::string>& flags);
/// The command that makes this run again.
std::string replay_of(const Plan& plan);

int run_many(const Options& options);
/// Twice: it must be the same run.
int run_single(const Options& options);
/// The plan's seed, with as few faults as it fails by.
int run_shrink(const Options& options);
/// Of one scenario, or of all: see crash_points.cpp.
int run_crash_points(const Options& options);
int run_stale_views(const Options& options);
/// What has failed once.
int run_regressions(const Options& options);

} // namespace berth::sim
