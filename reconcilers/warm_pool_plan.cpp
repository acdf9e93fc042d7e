#include "reconcilers/warm_pool_plan.hpp"

#include "controller/base/planted.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace berth {

namespace {

class PoolPlanner {
public:
    PoolPlanner(const WarmPool& pool, const PoolSeen& seen, const PoolLimits& limits, Time now)
        : pool_(pool),
          seen_(seen),
          limits_(limits),
          now_(now),
          st_(plan_.status)
    {
        st_ = pool.status;
        for (const auto& slot : seen.slots)
            if (!slot.deleting) live_.push_back(&slot);
        leaving_ = std::int64_t(seen.slots.size() - live_.size());
    }
    PoolPlan plan();

private:
    void drop_useless();
    void judge_breaker(const std::vector<PoolTrouble>& troubles);
    void yield_memory();
    void yield_on(const PoolNode& node);
    void shrink();
    void replace_stale();
    void grow();
    void conclude();
    void set(std::string_view type, bool value, std::string reason, std::string message);
    void remove(const SlotFacts* slot);

    bool resting() const { return st_.failures > 0 && st_.retryAt && now_ < *st_.retryAt; }
    Duration pause() const;
    std::int64_t slot_memory() const;
    std::int64_t room() const;
    std::int64_t unmeasured() const;
    std::int64_t warm(bool stale) const;
    std::int64_t starting() const;
    std::vector<const SlotFacts*> least_missed() const;

