#include "tests/sim/faults.hpp"

namespace berth::sim {

Faults::Faults(std::uint64_t seed, const FakeClock& clock)
    : begun_(clock.tick()),
      clock_(clock),
      ways_(seed, "ways of messages")
{
    for (const auto* port :
        {"docker", "api", "s3", "traefik", "events", "engine", "berthd", "node", "lists"}) {
        Dice dice(seed, port);
        const auto rate = dice.chance(600) ? unsigned(1 + dice.below(60)) : 0;
        ports_.insert({port, {dice, rate, 0}});
    }
    slow_ = ways_.chance(300);
}

std::optional<std::size_t> Faults::pick(const std::string& port, const Names& kinds, unsigned weight)
{
    auto& [dice, rate, asked] = ports_.at(port);
    ++asked;
    // Both are drawn each time: the next draw is the same one whatever becomes of this.
    const bool hit = dice.chance(rate * weight);
    const auto which = dice.below(kinds.size());
    if (!hit || !on_) return std::nullopt;
    const auto id = port + "#" + std::to_string(asked);
    const auto kind = port + ": " + std::string(kinds[which]);
    if (without_.contains(id) || without_.contains(kind) || without_.contains(port)) return std::nullopt;
    seen_.push_back({(clock_.tick() - begun_).count(), id, kind});
    on_strike(kind);
    return which;
}

CallFault Faults::draw(const std::string& port)
{
    static const Names names{
        "refused", "hangs", "done and the reply lost", "done and it hangs", "500 before", "500 after"};
    const auto which = pick(port, names);
    return which ? static_cast<CallFault>(1 + *which) : CallFault::None;
}

Duration Faults::latency()
{
    const bool slow = ways_.chance(20) && slow_ && on_;
    const auto usual = ways_.between(Duration{0}, Duration{5});
    const auto long_one = ways_.between(Duration{500}, Duration{15'000});
    return slow && !without_.contains("slow-messages") ? long_one : usual;
}

} // namespace berth::sim
