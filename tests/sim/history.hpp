#pragma once
// What clients asked of the API and what they were told, and whether one order of it all explains the
// answers: a checker in the manner of Wing and Gong for objects that are made, written under a condition,
// read and deleted.

#include "controller/base/time.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth::sim {

struct Operation {
    enum class Verb {
        Get,
        Create, ///< only if there is nothing
        Put,    ///< whether there is something or not
        Patch,  ///< only if there is something
        Delete
    };
    enum class Answer {
        Ok,
        Absent,  ///< there is nothing
        Refused, ///< what there is is not what was expected
        Unknown  ///< no answer came: it was done, once, or it was not
    };
    static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

    std::string client{};
    Verb verb = Verb::Get;
    std::string expected{}; ///< the version that must be there; empty: any
    std::string value{};    ///< written, or read; each is written once only
    std::string version{};  ///< that was answered
    Answer answer = Answer::Unknown;
    Tick at{};
    std::uint64_t called = 0;        ///< one number for each call and each answer, in their order
    std::uint64_t returned = kNever; ///< for Unknown: when it can't happen any more
};

std::string describe(const Operation& operation);

/// Owned by the run.
class History {
public:
    /// Gives the number of the operation.
    std::size_t call(const std::string& key, Operation operation);
    void answer(
        const std::string& key, std::size_t number, Operation::Answer answer, bool may_still_happen = false);
    Operation& at(const std::string& key, std::size_t number) { return keys_.at(key).at(number); }
    /// What no order explains; empty when there is one for each key.
    std::string contradiction() const;
    std::size_t size() const;

private:
    std::map<std::string, std::vector<Operation>> keys_;
    std::uint64_t now_ = 0;
};

/// The same for the operations on one key, in the order in which they were called. A search that gets too
/// long is given up, and finds nothing.
std::string contradiction_in(const std::vector<Operation>& operations);

} // namespace berth::sim