    const WarmPool& pool_;
    const PoolSeen& seen_;
    const PoolLimits& limits_;
    const Time now_;
    std::vector<const SlotFacts*> live_; ///< neither going nor removed by this plan
    std::int64_t leaving_ = 0;
    std::int64_t missing_for_memory_ = 0;
    PoolPlan plan_;
    WarmPoolStatus& st_;
};

PoolPlan PoolPlanner::plan()
{
    st_.wanted = pool_size_at(pool_.spec, now_);
    st_.claimed += seen_.newly_claimed;
    if (seen_.newly_claimed > 0) st_.lastClaimAt = now_;
    drop_useless();
    yield_memory();
    shrink();
    replace_stale();
    grow();
    conclude();
    return std::move(plan_);
}

void PoolPlanner::remove(const SlotFacts* slot)
{
    plan_.remove.push_back(slot->name);
    std::erase(live_, slot);
    ++leaving_;
}

std::int64_t PoolPlanner::warm(bool stale) const
{
    return std::count_if(live_.begin(), live_.end(),
        [&](const SlotFacts* slot) { return slot->phase == Phase::warm && slot->stale == stale; });
}

std::int64_t PoolPlanner::starting() const
{
    return std::count_if(
        live_.begin(), live_.end(), [](const SlotFacts* slot) { return slot->phase != Phase::warm; });
}

/// In the order in which they are given up: not ready yet, of no use any more, the youngest.
std::vector<const SlotFacts*> PoolPlanner::least_missed() const
{
    auto order = live_;
    const auto worth = [](const SlotFacts* slot) {
        return std::tuple(slot->phase == Phase::warm, !slot->stale);
    };
    std::stable_sort(order.begin(), order.end(), [&](const SlotFacts* left, const SlotFacts* right) {
        if (worth(left) != worth(right)) return worth(left) < worth(right);
        return left->created > right->created;
    });
    return order;
}

void PoolPlanner::drop_useless()
{
    std::vector<PoolTrouble> troubles;
    for (const auto* slot : std::vector(live_)) {
        if (slot->trouble) troubles.push_back(*slot->trouble);
        if (slot->trouble || slot->useless) remove(slot);
    }
    judge_breaker(troubles);
}

/// Several slots that fail together are one failure; a slot that became warm since is the end of it.
void PoolPlanner::judge_breaker(const std::vector<PoolTrouble>& troubles)
{
    if (!troubles.empty()) {
        if (!resting()) {
            ++st_.failures;
            st_.retryAt = now_ + pool_back_off(st_.failures, limits_);
        }
        st_.lastFailureAt = now_;
        set("Degraded", true, troubles.front().reason,
            "a slot could not be made: " + troubles.front().message + "; tried again ever less often");
        return;
    }
    const bool works = std::any_of(live_.begin(), live_.end(), [&](const SlotFacts* slot) {
        return slot->warm_since && st_.lastFailureAt && *slot->warm_since > *st_.lastFailureAt;
    });
    if (!works) return;
    st_.failures = 0;
    st_.retryAt.reset();
}

std::int64_t PoolPlanner::slot_memory() const
{
    std::int64_t most = limits_.slot_memory;
    for (const auto& slot : seen_.slots) most = std::max(most, slot.memory);
    return most;
}

void PoolPlanner::yield_memory()
{
    for (const auto& node : seen_.nodes) yield_on(node);
}

/// Gives up as many slots as their memory is worth, once per measurement.
void PoolPlanner::yield_on(const PoolNode& node)
{
    const auto& before = pool_.status.lastYieldAt;
    if (before && node.measured_at < *before + limits_.measure_lag) return;
    const auto on_node = [&](const SlotFacts& slot) { return slot.node == node.id; };
    const auto leaving = std::count_if(seen_.slots.begin(), seen_.slots.end(),
        [&](const SlotFacts& slot) { return slot.deleting && on_node(slot); });
    const auto allowed = std::int64_t(double(node.memory_total) * limits_.yield_above_percent / 100);
    const auto excess = node.memory_used - allowed - leaving * slot_memory();
    if (excess <= 0) return;
    auto count = (excess + slot_memory() - 1) / slot_memory();
    for (const auto* slot : least_missed()) {
        if (count == 0) break;
        if (!on_node(*slot)) continue;
        remove(slot);
        st_.lastYieldAt = now_;
        --count;
    }
}

void PoolPlanner::shrink()
{
    auto surplus = std::int64_t(live_.size()) - st_.wanted;
    for (const auto* slot : least_missed()) {
        if (surplus-- <= 0) break;
        remove(slot);
    }
}

/// Never so many at a time that the pool is empty meanwhile, and none while new ones can't be made.
void PoolPlanner::replace_stale()
{
    for (const auto* slot : std::vector(live_))
        if (slot->stale && slot->phase != Phase::warm) remove(slot);
    if (seen_.obstacle || st_.failures > 0) return;
    const auto share = std::int64_t(std::floor(double(st_.wanted) * limits_.stale_share));
    auto allowed = std::max<std::int64_t>(1, share) - (st_.wanted - warm(true) - warm(false));
    for (const auto* slot : std::vector(live_)) {
        if (allowed <= 0) break;
        if (!slot->stale) continue;
        remove(slot);
        --allowed;
    }
}

/// Slots whose memory no measurement of their node can show yet.
std::int64_t PoolPlanner::unmeasured() const
{
    Time measured = now_;
    for (const auto& node : seen_.nodes) measured = std::min(measured, node.measured_at);
    const auto fresh = std::count_if(live_.begin(), live_.end(), [&](const SlotFacts* slot) {
        return slot->phase != Phase::warm || (slot->warm_since && *slot->warm_since >= measured);
    });
    return fresh + seen_.starting_elsewhere;
}

/// How many more slots the memory of the nodes has place for.
std::int64_t PoolPlanner::room() const
{
    std::int64_t slots = 0;
    for (const auto& node : seen_.nodes) {
        const auto allowed = std::int64_t(double(node.memory_total) * limits_.grow_below_percent / 100);
        slots += std::max<std::int64_t>(0, (allowed - node.memory_used) / slot_memory());
    }
    return std::max<std::int64_t>(0, slots - unmeasured());
}

/// How long no slot is made because of a claim.
Duration PoolPlanner::pause() const
{
    if (!st_.lastClaimAt || warm(false) * 2 < st_.wanted) return Duration{0};
    return std::max<Duration>(*st_.lastClaimAt + limits_.claim_pause - now_, Duration{0});
}

void PoolPlanner::grow()
{
    const auto there = planted("pool.counts-only-warm") ? warm(false) : std::int64_t(live_.size());
    const auto missing = st_.wanted - there;
    if (missing <= 0 || seen_.obstacle || resting() || pause() > Duration{0}) return;
    auto fits = std::min(missing, room());
    missing_for_memory_ = missing - fits;
    if (pool_.spec.maximum > 0)
        fits = std::min(fits, pool_.spec.maximum - std::int64_t(live_.size()) - leaving_);
    const bool probing = st_.failures > 0; // half-open: one that shows whether it works again
    const std::int64_t at_once = probing || seen_.users_wait ? 1 : limits_.starting_at_once;
    plan_.create = std::clamp<std::int64_t>(at_once - starting(), 0, std::max<std::int64_t>(0, fits));
}

void PoolPlanner::set(std::string_view type, bool value, std::string reason, std::string message)
{
    Condition condition;
    condition.type = type;
    condition.status = value ? ConditionStatus::True : ConditionStatus::False;
    condition.reason = std::move(reason);
    condition.message = std::move(message);
    condition.observedGeneration = pool_.metadata.generation;
    set_condition(st_.conditions, std::move(condition), now_);
}

void PoolPlanner::conclude()
{
    st_.ready = warm(false);
    st_.stale = warm(true);
    st_.starting = starting() + plan_.create;
    if (st_.failures == 0) {
        const auto short_by = std::to_string(missing_for_memory_);
        if (seen_.obstacle)
            set("Degraded", true, seen_.obstacle->reason, seen_.obstacle->message);
        else if (missing_for_memory_ > 0 && seen_.nodes.empty())
            set("Degraded", true, "NoNodes", "no node that takes work has said how much memory it has");
        else if (missing_for_memory_ > 0)
            set("Degraded", true, "ShortOfMemory",
                "no node has memory to spare for " + short_by + " more slots");
        else
            set("Degraded", false, "AsExpected", "");
    }
    if (!find_condition(st_.conditions, "Degraded"))
        set("Degraded", true, "Failed", "a slot could not be made");
    const auto so_far = std::to_string(st_.ready) + " of " + std::to_string(st_.wanted) + " slots are ready";
    const bool full = st_.ready >= st_.wanted;
    const bool degraded = find_condition(st_.conditions, "Degraded")->status == ConditionStatus::True;
    set("Ready", full, full ? "Filled" : degraded ? "Degraded" : "Filling", so_far);
    if (resting())
        plan_.next_look = std::chrono::duration_cast<Duration>(*st_.retryAt - now_);
    else if (!full || !pool_.spec.schedule.empty())
        plan_.next_look = pause() > Duration{0} ? std::min(pause(), limits_.look) : limits_.look;
}

bool has_label(const Workspace& slot, std::string_view name, const std::string& value)
{
    const auto found = slot.metadata.labels.find(std::string(name));
    return found != slot.metadata.labels.end() && found->second == value;
}

/// Docker's own verdict comes long before the start's deadline.
std::optional<PoolTrouble> trouble_of(const Workspace& slot)
{
    const auto& status = slot.status;
    if (status.phase == Phase::failed) {
        const auto* failed = find_condition(status.conditions, "Failed");
        return failed ? PoolTrouble{failed->reason, failed->message} : PoolTrouble{"Failed", status.message};
    }
    if (status.phase != Phase::starting) return std::nullopt;
    const auto* placed = find_condition(status.conditions, "Placed");
    if (!placed || placed->status != ConditionStatus::False) return std::nullopt;
    // Other reasons only say what it waits for.
    constexpr std::array kVerdicts{"ImageMissing", "NoNodeFits", "TaskRejected", "ServiceRefused", "NoImage"};
    if (std::find(kVerdicts.begin(), kVerdicts.end(), placed->reason) == kVerdicts.end()) return std::nullopt;
    return PoolTrouble{placed->reason, placed->message.empty() ? status.message : placed->message};
}

} // namespace

