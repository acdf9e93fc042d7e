#pragma once
// Public addresses of a workspace: one pure function shared by the API, the reconciler and the route table,
// so that what is promised, probed and routed can't differ. Any thread.

#include "api/types/workspace.hpp"

#include <array>

namespace berth {

/// host: https://<id>-code.<domain>/. path: https://<domain>/code/<id>/ (one-user installs).
enum class RoutingMode { host, path };
BOOST_DESCRIBE_ENUM(RoutingMode, host, path)

/// Where browsers reach the reverse proxy.
struct PublicAddress {
    std::string scheme = "http";
    std::string domain = "localhost";
    unsigned port = 0; ///< 0 = the scheme's own
    RoutingMode routing = RoutingMode::host;
    bool operator==(const PublicAddress&) const = default;
};

/// One of the three things that a workspace serves. `word` is part of host names, paths and router names.
struct WorkspacePort {
    std::string_view word;
    unsigned port;
};
inline constexpr WorkspacePort kCodeServerPort{"code", 8080};
inline constexpr WorkspacePort kVncPort{"vnc", 6080};
inline constexpr WorkspacePort kWebPort{"web", 3000};
inline constexpr std::array kWorkspacePorts{kCodeServerPort, kVncPort, kWebPort};

/// "<id>-code.<domain>" without a port: what a Host rule matches. The bare domain in path mode.
std::string workspace_host(const PublicAddress& address, const std::string& id, const WorkspacePort& port);
/// The path under which it is served, with a slash at the end: "/" in host mode.
std::string workspace_path(const PublicAddress& address, const std::string& id, const WorkspacePort& port);
std::string workspace_url(const PublicAddress& address, const std::string& id, const WorkspacePort& port);
WorkspaceUrls workspace_urls(const PublicAddress& address, const std::string& id);

} // namespace berth
