#pragma once
// The moments at which a program changes the world: what it asks of the engine, what it commits, what it
// writes to object storage, what the agent tells berthd. They have numbers, and a program can be killed
// exactly before or exactly after one.

#include "controller/base/async.hpp"
#include "controller/base/json.hpp"

#include <deque>
#include <string>
#include <vector>

namespace berth::sim {

struct Crash {
    std::string victim; ///< "berthd" or "node"
    std::uint64_t at = 0;
    bool after = false;
};
BOOST_DESCRIBE_STRUCT(Crash, (), (victim, at, after))

/// Owned by the world.
class Effects {
public:
    /// Counts from now on, from 1. Of the crashes each but the first counts from the return of the victim
    /// before it.
    void begin(std::deque<Crash> crashes);
    /// What is counted from now on is not remembered.
    void end() { remembers_ = false; }
    /// The victim runs again.
    void returned();

    /// Around an effect of a program. Does not return in a program that is to be killed.
    awaitable<std::uint64_t> before(std::string actor, std::string what);
    awaitable<> after(std::string actor, std::uint64_t number);
    /// The same for what can't wait: whether its program is to be killed now.
    std::uint64_t enter(const std::string& actor, const std::string& what);
    bool strikes(std::uint64_t number, bool after);

    /// Who is to be killed when this step is over.
    std::string doomed;
    const std::vector<std::string>& seen() const noexcept { return seen_; }
    std::size_t crashes_left() const noexcept { return crashes_.size(); }

private:
    awaitable<> halt(std::string actor);
    std::deque<Crash> crashes_;
    std::vector<std::string> seen_;
    std::uint64_t count_ = 0;
    std::uint64_t base_ = 0; ///< the last one before the present counting
    bool remembers_ = false;
    bool armed_ = false;
};

} // namespace berth::sim
