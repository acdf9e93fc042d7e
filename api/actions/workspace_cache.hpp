#pragma once
// Every Workspace for lists and the route table, decoded at most once per change and only when somebody
// looks.

#include "api/types/workspace.hpp"
#include "storage/store.hpp"

#include <functional>
#include <map>
#include <memory>

namespace berth {

/// A shared, immutable workspace that is decoded when it is first looked into: most of a large store rests.
/// I/O thread.
class WorkspacePtr {
public:
    WorkspacePtr() = default;
    explicit WorkspacePtr(EntryPtr entry) : shared_(std::make_shared<Shared>(Shared{std::move(entry), {}})) {}

    explicit operator bool() const noexcept { return shared_ != nullptr; }
    const Workspace& operator*() const
    {
        if (!shared_->decoded)
            shared_->decoded = std::make_unique<const Workspace>(decode_entry<Workspace>(*shared_->entry));
        return *shared_->decoded;
    }
    const Workspace* operator->() const { return &**this; }
    /// status.phase as a word, without decoding.
    const std::string& phase() const { return shared_->entry->phase; }

private:
    struct Shared {
        EntryPtr entry;
        std::unique_ptr<const Workspace> decoded; ///< a pointer: one that nobody looks into takes no room
    };
    std::shared_ptr<Shared> shared_;
};

/// Follows the store's commits; shows the same as Store::get at every moment. Owned by main, I/O thread.
/// Holds secrets, as the store does.
class WorkspaceCache {
public:
    explicit WorkspaceCache(Store& store);

    /// Empty when there is none.
    WorkspacePtr get(const Key& key) const;
    const std::map<Key, WorkspacePtr>& all() const noexcept { return state_->all; }
    /// Called after the cache holds the new state; empty = removed. For the life of the store: what it refers
    /// to must live as long, or be shared.
    void on_change(std::function<void(const Key&, const WorkspacePtr&)> listener);

private:
    struct State {
        std::map<Key, WorkspacePtr> all;
        std::vector<std::function<void(const Key&, const WorkspacePtr&)>> listeners;
        void apply(const Change& change);
    };
    std::shared_ptr<State> state_; ///< shared with the store's callback, whichever lives longer
};

} // namespace berth
