// Every effect of the scenarios is a place to crash at, and every list one to be shown what was before.

#include "tests/sim/apart.hpp"
#include "tests/sim/runner.hpp"
#include "tests/sim/scenarios.hpp"

#include <iostream>

namespace berth::sim {

namespace {

std::vector<Plan> crash_points(const Plan& scenario, const Result& recorded, bool twice)
{
    std::vector<Plan> plans;
    Dice dice(scenario.seed, scenario.scenario);
    const auto add = [&](std::vector<Crash> crashes) {
        auto plan = scenario;
        plan.crashes = std::move(crashes);
        plans.push_back(std::move(plan));
    };
    for (std::uint64_t at = 1; at <= recorded.effects.size(); ++at)
        for (const auto* victim : {"berthd", "node"})
            for (const bool after : {false, true}) {
                const Crash first{victim, at, after};
                if (!twice) {
                    add({first});
                    continue;
                }
                // The first effects of the recovery, and one of the later ones.
                for (const auto again : {std::uint64_t(1), std::uint64_t(2), 3 + dice.below(15)})
                    add({first, {dice.chance(700) ? victim : "berthd", again, dice.chance(500)}});
            }
    return plans;
}

std::vector<Plan> stale_views(const Plan& scenario, const Result& recorded)
{
    std::vector<Plan> plans;
    for (std::uint64_t at = 1; at <= recorded.lists; ++at) {
        auto plan = scenario;
        plan.stale_list = at;
        plans.push_back(std::move(plan));
    }
    return plans;
}

void tell_failure(const Plan& plan, const Result& result, const Result& recorded, const char* remark)
{
    std::cout << remark << replay_of(plan) << ": " << result.problem << "\n";
    for (const auto& crash : plan.crashes)
        if (&crash == &plan.crashes.front() && crash.at <= recorded.effects.size())
            std::cout << remark << "  " << crash.victim << " is killed " << (crash.after ? "after" : "before")
                      << " \"" << recorded.effects[crash.at - 1] << "\"\n";
    std::cout.flush();
}

struct Sum {
    std::uint64_t points = 0;
    std::uint64_t failed = 0;
};

Sum run_points(const Options& options, const std::string& name, bool views)
{
    const auto* remark = options.tap ? "# " : "";
    auto plan = options.plan;
    plan.scenario = name;
    const auto recorded = run_apart(plan);
    Sum sum;
    if (!recorded.problem.empty()) {
        sum = {1, 1};
        tell_failure(plan, recorded, recorded, remark);
    } else {
        const auto plans = views ? stale_views(plan, recorded) : crash_points(plan, recorded, options.twice);
        const auto next = [&plans](std::size_t number) {
            return number < plans.size() ? std::optional{plans[number]} : std::nullopt;
        };
        const auto done = [&](std::size_t, const Plan& made, const Result& result) {
            ++sum.points;
            if (result.problem.empty()) return;
            ++sum.failed;
            tell_failure(made, result, recorded, remark);
        };
        run_each(options.jobs, next, done);
    }
    std::cout << (!options.tap    ? ""
                     : sum.failed ? "not ok - "
                                  : "ok - ")
              << name << ": " << sum.points
              << (views ? " lists that show what was before, " : " crash points, ") << sum.failed << " failed"
              << std::endl;
    return sum;
}

int run_scenarios(const Options& options, bool views)
{
    Sum all;
    for (const auto& scenario : scenarios()) {
        if (!options.plan.scenario.empty() && options.plan.scenario != scenario.name) continue;
        const auto sum = run_points(options, scenario.name, views);
        all.points += sum.points;
        all.failed += sum.failed;
    }
    std::cout << (options.tap ? "# " : "") << all.points << (views ? " stale views, " : " crash points, ")
              << all.failed << " failed\n";
    return all.failed || !all.points ? 1 : 0;
}

} // namespace

int run_crash_points(const Options& options) { return run_scenarios(options, false); }
int run_stale_views(const Options& options) { return run_scenarios(options, true); }

} // namespace berth::sim