SlotFacts slot_facts(const Workspace& slot, const std::string& wanted_hash)
{
    const auto& status = slot.status;
    SlotFacts facts;
    facts.name = slot.metadata.name;
    facts.phase = status.phase;
    facts.deleting = slot.metadata.deletionTimestamp.has_value();
    facts.stale = !has_label(slot, kSlotHashLabel, wanted_hash);
    facts.useless = slot.spec.desiredState != DesiredState::running || status.phase == Phase::stopping ||
                    status.phase == Phase::stopped || status.phase == Phase::archived;
    facts.trouble = trouble_of(slot);
    facts.node = status.nodeId;
    if (status.phase == Phase::warm && !status.history.empty()) facts.warm_since = status.history.back().at;
    facts.created = slot.metadata.creationTimestamp;
    facts.memory = status.resourceUsage ? status.resourceUsage->memory : 0;
    return facts;
}

PoolPlan plan_pool(const WarmPool& pool, const PoolSeen& seen, const PoolLimits& limits, Time now)
{
    return PoolPlanner{pool, seen, limits, now}.plan();
}

Duration pool_back_off(std::int64_t failures, const PoolLimits& limits)
{
    const auto doublings = std::clamp<std::int64_t>(failures - 1, 0, 20);
    return std::min(limits.first_back_off * (std::int64_t{1} << doublings), limits.longest_back_off);
}

} // namespace berth
