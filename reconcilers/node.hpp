#pragma once
// Node objects: one per member of the Swarm, made from Docker's view and the agent's report.

#include "api/types/node.hpp"
#include "controller/runtime/action.hpp"
#include "controller/runtime/sources.hpp"
#include "docker/observed.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

/// Conditions: AgentReady (the agent reported lately), Ready (Docker says ready and AgentReady). Pure; any
/// thread. `report` unset: no agent has ever reported.
NodeStatus node_status(NodeStatus before, const docker::Node& node, const std::optional<NodeReport>& report,
    Duration agent_stale, Time now);

/// Nobody writes Node objects but this: made when the Swarm has a new member, removed (with the report) when
/// it is gone. Owned by main; I/O thread.
class NodeReconciler {
public:
    NodeReconciler(Store& store, docker::Observed& observed, Clock& clock, NodeSettings settings = {});

    static void watch(Sources<Node>& on);
    awaitable<Action> reconcile(Node& node);
    awaitable<Action> missing(Key key);

private:
    Store& store_;
    docker::Observed& observed_;
    Clock& clock_;
    NodeSettings settings_;
};

} // namespace berth
