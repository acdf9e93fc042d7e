#pragma once
// After the trouble: an installation in which nothing goes wrong does at once what people ask for.

#include "tests/sim/judge.hpp"

namespace berth::sim {

/// Stops what runs, starts all again, and judges. Throws Violation.
void live_on(World& world, Users& users, const Judge& judge);

} // namespace berth::sim
