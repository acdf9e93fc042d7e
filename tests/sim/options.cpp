// The command line.

#include "tests/sim/planted.hpp"
#include "tests/sim/runner.hpp"

#include <functional>
#include <stdexcept>

namespace berth::sim {

namespace {

using Mode = Options::Mode;

/// "berthd:before:12"
Crash crash_of(const std::string& text)
{
    const auto first = text.find(':'), second = text.rfind(':');
    if (first == std::string::npos || first == second)
        throw std::runtime_error("a crash is PROGRAM:before:N or PROGRAM:after:N, not " + text);
    return {text.substr(0, first), std::stoull(text.substr(second + 1)),
        text.substr(first + 1, second - first - 1) == "after"};
}

} // namespace

Options parse(const std::vector<std::string>& flags)
{
    Options options;
    options.seeds = 100;
    std::size_t at = 0;
    const auto text = [&] { return ++at < flags.size() ? flags[at] : ""; };
    const auto number = [&] { return std::stoull("0" + text()); };
    const std::map<std::string, std::function<void()>> known{
        {"--seeds", [&] { options.seeds = number(); }},
        {"--forever", [&] { options.seeds = 0; }},
        {"--from", [&] { options.from = number(); }},
        {"--jobs", [&] { options.jobs = unsigned(std::max(1ULL, number())); }},
        {"--seed", [&] { options.plan.seed = number(), options.mode = Mode::Single; }},
        {"--shrink", [&] { options.mode = Mode::Shrink; }},
        {"--crash-points", [&] { options.mode = Mode::CrashPoints; }},
        {"--twice", [&] { options.twice = true; }},
        {"--stale-views", [&] { options.mode = Mode::StaleViews; }},
        {"--regressions", [&] { options.mode = Mode::Regressions, options.file = text(); }},
        {"--scenario", [&] { options.plan.scenario = text(); }},
        {"--crash", [&] { options.plan.crashes.push_back(crash_of(text())); }},
        {"--stale-list", [&] { options.plan.stale_list = number(); }},
        {"--without", [&] { options.plan.without.insert(text()); }},
        {"--trace", [&] { options.plan.print = true; }},
        {"--log", [&] { options.log = true; }},
        {"--tap", [&] { options.tap = true; }},
        {"--planted",
            [&] {
                if (const auto bug = text(); !plant(bug))
                    throw std::runtime_error("no such bug in this program: " + bug);
            }},
    };
    for (; at < flags.size(); ++at) {
        const auto flag = known.find(flags[at]);
        if (flag == known.end()) throw std::runtime_error("unknown: " + flags[at]);
        flag->second();
    }
    return options;
}

std::string replay_of(const Plan& plan)
{
    auto text = "berth_sim --seed " + std::to_string(plan.seed);
    if (!plan.scenario.empty()) text += " --scenario " + plan.scenario;
    for (const auto& crash : plan.crashes)
        text +=
            " --crash " + crash.victim + (crash.after ? ":after:" : ":before:") + std::to_string(crash.at);
    if (plan.stale_list) text += " --stale-list " + std::to_string(plan.stale_list);
    for (const auto& fault : plan.without) text += " --without '" + fault + "'";
    return text;
}

} // namespace berth::sim
