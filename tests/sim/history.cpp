#include "tests/sim/history.hpp"

#include <algorithm>
#include <set>

namespace berth::sim {

namespace {

using Verb = Operation::Verb;
using Answer = Operation::Answer;

/// Steps of a search that goes on for too long.
constexpr std::size_t kPatience = 50'000;
constexpr int kNothing = -1;

/// The search for an order. What there is is told by the number of the operation that wrote it.
class Search {
public:
    explicit Search(const std::vector<Operation>& operations) : operations_(operations) {}
    std::string run();

private:
    /// What is read and told must have been written, under one version each; empty when it is so.
    std::string learn();
    struct Place {
        std::vector<bool> done;
        int there = kNothing;
        std::uint64_t latest_call = 0; ///< of those that are done
        std::size_t answered = 0;
        bool operator<(const Place& other) const
        {
            return std::tie(there, latest_call, done) < std::tie(other.there, other.latest_call, other.done);
        }
    };
    bool explore(const Place& place);
    /// What is there after the operation; nothing when it can't have had its answer now.
    std::optional<int> step(const Operation& operation, int number, int there) const;
    bool holds(const Operation& operation, int there) const;

    const std::vector<Operation>& operations_;
    std::map<std::string, int> writers_;
    std::map<std::string, std::string> versions_; ///< by value
    std::set<Place> seen_;
    Place best_;
    std::size_t answered_ = 0;
};

bool writes(const Operation& one)
{
    return one.verb == Verb::Create || one.verb == Verb::Put || one.verb == Verb::Patch;
}

std::string Search::learn()
{
    for (std::size_t i = 0; i < operations_.size(); ++i)
        if (writes(operations_[i])) writers_[operations_[i].value] = int(i);
    for (const auto& one : operations_) {
        if (one.answer != Answer::Unknown) ++answered_;
        if (one.answer != Answer::Ok || one.verb == Verb::Delete) continue;
        if (!writers_.contains(one.value)) return "nobody wrote what was read: " + describe(one);
        const auto [known, fresh] = versions_.emplace(one.value, one.version);
        if (!fresh && known->second != one.version) return "one value has two versions: " + describe(one);
    }
    return "";
}

bool Search::holds(const Operation& one, int there) const
{
    if (one.expected.empty()) return true;
    if (there == kNothing) return false;
    const auto version = versions_.find(operations_[std::size_t(there)].value);
    return version != versions_.end() && version->second == one.expected;
}

std::optional<int> Search::step(const Operation& one, int number, int there) const
{
    const bool something = there != kNothing;
    const bool fits = one.verb == Verb::Create ? !something
                      : one.verb == Verb::Put  ? holds(one, there)
                                               : something && holds(one, there);
    const int after = one.verb == Verb::Get ? there : one.verb == Verb::Delete ? kNothing : number;
    switch (one.answer) {
    case Answer::Ok:
        if (one.verb == Verb::Get)
            return something && writers_.at(one.value) == there ? std::optional(there) : std::nullopt;
        return fits ? std::optional(after) : std::nullopt;
    case Answer::Absent:
        return something ? std::nullopt : std::optional(there);
    case Answer::Refused: {
        const bool refusable = one.verb == Verb::Create || one.verb == Verb::Put ? !fits : something && !fits;
        return refusable ? std::optional(there) : std::nullopt;
    }
    case Answer::Unknown:
        return fits && one.verb != Verb::Get ? std::optional(after) : std::nullopt;
    }
    return std::nullopt;
}

bool Search::explore(const Place& place)
{
    if (place.answered > best_.answered) best_ = place;
    if (place.answered == answered_) return true;
    if (seen_.size() > kPatience || !seen_.insert(place).second) return seen_.size() > kPatience;
    auto first_answer = Operation::kNever; // what was called after it comes after it
    for (std::size_t i = 0; i < operations_.size(); ++i)
        if (!place.done[i] && operations_[i].answer != Answer::Unknown)
            first_answer = std::min(first_answer, operations_[i].returned);
    for (std::size_t i = 0; i < operations_.size(); ++i) {
        const auto& one = operations_[i];
        if (one.called > first_answer) break;
        if (place.done[i] || one.returned < place.latest_call) continue;
        const auto there = step(one, int(i), place.there);
        if (!there) continue;
        auto next = place;
        next.done[i] = true;
        next.there = *there;
        next.latest_call = std::max(next.latest_call, one.called);
        next.answered += one.answer != Answer::Unknown ? 1 : 0;
        if (explore(next)) return true;
    }
    return false;
}

std::string Search::run()
{
    if (auto problem = learn(); !problem.empty()) return problem;
    Place begin;
    begin.done.resize(operations_.size());
    best_ = begin;
    if (explore(begin)) return "";
    std::string text = best_.there == kNothing
                           ? "with nothing there"
                           : "with what came of " + describe(operations_[std::size_t(best_.there)]);
    text += ", none of these fits:";
    int told = 0;
    for (std::size_t i = 0; i < operations_.size() && told < 6; ++i) {
        if (best_.done[i] || operations_[i].answer == Answer::Unknown) continue;
        ++told;
        text += (told > 1 ? ";" : "") + std::string(" ") + describe(operations_[i]);
    }
    return text;
}

} // namespace

std::string describe(const Operation& one)
{
    static constexpr const char* kVerbs[] = {"get", "create", "put", "patch", "delete"};
    static constexpr const char* kAnswers[] = {"ok", "absent", "refused", "unknown"};
    auto text = one.client + " " + kVerbs[int(one.verb)];
    if (!one.value.empty()) text += " " + one.value;
    if (!one.expected.empty()) text += " if " + one.expected;
    text += std::string(" -> ") + kAnswers[int(one.answer)];
    if (!one.version.empty()) text += " " + one.version;
    const auto returned = one.returned == Operation::kNever ? std::string("…") : std::to_string(one.returned);
    return text + " (" + std::to_string(one.called) + "-" + returned + ", at " +
           std::to_string(one.at.time_since_epoch().count()) + ")";
}

std::string contradiction_in(const std::vector<Operation>& operations) { return Search(operations).run(); }

std::size_t History::call(const std::string& key, Operation operation)
{
    auto& operations = keys_[key];
    operation.called = ++now_;
    operations.push_back(std::move(operation));
    return operations.size() - 1;
}

void History::answer(
    const std::string& key, std::size_t number, Operation::Answer answer, bool may_still_happen)
{
    auto& operation = at(key, number);
    operation.answer = answer;
    if (!may_still_happen) operation.returned = ++now_;
}

std::string History::contradiction() const
{
    for (const auto& [key, operations] : keys_)
        if (auto problem = contradiction_in(operations); !problem.empty()) return key + ": " + problem;
    return "";
}

std::size_t History::size() const
{
    std::size_t sum = 0;
    for (const auto& [key, operations] : keys_) sum += operations.size();
    return sum;
}

} // namespace berth::sim
