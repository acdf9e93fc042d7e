#pragma once
// What the route table says about one workspace, and what it always says. Pure; any thread.

#include "api/actions/settings.hpp"

#include <map>

namespace berth {

/// JSON members for "routers", "services" and "middlewares", without braces; encoded once per change of a
/// workspace.
struct RouteFragment {
    std::string routers;
    std::string services;
    std::string middlewares;
    bool operator==(const RouteFragment&) const = default;
};

/// Nothing for a workspace that has no address or is not wanted running. A slot that nobody has claimed has
/// routes behind a guard that asks Berth about each request, so that a claim needs no new table; the guard
/// goes with the reconciler's first look at the claim, however long the files take: an open workspace must not
/// depend on Berth being there.
std::optional<RouteFragment> route_fragment(const Workspace& workspace, const RouteSettings& settings);

/// What does not depend on any workspace: the page of those that don't run, and the middlewares that the
/// others name.
RouteFragment constant_routes(const RouteSettings& settings);

/// The whole dynamic configuration. Never without a router: Traefik ignores an empty one and would keep the
/// old.
std::string encode_routes(const std::map<Key, RouteFragment>& fragments, const RouteFragment& constant = {});

/// Whether requests to it must be asked about: a slot that is not claimed, or whose claim nobody has seen yet.
bool needs_guard(const Workspace& workspace);

} // namespace berth
