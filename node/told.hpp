#pragma once
// Objects as berthd tells them to the agent. Pure; any thread.

#include "api/types/meta.hpp"
#include "controller/base/log.hpp"

namespace berth {

/// Whether the object that was read holds what was sent at every place that has a problem: then only a rule
/// is broken, and rules are for those who write objects. A member that is left out has its default.
bool only_rules_are_broken(const json::value& sent, const json::value& read, const Problems& problems);

/// As decode_object with Unknown::Ignore, but an object that an older version has stored, and that breaks a
/// rule which came later, is read as it is: its files must be saved all the same. Throws Error{Invalid} for
/// what can't be read.
template <Kind K> K decode_told(const json::object& sent)
{
    K object{};
    Problems problems;
    auto rest = sent;
    rest.erase("apiVersion");
    rest.erase("kind");
    const json::value from(std::move(rest));
    decode_into(from, object, Unknown::Ignore, "", problems);
    if (problems.empty()) return object;
    if (!only_rules_are_broken(from, encode(object, Secrets::Show), problems))
        throw Error{std::move(problems)};
    log::debug("an object breaks a rule that is newer than it", {{"field", problems.front().field}});
    return object;
}

} // namespace berth
