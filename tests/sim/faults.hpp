#pragma once
// What goes wrong at the ports of a run. How often a port has trouble differs from run to run, and in some
// runs it has none.

#include "controller/base/json.hpp"
#include "tests/sim/scheduler.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

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

/// One that struck.
struct FaultSeen {
    std::int64_t at = 0; ///< ms since the run began
    std::string id;      ///< "docker#57": the 57th time that this port was asked
    std::string kind;    ///< "docker: done and the reply lost"
};
BOOST_DESCRIBE_STRUCT(FaultSeen, (), (at, id, kind))

/// Owned by the world. Each port has dice of its own and its draws have numbers: one that is left out changes
/// nothing about what the others are.
class Faults {
public:
    using Names = std::vector<std::string_view>;
    Faults(std::uint64_t seed, const FakeClock& clock);

    /// The second half of a run is for healing.
    void stop() { on_ = false; }
    /// Ids and kinds that do not strike, and whole ports ("docker").
    void leave_out(std::set<std::string> these) { without_ = std::move(these); }

    /// Which of `kinds` strikes now, if any; `weight` times as often as the port's own rate.
    std::optional<std::size_t> pick(const std::string& port, const Names& kinds, unsigned weight = 1);
    bool strikes(const std::string& port, std::string_view kind, unsigned weight = 1)
    {
        return pick(port, {kind}, weight).has_value();
    }
    CallFault draw(const std::string& port);
    /// How long a message is on its way.
    Duration latency();
    /// For what a fault needs to know beside its kind, such as for how long it lasts.
    Dice& dice(const std::string& port) { return ports_.at(port).dice; }

    const std::vector<FaultSeen>& seen() const noexcept { return seen_; }
    /// Told of each that strikes, by its kind.
    std::function<void(const std::string& kind)> on_strike = [](const std::string&) {};

private:
    struct Port {
        Dice dice;
        unsigned rate = 0; ///< per mille
        std::uint64_t asked = 0;
    };
    Tick begun_;
    const FakeClock& clock_;
    std::map<std::string, Port> ports_;
    Dice ways_; ///< of messages
    std::set<std::string> without_;
    std::vector<FaultSeen> seen_;
    bool slow_ = false;
    bool on_ = true;
};

} // namespace berth::sim
