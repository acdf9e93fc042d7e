#pragma once
// Claims (W24): a start that finds a warm slot takes it over. One store transaction, no call to Docker, no
// change of a route; what the container must hear of it, its node's agent reads from the store.

#include "api/types/warm_pool.hpp"
#include "storage/store.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace berth {

/// Every unclaimed warm slot, from memory. Owned by Containers; I/O thread; the store outlives it. What it
/// gives out is held, so that starts that come together do not all try the same one; whether a slot is still
/// free, only the transaction knows.
class WarmSlots {
public:
    explicit WarmSlots(Store& store);

    /// A slot that nobody else tries for as long as this lives.
    class Hold {
    public:
        Hold(Hold&&) = default;
        Hold& operator=(Hold&&) = delete;
        ~Hold();
        const Key& key() const noexcept { return key_; }

    private:
        friend class WarmSlots;
        Hold(Key key, std::shared_ptr<std::set<Key>> held) : key_(std::move(key)), held_(std::move(held)) {}
        Key key_;
        std::shared_ptr<std::set<Key>> held_;
    };
    /// The oldest slot of this org with this hash (slot_hash) that is healthy, on a node that is up and
    /// reports.
    std::optional<Hold> take(const std::string& org, const std::string& hash) const;

private:
    struct Slot {
        std::string hash;
        std::string node;
        std::optional<Time> warm_since;
        bool healthy = false;
    };
    using Slots = std::map<Key, Slot>;
    static void apply(Slots& slots, const Entry& entry, bool gone);
    bool is_up(const std::string& node) const;

    const Store& store_;
    std::shared_ptr<Slots> slots_; ///< shared with the store's callback, whichever lives longer
    std::shared_ptr<std::set<Key>> held_ = std::make_shared<std::set<Key>>();
};

/// Makes the slot the workspace that `draft` asks for (its source, environment, secrets, owner); gives it as
/// it was stored, or nothing when it is not free any more. db thread, in the transaction that answers the
/// user.
std::optional<Workspace> claim_slot(
    Txn& txn, const Key& slot, const std::string& hash, const Workspace& draft);

/// What a start with this template would run: nothing when there is no such template.
std::optional<std::string> wanted_slot_hash(
    const Store& store, const Key& template_key, const WorkspaceTemplateSpec& flavor);

} // namespace berth
