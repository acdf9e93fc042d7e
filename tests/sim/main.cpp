// Runs seeds, each in a process of its own, and says which promises held.
//   berth_sim --seeds N [--from N] [--jobs N] [--tap]   that many; a line for each failure (or for each run);
//   exit 1
//                                                       when one fails
//   berth_sim --seed N [--trace] [--log]                one, twice: it must be the same run; told step by
//   step
//   --planted NAME     berth_sim_planted only: with that bug in the product; the first failure ends the run
//   --without FAULT    (any number of times) leaves out a fault ("docker#57"), a kind ("docker: refused") or
//   a port

#include "tests/sim/planted.hpp"
#include "tests/sim/runner.hpp"

#include <iostream>

int main(int argc, char** argv)
{
    using namespace berth::sim;
    Options options;
    bool single = false, verbose = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        const auto text = [&] { return std::string(i + 1 < argc ? argv[++i] : "0"); };
        const auto number = [&] { return std::stoull(text()); };
        if (flag == "--seeds")
            options.seeds = number();
        else if (flag == "--from")
            options.from = number();
        else if (flag == "--jobs")
            options.jobs = unsigned(std::max(1ULL, number()));
        else if (flag == "--seed")
            options.plan.seed = number(), single = true;
        else if (flag == "--without")
            options.plan.without.insert(text());
        else if (flag == "--trace")
            options.plan.print = true;
        else if (flag == "--log")
            verbose = true;
        else if (flag == "--planted") {
            if (const auto bug = text(); !plant(bug))
                return std::cerr << bug << ": no such bug in this program\n", 2;
        } else if (flag == "--tap")
            options.tap = true;
        else
            return std::cerr << "unknown: " << flag << "\n", 2;
    }
    if (!options.seeds) options.seeds = 100;
    // The product's warnings are about what was done to it on purpose.
    if (!verbose && !std::freopen("/dev/null", "w", stderr)) return 2;
    return single ? run_single(options) : run_many(options);
}
