#pragma once
// The routes of a workspace as labels of its Swarm service, for a Traefik of the user's own
// (ROUTE_SOURCE=labels).

#include "docker/model.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

/// Adds Traefik v3 labels: routers, ports, middlewares and the network. Pure; any thread. Those of a slot have
/// a guard that asks Berth about each request.
void add_route_labels(
    docker::StringMap& labels, const Workspace& workspace, const WorkspaceSettings& settings);

/// The labels of the service of `id` have the guard of a slot.
bool has_route_guard(const docker::StringMap& labels, const std::string& id);
/// Takes it off them: what a claim opens must not depend on Berth being there.
void remove_route_guard(docker::StringMap& labels, const std::string& id);

} // namespace berth
