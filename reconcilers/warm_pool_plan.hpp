#pragma once
// The pure half of WarmPoolReconciler: from a pool and what is seen of its slots and nodes to slots that are
// made and removed, and a new status. No I/O, no clock, any thread. Claimed workspaces do not occur in it.

#include "api/types/warm_pool.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

/// Why something can't be, for programs and for people.
struct PoolTrouble {
    std::string reason;
    std::string message;
    bool operator==(const PoolTrouble&) const = default;
};

/// An unclaimed slot.
struct SlotFacts {
    std::string name;
    Phase phase = Phase::pending;
    bool deleting = false;
    bool stale = false;                 ///< made from another template, image or limit than would be used now
    bool useless = false;               ///< on its way to stopped, or there
    std::optional<PoolTrouble> trouble; ///< it failed, or will never start
    std::string node;
    std::optional<Time> warm_since; ///< while it is warm
    std::optional<Time> created;
    std::int64_t memory = 0; ///< bytes in use, 0 = not known
};
SlotFacts slot_facts(const Workspace& slot, const std::string& wanted_hash);

/// A node that takes work and reports.
struct PoolNode {
    std::string id;
    std::int64_t memory_total = 0;
    std::int64_t memory_used = 0;
    Time measured_at{};
};

struct PoolSeen {
    std::vector<SlotFacts> slots;
    std::vector<PoolNode> nodes;
    std::int64_t starting_elsewhere = 0; ///< slots of other pools whose memory is not in use yet
    bool users_wait = false;             ///< workspaces that belong to somebody are starting
    std::int64_t newly_claimed = 0;
    std::optional<PoolTrouble> obstacle; ///< no slot can be made
};

struct PoolPlan {
    WarmPoolStatus status;
    std::vector<std::string> remove;
    std::int64_t create = 0;
    std::optional<Duration> next_look;
};

PoolPlan plan_pool(const WarmPool& pool, const PoolSeen& seen, const PoolLimits& limits, Time now);

/// How long no slot is made after `failures` attempts in a row have failed.
Duration pool_back_off(std::int64_t failures, const PoolLimits& limits);

} // namespace berth
