#pragma once
// Keeps each WarmPool filled: makes slots in the background, a few at a time, and takes away those that
// failed, that are of an old kind, or whose memory somebody else needs. It knows unclaimed slots only, by
// their label; the moment a claim takes the label off, the workspace is none of its business. What it means
// to run is WorkspaceReconciler's.

#include "api/types/warm_pool.hpp"
#include "controller/runtime/action.hpp"
#include "controller/runtime/sources.hpp"
#include "reconcilers/warm_pool_plan.hpp"

namespace berth {

struct Metrics;

/// Owned by main; lives on the I/O thread. One worker: pools share the memory that they look at. Deleting a
/// pool needs no help: its slots name it as their owner.
class WarmPoolReconciler {
public:
    WarmPoolReconciler(Store& store, Clock& clock, PoolSettings settings, Metrics* metrics = nullptr);

    static void watch(Sources<WarmPool>& on);
    awaitable<Action> reconcile(WarmPool& pool);

private:
    PoolSeen look(const WarmPool& pool, const std::string& hash) const;
    void measure(const WarmPool& pool, const WarmPoolStatus& before) const;
    std::vector<std::string> slots_of(const WarmPool& pool) const;
    void look_at_others(const WarmPool& pool, PoolSeen& seen) const;
    std::vector<PoolNode> rooms() const;
    std::int64_t count_claimed(const WarmPool& pool, const PoolSeen& seen) const;
    /// The flavor that slots get now; nothing when the template is missing.
    std::optional<WorkspaceTemplateSpec> flavor(const WarmPool& pool) const;

    Store& store_;
    Clock& clock_;
    PoolSettings settings_;
    Metrics* metrics_; ///< may be null
};

/// Makes the pool `default`, or gives it another size when PRE_WARMED_QUEUE_SIZE is another one than at the
/// last start; what an admin has changed meanwhile stays. Call at the start.
awaitable<> ensure_default_pool(Store& store, std::int64_t size);

} // namespace berth
