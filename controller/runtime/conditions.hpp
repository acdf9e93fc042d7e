#pragma once
// The conditions that the runtime keeps for every kind: Ready and Stalled. Pure code; any thread.

#include "api/types/meta.hpp"

#include <exception>

namespace berth {

inline constexpr std::string_view kReadyCondition = "Ready";
inline constexpr std::string_view kStalledCondition = "Stalled";

/// A failed run, in the terms of a condition.
struct Failure {
    Errc code = Errc::Internal;
    std::string message;
    /// Trying again can't help until somebody changes something: Invalid, Denied, Quota.
    bool stalls() const noexcept;
};
/// What is not an Error of ours is Internal.
Failure failure_of(const std::exception_ptr& failure);
/// "Unavailable": the condition's reason.
const char* reason_of(Errc code) noexcept;

/// Takes the runtime's conditions out before a run, so that what is there afterwards was set by this run.
void drop_runtime_conditions(Conditions& conditions);

struct RunResult {
    std::int64_t generation = 0; ///< of the spec that the run saw
    bool deleting = false;
    std::optional<Failure> failure;
};
/// Puts the runtime's conditions back after a run, first in the list; `before` are the conditions before
/// drop_runtime_conditions (a time of transition moves only when the status does).
/// Success: Ready is what the reconciler has set in this run; when it has not, True (False while it is
/// deleted). Failure: Ready is False with the error's code and text; Stalled is True when trying again can't
/// help.
void conclude(Conditions& conditions, const Conditions& before, const RunResult& result, Time now);

} // namespace berth
