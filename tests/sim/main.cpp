// Runs the simulated installation, each run in a process of its own, and says which promises held.
//   --seeds N [--from N]        that many runs; --forever: until it is ended. A line for each failure
//   --seed N [--trace] [--log]  one, twice: it must be the same run; told step by step
//   --seed N --shrink           one that fails, with as few faults as it fails by
//   --crash-points [--scenario NAME] [--twice]
//                               kill -9 before and after each effect of the scenarios; again in the recovery
//   --stale-views [--scenario NAME]
//                               each list of the engine once shows what was before
//   --regressions FILE          the runs that are named there
// With any of them:
//   --jobs N         runs at a time
//   --tap            a line for each run, as in the Test Anything Protocol
//   --without FAULT  leaves out a fault ("docker#57"), a kind ("docker: refused") or a port ("docker")
//   --planted NAME   berth_sim_planted only: with that bug in the product; the first failure ends the run
//   --crash PROGRAM:before|after:N, --stale-list N
//                    with --seed and --scenario: one of those points

#include "tests/sim/runner.hpp"

#include <cstdio>
#include <iostream>

namespace {

int perform(const berth::sim::Options& options)
{
    using namespace berth::sim;
    using Mode = Options::Mode;
    switch (options.mode) {
    case Mode::Seeds:
        return run_many(options);
    case Mode::Single:
        return run_single(options);
    case Mode::Shrink:
        return run_shrink(options);
    case Mode::CrashPoints:
        return run_crash_points(options);
    case Mode::StaleViews:
        return run_stale_views(options);
    case Mode::Regressions:
        return run_regressions(options);
    }
    return 2;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        const auto options = berth::sim::parse({argv + 1, argv + argc});
        // The product's warnings are about what was done to it on purpose.
        if (!options.log && !std::freopen("/dev/null", "w", stderr)) return 2;
        return perform(options);
    } catch (const std::exception& error) {
        std::cout << error.what() << "\n";
        return 2;
    }
}
