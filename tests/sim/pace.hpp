#pragma once
// How often the same is asked for: nothing may be tried again and again without a pause.

#include "controller/base/clock.hpp"

#include <map>
#include <string>

namespace berth::sim {

/// Owned by the world.
class Pace {
public:
    /// Whether this call is one too many. What looks closely at something lists it twice a second.
    bool too_fast(const std::string& call, Tick now)
    {
        auto& [since, count] = calls_[call];
        if (now - since > kWindow) {
            since = now;
            count = 0;
        }
        return ++count > kMost;
    }

private:
    static constexpr Duration kWindow = std::chrono::seconds{10};
    static constexpr int kMost = 200;
    std::map<std::string, std::pair<Tick, int>> calls_;
};

} // namespace berth::sim
