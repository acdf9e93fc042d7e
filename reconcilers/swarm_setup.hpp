#pragma once
// What must be there before anything can be reconciled: a Swarm with this engine as a manager, and the edge
// network.

#include "docker/client.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

/// The edge network as we make it. Pure.
docker::NetworkCreate desired_edge_network(const SwarmSettings& settings);

/// Idempotent; call at the start. Initialises a Swarm when the engine is in none, and makes the overlay when
/// there is no network of that name; one that exists is used as it is. Throws Error: Invalid when the engine
/// can't do the job (a worker, a locked Swarm, a name taken by a network that is no overlay), else what the
/// engine's calls throw.
awaitable<> ensure_swarm(docker::Client& docker, SwarmSettings settings);

} // namespace berth
