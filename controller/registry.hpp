#pragma once
// The list of kinds. Adding one is one line in registry.cpp.

#include "api/http/resource.hpp"
#include "controller/runtime/manager.hpp"
#include "reconcilers/edge.hpp"
#include "reconcilers/node.hpp"
#include "reconcilers/warm_pool.hpp"
#include "reconcilers/workspace.hpp"

namespace berth {

struct Reconcilers {
    WorkspaceReconciler& workspace;
    NodeReconciler& node;
    EdgeReconciler& edge;
    WarmPoolReconciler& warm_pool;
};

/// What writes of a kind must obey beyond its types.
struct Rules {
    Admission<Workspace>& workspace;
};

/// Gives every kind its controller and its REST resource.
void register_kinds(
    Manager& manager, Router& router, Store& store, Clock& clock, Reconcilers reconcilers, Rules rules);

} // namespace berth
