#pragma once
// What goes wrong at the ports of a run: each kind is on or off for the whole run, so that runs differ in
// what they suffer from, and how often a kind strikes differs too.

#include "tests/sim/scheduler.hpp"

#include <map>
#include <string>
#include <string_view>

namespace berth::sim {

enum class CallFault {
    None,
    Refused,     ///< nothing was done, the caller knows it
    Hang,        ///< nothing was done, the caller's deadline passes
    LostAfter,   ///< done, the caller sees the connection break
    HangAfter,   ///< done, the caller's deadline passes
    ErrorBefore, ///< nothing was done, answered with 500
    ErrorAfter,  ///< done, answered with 500
};

/// Owned by the world.
class Faults {
public:
    explicit Faults(Scheduler& scheduler) : scheduler_(scheduler)
    {
        for (const auto* port : {"docker", "api", "s3", "traefik", "events", "engine", "berthd", "node"})
            rate_[port] = scheduler_.chance(600) ? unsigned(1 + scheduler_.below(60)) : 0;
        slow_ = scheduler_.chance(300);
    }
    /// The second half of a run is for healing.
    void stop() { on_ = false; }
    bool strikes(std::string_view port, unsigned weight = 1)
    {
        return on_ && scheduler_.chance(rate_.at(std::string(port)) * weight);
    }
    CallFault draw(std::string_view port)
    {
        if (!strikes(port)) return CallFault::None;
        return static_cast<CallFault>(1 + scheduler_.below(6));
    }
    /// How long a message is on its way.
    Duration latency()
    {
        const bool slow = on_ && slow_ && scheduler_.chance(20);
        return slow ? scheduler_.between(Duration{500}, Duration{15'000})
                    : scheduler_.between(Duration{0}, Duration{5});
    }

private:
    Scheduler& scheduler_;
    std::map<std::string, unsigned> rate_; ///< per mille, by port
    bool slow_ = false;
    bool on_ = true;
};

} // namespace berth::sim
