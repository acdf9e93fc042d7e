#include "api/actions/workspace_cache.hpp"

namespace berth {

WorkspaceCache::WorkspaceCache(Store& store) : state_(std::make_shared<State>())
{
    const auto plural = Workspace::kind().plural;
    for (const auto& entry : store.entries(plural)) state_->all[entry->key] = WorkspacePtr{entry};
    store.on_commit([state = state_, plural](const Change& change) {
        if (change.entry->plural == plural) state->apply(change);
    });
}

void WorkspaceCache::State::apply(const Change& change)
{
    const auto& key = change.entry->key;
    WorkspacePtr workspace;
    if (change.op == Op::Deleted)
        all.erase(key);
    else
        all[key] = workspace = WorkspacePtr{change.entry};
    for (const auto& listener : listeners) listener(key, workspace);
}

WorkspacePtr WorkspaceCache::get(const Key& key) const
{
    const auto found = state_->all.find(key);
    return found == state_->all.end() ? WorkspacePtr{} : found->second;
}

void WorkspaceCache::on_change(std::function<void(const Key&, const WorkspacePtr&)> listener)
{
    state_->listeners.push_back(std::move(listener));
}

} // namespace berth
