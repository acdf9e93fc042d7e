#pragma once
// The routes of a workspace as labels of its Swarm service, for a Traefik of the user's own
// (ROUTE_SOURCE=labels).

#include "docker/model.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

/// Adds Traefik v3 labels: routers, ports, middlewares and the network. Pure; any thread. A service keeps its
/// labels for life, so the guard of a slot stays on it after the claim.
void add_route_labels(
    docker::StringMap& labels, const Workspace& workspace, const WorkspaceSettings& settings);

} // namespace berth
