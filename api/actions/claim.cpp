#include "api/actions/claim.hpp"

#include "api/types/node.hpp"
#include "controller/base/planted.hpp"

#include <algorithm>

namespace berth {

namespace {

std::string label(const Labels& labels, std::string_view name)
{
    const auto found = labels.find(std::string(name));
    return found == labels.end() ? "" : found->second;
}

/// The label alone makes no slot: it must be its pool's, and nobody's.
bool is_free(const Workspace& slot, const std::string& hash)
{
    const auto& meta = slot.metadata;
    const auto pool = label(meta.labels, kPoolLabel);
    const bool owned = std::any_of(
        meta.ownerReferences.begin(), meta.ownerReferences.end(), [&](const OwnerReference& owner) {
            return owner.kind == WarmPool::kind().kind && owner.name == pool;
        });
    return owned && is_slot(slot) && slot.spec.pool == pool && slot.spec.claim == 0 &&
           slot.status.phase == Phase::warm && !meta.deletionTimestamp &&
           slot.spec.desiredState == DesiredState::running && label(meta.labels, kSlotHashLabel) == hash;
}

} // namespace

WarmSlots::WarmSlots(Store& store) : store_(store), slots_(std::make_shared<Slots>())
{
    const auto plural = Workspace::kind().plural;
    for (const auto& entry : store.entries(plural)) apply(*slots_, *entry, false);
    store.on_commit([slots = slots_, plural](const Change& change) {
        if (change.entry->plural == plural) apply(*slots, *change.entry, change.op == Op::Deleted);
    });
}

/// Called for each change of any workspace: only slots are decoded.
void WarmSlots::apply(Slots& slots, const Entry& entry, bool gone)
{
    const bool warm = entry.phase == detail::enumerator_name(Phase::warm) && !entry.deleting && !gone;
    if (!warm || label(entry.labels, kPoolLabel).empty()) {
        slots.erase(entry.key);
        return;
    }
    const auto slot = decode_entry<Workspace>(entry);
    if (!is_free(slot, label(entry.labels, kSlotHashLabel))) {
        slots.erase(entry.key);
        return;
    }
    const auto& history = slot.status.history;
    slots[entry.key] = {label(entry.labels, kSlotHashLabel), slot.status.nodeId,
        history.empty() ? std::nullopt : history.back().at,
        slot.status.health.status == HealthState::healthy};
}

bool WarmSlots::is_up(const std::string& node) const
{
    const auto found = store_.get<Node>({"default", node});
    if (!found || found->status.availability != NodeAvailability::active) return false;
    const auto* ready = find_condition(found->status.conditions, "Ready");
    return ready && ready->status == ConditionStatus::True;
}

std::optional<WarmSlots::Hold> WarmSlots::take(const std::string& org, const std::string& hash) const
{
    std::vector<std::pair<std::optional<Time>, Key>> order;
    for (const auto& [key, slot] : *slots_)
        if (key.org == org && slot.hash == hash && slot.healthy &&
            (!held_->contains(key) || planted("pool.slot-given-twice")))
            order.emplace_back(slot.warm_since, key);
    std::sort(order.begin(), order.end());
    std::map<std::string, bool> up;
    for (const auto& [since, key] : order) {
        const auto& node = slots_->at(key).node;
        const auto known = up.find(node);
        const bool good = known == up.end() ? (up[node] = is_up(node)) : known->second;
        if (!good) continue;
        held_->insert(key);
        return Hold{key, held_};
    }
    return std::nullopt;
}

WarmSlots::Hold::~Hold()
{
    if (held_) held_->erase(key_);
}

std::optional<Workspace> claim_slot(
    Txn& txn, const Key& slot, const std::string& hash, const Workspace& draft)
{
    auto found = txn.get<Workspace>(slot);
    if (!found || (!is_free(*found, hash) && !planted("pool.slot-given-twice"))) return std::nullopt;
    auto& meta = found->metadata;
    for (const auto& [name, value] : draft.metadata.labels) meta.labels[name] = value;
    meta.labels.erase(std::string(kPoolLabel));
    meta.labels.erase(std::string(kSlotHashLabel));
    meta.labels[std::string(kClaimedFromLabel)] = found->spec.pool;
    meta.annotations[std::string(kClaimedAtAnnotation)] = format_time(txn.now());
    meta.ownerReferences.clear();
    const auto claim = found->spec.claim + 1;
    found->spec = draft.spec;
    found->spec.pool.clear();
    found->spec.claim = claim;
    txn.update(*found);
    return found;
}

std::optional<std::string> wanted_slot_hash(
    const Store& store, const Key& template_key, const WorkspaceTemplateSpec& flavor)
{
    if (template_key.name.empty()) return slot_hash("", flavor);
    const auto chosen = store.get<WorkspaceTemplate>(template_key);
    if (!chosen) return std::nullopt;
    return slot_hash(template_key.name, chosen->spec);
}

} // namespace berth
