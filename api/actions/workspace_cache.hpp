#pragma once
// Every Workspace decoded once per change, for lists and the route table.

#include "api/types/workspace.hpp"
#include "storage/store.hpp"

#include <functional>
#include <map>
#include <memory>

namespace berth {

using WorkspacePtr = std::shared_ptr<const Workspace>;

/// Follows the store's commits; shows the same as Store::get at every moment. Owned by main, I/O thread. Holds
/// secrets, as the store does.
class WorkspaceCache {
public:
    explicit WorkspaceCache(Store& store);

    /// Null when there is none.
    WorkspacePtr get(const Key& key) const;
    const std::map<Key, WorkspacePtr>& all() const noexcept { return state_->all; }
    /// Called after the cache holds the new state; null = removed. For the life of the store: what it refers to must
    /// live as long, or be shared.
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
