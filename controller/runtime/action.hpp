#pragma once
// What a reconciler answers: look again after a while, or wait until something changes.

#include "controller/base/time.hpp"

#include <optional>

namespace berth {

/// From reconcile(): when to look again although nothing changed. From finalize(): wait() means that nothing
/// is left to clean up, so the finalizer is dropped; again() means not yet.
struct Action {
    std::optional<Duration> after;

    static Action wait() { return {}; }
    static Action again(Duration after) { return {after}; }
    bool operator==(const Action&) const = default;
};

} // namespace berth
