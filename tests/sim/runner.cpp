#include "tests/sim/runner.hpp"

#include "tests/sim/apart.hpp"
#include "tests/sim/planted.hpp"

#include <chrono>
#include <iostream>

namespace berth::sim {

int run_many(const Options& options)
{
    const auto begun = std::chrono::steady_clock::now();
    std::uint64_t failed = 0, steps = 0, virtual_ms = 0;
    const auto plan = [&](std::size_t number) -> std::optional<Plan> {
        if (number >= options.seeds || (failed && bug_is_planted())) return std::nullopt;
        auto made = options.plan;
        made.seed = options.from + number;
        return made;
    };
    const auto done = [&](std::size_t, const Plan& made, const Result& result) {
        steps += result.steps;
        virtual_ms += result.virtual_ms;
        const bool ok = result.problem.empty();
        failed += ok ? 0 : 1;
        if (ok && !options.tap) return;
        std::cout << (!options.tap ? ""
                         : ok      ? "ok - "
                                   : "not ok - ")
                  << "seed " << made.seed << (ok ? "" : ": ") << result.problem << std::endl;
    };
    run_each(options.jobs, plan, done);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    const auto* remark = options.tap ? "# " : "";
    std::cout << remark << steps << " steps, " << double(virtual_ms) / 3.6e6 << " simulated hours in "
              << took.count() << " s\n"
              << remark << options.seeds << " seeds, " << failed << " failed\n";
    return failed ? 1 : 0;
}

int run_single(const Options& options)
{
    const auto seed = options.plan.seed;
    const auto first = run_apart(options.plan);
    std::cout << "seed " << seed << ": " << (first.problem.empty() ? "all promises held" : first.problem)
              << "; trace " << std::hex << first.hash << std::dec << ", " << first.steps << " steps\n";
    auto quiet = options.plan;
    quiet.print = false;
    const auto second = run_apart(quiet);
    if (second.hash != first.hash)
        std::cout << "the same seed gave another run: " << std::hex << second.hash << "\n";
    return !first.problem.empty() || second.hash != first.hash ? 1 : 0;
}

} // namespace berth::sim
