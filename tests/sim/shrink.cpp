// A run that failed, with as few faults as the same promise is broken by, told so that a person understands
// it.

#include "tests/sim/apart.hpp"
#include "tests/sim/runner.hpp"

#include <iomanip>
#include <iostream>

namespace berth::sim {

namespace {

/// "I6 no-removal-before-it-is-saved" of "I6 no-removal-before-it-is-saved: …".
std::string invariant_of(const Result& result) { return result.problem.substr(0, result.problem.find(": ")); }

/// Where a run's clock begins, in ms.
constexpr std::int64_t kBegin = 3'600'000;

std::string moment(std::int64_t at)
{
    char text[32];
    std::snprintf(text, sizeof text, "%4lld.%03lld s", static_cast<long long>(at / 1000),
        static_cast<long long>(at % 1000));
    return text;
}

class Shrinker {
public:
    Shrinker(Plan plan, Result first) : plan_(std::move(plan)), result_(std::move(first)) {}

    /// Leaves out as much as it can: first whole ports and kinds, then halves of what is left, then single
    /// ones.
    void shrink()
    {
        for (const auto* port : {"docker", "api", "s3", "traefik", "events", "engine", "berthd", "node",
                 "lists", "slow-messages"})
            without({port});
        std::set<std::string> kinds;
        for (const auto& fault : result_.faults) kinds.insert(fault.kind);
        for (const auto& kind : kinds) without({kind});
        for (auto piece = std::max<std::size_t>(1, result_.faults.size() / 2);; piece /= 2) {
            for (std::size_t at = 0; at < result_.faults.size();) {
                const auto end = std::min(at + piece, result_.faults.size());
                std::set<std::string> ids;
                for (auto i = at; i < end; ++i) ids.insert(result_.faults[i].id);
                if (!without(ids)) at = end;
            }
            if (piece <= 1) break;
        }
    }
    const Plan& plan() const noexcept { return plan_; }
    const Result& result() const noexcept { return result_; }
    unsigned runs() const noexcept { return runs_; }

private:
    /// False: then it does not fail, or differently.
    bool without(const std::set<std::string>& these)
    {
        auto plan = plan_;
        plan.without.insert(these.begin(), these.end());
        ++runs_;
        auto result = run_apart(plan);
        if (invariant_of(result) != invariant_of(result_)) return false;
        plan_ = std::move(plan);
        result_ = std::move(result);
        return true;
    }
    Plan plan_;
    Result result_;
    unsigned runs_ = 1;
};

void tell(const Result& result)
{
    std::cout << "broken: " << invariant_of(result) << "\n"
              << "seen:   "
              << result.problem.substr(std::min(result.problem.size(), invariant_of(result).size() + 2))
              << "\n\nfaults, in their order:\n";
    for (const auto& fault : result.faults)
        std::cout << "  " << moment(fault.at) << "  " << fault.kind << "  (" << fault.id << ")\n";
    if (result.faults.empty()) std::cout << "  none\n";
    std::cout << "\nthe last steps of the objects involved:\n";
    for (const auto& line : result.story) {
        const auto space = line.find(' ');
        const auto at = std::stoll(line.substr(0, space)) - kBegin;
        std::cout << "  " << moment(at) << line.substr(space, 200) << "\n";
    }
}

} // namespace

int run_shrink(const Options& options)
{
    auto plan = options.plan;
    plan.print = false;
    auto first = run_apart(plan);
    if (first.problem.empty()) {
        std::cout << "seed " << plan.seed << ": all promises held\n";
        return 0;
    }
    const auto before = first.faults.size();
    Shrinker shrinker(std::move(plan), std::move(first));
    shrinker.shrink();
    tell(shrinker.result());
    std::cout << "\n"
              << before << " faults, of which " << shrinker.result().faults.size() << " are needed; "
              << shrinker.runs() << " runs\nreplay: " << replay_of(shrinker.plan()) << " --trace\n";
    return 1;
}

} // namespace berth::sim
