#pragma once
// The EdgeNetwork object: where the reverse proxies, the Swarm's networks and the nodes are, for the filters
// that the node agents load around every workspace.

#include "api/types/edge.hpp"
#include "api/types/node.hpp"
#include "controller/runtime/action.hpp"
#include "controller/runtime/sources.hpp"
#include "docker/observed.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

/// One look at the Swarm.
struct EdgeLook {
    std::vector<docker::ServicePtr> services; ///< the proxies'
    std::vector<docker::TaskPtr> tasks;       ///< of these services
    std::vector<docker::NetworkPtr> networks;
    std::vector<docker::NodePtr> nodes;
    std::vector<NodeReport> reports;
};

/// What the look says. An address that can't be read as one is left out. Pure; any thread.
EdgeNetworkStatus edge_status(
    EdgeNetworkStatus before, const EdgeLook& look, const EdgeSettings& settings, Time now);
/// Whether a proxy is on its way up: Docker has no event for that, so it is worth watching closely. Pure.
bool proxies_settle(const EdgeLook& look);
/// Whether the tasks of this service are our reverse proxies. Pure.
bool is_proxy(const docker::Service& service, const EdgeSettings& settings);

/// Nobody else writes the object. Owned by main; I/O thread.
class EdgeReconciler {
public:
    EdgeReconciler(Store& store, docker::Observed& observed, Clock& clock, EdgeSettings settings);

    static void watch(Sources<EdgeNetwork>& on);
    awaitable<Action> reconcile(EdgeNetwork& edge);
    awaitable<Action> missing(Key key);

private:
    EdgeLook look() const;

    Store& store_;
    docker::Observed& observed_;
    Clock& clock_;
    EdgeSettings settings_;
    std::optional<Tick> settling_since_;
};

} // namespace berth
