#pragma once
// What a reverse proxy is told about a workspace, whichever way it is told (route table or Swarm labels), and
// the way back: which workspace an address means. Pure; any thread.

#include "api/types/urls.hpp"

#include <optional>

namespace berth {

/// One of the three routes of a workspace.
struct ProxyRoute {
    std::string name; ///< "<id>-code": of the router and of the service
    std::string rule; ///< Traefik v3
    unsigned port = 0;
    std::string strip; ///< path prefix that the workspace does not see; empty in host mode
};
ProxyRoute proxy_route(const PublicAddress& address, const std::string& id, const WorkspacePort& port);

/// A rule for the addresses of all workspaces, known or not. Meant for a router of low priority.
std::string any_workspace_rule(const PublicAddress& address);

/// In path mode an address without its slash is sent to the one with it: the pages' own links are relative. A
/// regular expression over the whole URL, and what takes its place.
inline constexpr std::string_view kSlashRegex = "^(https?://[^/]+/(?:code|vnc|web)/[^/?]+)(\\?.*)?$";
inline constexpr std::string_view kSlashReplacement = "${1}/${2}";

/// What somebody asked a proxy for.
struct Visit {
    std::string id;
    WorkspacePort port;
    std::string rest; ///< path below the address of the port, without slash in front and without query
};
/// From the Host header (a port may follow) and the request target. Nothing for what is not an address of a
/// workspace by its form; whether there is such a workspace is not asked.
std::optional<Visit> visit_of(const PublicAddress& address, std::string_view host, std::string_view target);

/// Carried by the reconciler's probe of a slot that nobody has claimed, whose URLs answer 404 to everybody
/// else.
inline constexpr const char* kProbeHeader = "X-Berth-Probe";
/// What the guard of such a slot asks Berth for each request, below the address that proxies reach Berth by.
inline constexpr std::string_view kSlotGuardPath = "/api/v1/edge/slot";

} // namespace berth
