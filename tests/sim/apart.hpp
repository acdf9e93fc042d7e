#pragma once
// Runs in processes of their own: one that crashes is a run that failed, and nothing is left over for the
// next.

#include "tests/sim/run.hpp"

namespace berth::sim {

Result run_apart(const Plan& plan);

/// Makes plan(0), plan(1), … until it gives nothing, `jobs` at a time, and hands out the results in that
/// order.
void run_each(unsigned jobs, const std::function<std::optional<Plan>(std::size_t)>& plan,
    const std::function<void(std::size_t, const Plan&, Result)>& done);

} // namespace berth::sim
