#include "tests/sim/runner.hpp"

#include "tests/sim/apart.hpp"
#include "tests/sim/planted.hpp"

#include "api/types/workspace.hpp"

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>

namespace berth::sim {

namespace {

/// What many runs come to.
class Tally {
public:
    explicit Tally(const Options& options) : options_(options) {}

    void add(const Plan& plan, const Result& result)
    {
        ++runs_;
        steps_ += result.steps;
        virtual_ms_ += result.virtual_ms;
        for (const auto& pair : result.reached) {
            reached_.insert(pair);
            kinds_.insert(pair.substr(pair.find(' ') + 1));
        }
        const bool ok = result.problem.empty();
        failed_ += ok ? 0 : 1;
        if (!ok || options_.tap) tell(plan, result);
        if (unbounded() && ::isatty(STDOUT_FILENO)) show_progress(plan.seed);
    }
    std::uint64_t failed() const noexcept { return failed_; }
    void finish() const
    {
        const auto* remark = options_.tap ? "# " : "";
        constexpr auto phases = boost::mp11::mp_size<boost::describe::describe_enumerators<Phase>>::value;
        std::cout << remark << steps_ << " steps, " << hours() << " simulated hours in " << seconds()
                  << " s\n"
                  << remark << "coverage: " << reached_.size() << " of " << kinds_.size() * phases
                  << " pairs of a fault and the phase of a workspace that it struck in\n"
                  << remark << runs_ << " seeds, " << failed_ << " failed\n";
    }

private:
    bool unbounded() const { return options_.seeds == 0; }
    double hours() const { return double(virtual_ms_) / 3.6e6; }
    double seconds() const
    {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
    }
    void tell(const Plan& plan, const Result& result) const
    {
        const bool ok = result.problem.empty();
        std::cout << (unbounded() ? "\r\033[K" : "")
                  << (!options_.tap ? ""
                         : ok       ? "ok - "
                                    : "not ok - ")
                  << "seed " << plan.seed;
        if (!ok)
            std::cout << ": " << result.problem << "\n"
                      << (options_.tap ? "# " : "  ") << "again: " << replay_of(plan)
                      << " --trace; in short: --shrink";
        std::cout << std::endl;
    }
    void show_progress(std::uint64_t seed) const
    {
        std::cout << "\r\033[Kseed " << seed << ": " << runs_ << " runs, " << failed_ << " failed, "
                  << hours() << " simulated hours, " << double(runs_) * 60 / seconds() << " seeds a minute"
                  << std::flush;
    }

    const Options& options_;
    const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
    std::uint64_t runs_ = 0, failed_ = 0, steps_ = 0, virtual_ms_ = 0;
    std::set<std::string> reached_, kinds_;
};

/// As a shell would: 'of more words' is one.
std::vector<std::string> words_of(const std::string& line)
{
    std::vector<std::string> words;
    std::string word;
    bool quoted = false;
    for (const char letter : line + " ") {
        if (letter == '\'') {
            quoted = !quoted;
        } else if (letter != ' ' || quoted) {
            word += letter;
        } else if (!word.empty()) {
            words.push_back(std::exchange(word, ""));
        }
    }
    return words;
}

} // namespace

int run_many(const Options& options)
{
    Tally tally(options);
    const auto plan = [&](std::size_t number) -> std::optional<Plan> {
        const bool enough = options.seeds > 0 && number >= options.seeds;
        if (enough || (tally.failed() && bug_is_planted())) return std::nullopt;
        auto made = options.plan;
        made.seed = options.from + number;
        return made;
    };
    run_each(options.jobs, plan,
        [&](std::size_t, const Plan& made, const Result& result) { tally.add(made, result); });
    tally.finish();
    return tally.failed() ? 1 : 0;
}

int run_regressions(const Options& options)
{
    std::ifstream file(options.file);
    if (!file) throw std::runtime_error("can't read " + options.file);
    std::vector<std::pair<Plan, std::string>> known;
    for (std::string line; std::getline(file, line);) {
        const auto remark = line.find('#');
        const auto words = words_of(line.substr(0, remark));
        if (words.empty()) continue;
        known.emplace_back(parse(words).plan, remark == std::string::npos ? "" : line.substr(remark + 1));
    }
    std::uint64_t failed = 0;
    const auto plan = [&](std::size_t number) {
        return number < known.size() ? std::optional{known[number].first} : std::nullopt;
    };
    const auto done = [&](std::size_t number, const Plan& made, const Result& result) {
        const bool ok = result.problem.empty();
        failed += ok ? 0 : 1;
        std::cout << (!options.tap ? ""
                         : ok      ? "ok - "
                                   : "not ok - ")
                  << "once" << known[number].second << " (" << replay_of(made) << ")" << (ok ? "" : ": ")
                  << result.problem << std::endl;
    };
    run_each(options.jobs, plan, done);
    std::cout << (options.tap ? "# " : "") << known.size() << " regressions, " << failed << " failed\n";
    return failed || known.empty() ? 1 : 0;
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
