#include "reconcilers/warm_pool.hpp"

#include "api/types/node.hpp"
#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "metrics/metrics.hpp"

namespace berth {

namespace {

constexpr std::string_view kSizeAnnotation = "berth.dev/pre-warmed-queue-size";
constexpr std::size_t kIdLength = 8;

std::string label(const Entry& entry, std::string_view name)
{
    const auto found = entry.labels.find(std::string(name));
    return found == entry.labels.end() ? "" : found->second;
}

std::vector<Key> all_pools(const Store& store)
{
    std::vector<Key> keys;
    for (const auto& entry : store.entries(WarmPool::kind().plural)) keys.push_back(entry->key);
    return keys;
}

/// A workspace that only carries the label is not the pool's.
bool belongs_to(const Workspace& slot, const WarmPool& pool)
{
    const auto& owners = slot.metadata.ownerReferences;
    const bool owned = std::any_of(owners.begin(), owners.end(),
        [&](const OwnerReference& owner) { return owner.uid == pool.metadata.uid; });
    return owned && slot.spec.pool == pool.metadata.name && slot.spec.claim == 0;
}

std::string free_id(Txn& txn, const std::string& org)
{
    for (int attempt = 0; attempt < 16; ++attempt) {
        auto id = random_text(kIdLength);
        if (!txn.find(Workspace::kind().plural, {org, id})) return id;
    }
    throw Error{Errc::Internal, "no free id was found"};
}

/// Nobody knows a password or token of a slot: there is none before the claim.
Workspace new_slot(const WarmPool& pool, const std::string& hash, std::string id)
{
    const auto& meta = pool.metadata;
    Workspace slot;
    slot.metadata.org = meta.org;
    slot.metadata.name = std::move(id);
    slot.metadata.labels[std::string(kPoolLabel)] = meta.name;
    slot.metadata.labels[std::string(kSlotHashLabel)] = hash;
    slot.metadata.ownerReferences = {{std::string(WarmPool::kind().kind), meta.name, meta.uid}};
    slot.spec.pool = meta.name;
    slot.spec.template_ = pool.spec.template_;
    return slot;
}

/// A slot that was claimed since it was looked at is left alone.
void carry_out(Txn& txn, const WarmPool& pool, const PoolPlan& plan, const std::string& hash)
{
    for (const auto& name : plan.remove) {
        const auto slot = txn.get<Workspace>({pool.metadata.org, name});
        if (slot && belongs_to(*slot, pool)) txn.remove<Workspace>(key_of(*slot));
    }
    for (std::int64_t i = 0; i < plan.create; ++i) {
        auto slot = new_slot(pool, hash, free_id(txn, pool.metadata.org));
        txn.create(slot);
    }
}

} // namespace

WarmPoolReconciler::WarmPoolReconciler(Store& store, Clock& clock, PoolSettings settings, Metrics* metrics)
    : store_(store),
      clock_(clock),
      settings_(std::move(settings)),
      metrics_(metrics)
{}

void WarmPoolReconciler::watch(Sources<WarmPool>& on)
{
    on.self();
    // Also the change that is the claim: the phase is still warm, the label already the other one.
    on.entries_of<Workspace>([](const Entry& entry) {
        auto pool = label(entry, kPoolLabel);
        if (pool.empty() && entry.phase == detail::enumerator_name(Phase::warm))
            pool = label(entry, kClaimedFromLabel);
        return pool.empty() ? std::vector<Key>{} : std::vector<Key>{{entry.key.org, pool}};
    });
    on.all_of<Node>([](const Store& store, const Entry&) { return all_pools(store); });
    on.all_of<WorkspaceTemplate>(
        [](const Store& store, const Entry&) { return all_pools(store); });
}

awaitable<Action> WarmPoolReconciler::reconcile(WarmPool& pool)
{
    const auto wanted = flavor(pool);
    const auto hash = wanted ? slot_hash(pool.spec.template_, *wanted) : "";
    const auto plan = plan_pool(pool, look(pool, hash), settings_.limits, clock_.now());
    const auto before = std::exchange(pool.status, plan.status);
    measure(pool, before);
    pool.status.slots = slots_of(pool); // before anything can fail: nobody is counted twice
    if (plan.create > 0 || !plan.remove.empty()) {
        auto work = [pool, plan, hash](Txn& txn) { carry_out(txn, pool, plan, hash); };
        co_await store_.transact(std::move(work));
        log::info("warm pool",
            {{"pool", pool.metadata.name}, {"made", plan.create}, {"removed", plan.remove.size()},
                {"ready", pool.status.ready}, {"wanted", pool.status.wanted}});
        pool.status.slots = slots_of(pool);
    }
    co_return plan.next_look ? Action::again(*plan.next_look) : Action::wait();
}

void WarmPoolReconciler::measure(const WarmPool& pool, const WarmPoolStatus& before) const
{
    if (!metrics_) return;
    const auto& name = pool.metadata.name;
    const auto& now = pool.status;
    metrics_->pool_slots.with({name, "ready"}).Set(double(now.ready));
    metrics_->pool_slots.with({name, "starting"}).Set(double(now.starting));
    metrics_->pool_slots.with({name, "stale"}).Set(double(now.stale));
    metrics_->pool_slots.with({name, "wanted"}).Set(double(now.wanted));
    metrics_->pool_claimed.with({name}).Set(double(now.claimed));
    if (now.failures <= before.failures) return;
    const auto* degraded = find_condition(now.conditions, "Degraded");
    metrics_->pool_failures.with({name, degraded ? degraded->reason : "Failed"}).Increment();
}

std::vector<std::string> WarmPoolReconciler::slots_of(const WarmPool& pool) const
{
    std::vector<std::string> names;
    const auto mine = Selector::label(std::string(kPoolLabel), pool.metadata.name);
    for (const auto& entry : store_.entries(Workspace::kind().plural, mine)) names.push_back(entry->key.name);
    return names;
}

std::optional<WorkspaceTemplateSpec> WarmPoolReconciler::flavor(const WarmPool& pool) const
{
    if (pool.spec.template_.empty()) return settings_.flavor;
    const auto chosen = store_.get<WorkspaceTemplate>({pool.metadata.org, pool.spec.template_});
    if (!chosen) return std::nullopt;
    return chosen->spec;
}

PoolSeen WarmPoolReconciler::look(const WarmPool& pool, const std::string& hash) const
{
    PoolSeen seen;
    const auto mine = Selector::label(std::string(kPoolLabel), pool.metadata.name);
    for (const auto& slot : store_.list<Workspace>(mine))
        if (belongs_to(slot, pool)) seen.slots.push_back(slot_facts(slot, hash));
    seen.nodes = rooms();
    seen.newly_claimed = count_claimed(pool, seen);
    look_at_others(pool, seen);
    if (hash.empty())
        seen.obstacle = PoolTrouble{"TemplateMissing", "there is no template named " + pool.spec.template_};
    else if (flavor(pool)->image.empty())
        seen.obstacle = PoolTrouble{"NoImage", "no image is configured for workspaces"};
    return seen;
}

void WarmPoolReconciler::look_at_others(const WarmPool& pool, PoolSeen& seen) const
{
    Selector starting;
    starting.phase = detail::enumerator_name(Phase::starting);
    for (const auto& entry : store_.entries(Workspace::kind().plural, starting)) {
        const auto of = label(*entry, kPoolLabel);
        if (of.empty())
            seen.users_wait = true;
        else if (of != pool.metadata.name)
            ++seen.starting_elsewhere;
    }
}

/// A slot that was here at the last look and has left by way of a user.
std::int64_t WarmPoolReconciler::count_claimed(const WarmPool& pool, const PoolSeen& seen) const
{
    std::int64_t count = 0;
    for (const auto& name : pool.status.slots) {
        const bool here = std::any_of(
            seen.slots.begin(), seen.slots.end(), [&](const SlotFacts& slot) { return slot.name == name; });
        const auto entry = here ? nullptr : store_.find(Workspace::kind().plural, {pool.metadata.org, name});
        if (entry && label(*entry, kClaimedFromLabel) == pool.metadata.name) ++count;
    }
    return count;
}

std::vector<PoolNode> WarmPoolReconciler::rooms() const
{
    std::vector<PoolNode> rooms;
    for (const auto& node : store_.list<Node>()) {
        const auto& status = node.status;
        const auto* ready = find_condition(status.conditions, "Ready");
        const bool takes_work = ready && ready->status == ConditionStatus::True &&
                                status.availability == NodeAvailability::active;
        if (!takes_work || !status.usage || status.usage->memoryTotal <= 0) continue;
        rooms.push_back({node.metadata.name, status.usage->memoryTotal, status.usage->memoryUsed,
            status.lastHeartbeat.value_or(clock_.now())});
    }
    return rooms;
}

awaitable<> ensure_default_pool(Store& store, std::int64_t size)
{
    auto work = [size](Txn& txn) {
        const auto said = std::to_string(size);
        auto pool = txn.get<WarmPool>({"default", std::string(kDefaultPool)});
        const bool known = pool && pool->metadata.annotations[std::string(kSizeAnnotation)] == said;
        if (known) return;
        WarmPool wanted = pool.value_or(WarmPool{});
        wanted.metadata.org = "default";
        wanted.metadata.name = kDefaultPool;
        wanted.metadata.annotations[std::string(kSizeAnnotation)] = said;
        wanted.spec.size = size;
        if (pool)
            txn.update(wanted);
        else
            txn.create(wanted);
    };
    co_await store.transact(std::move(work));
}

} // namespace berth
