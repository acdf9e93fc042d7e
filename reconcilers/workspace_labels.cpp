#include "reconcilers/workspace_labels.hpp"

#include "api/types/proxy_routes.hpp"

namespace berth {

namespace {

/// The container was, or is, a slot of a pool.
bool is_slot(const Workspace& workspace)
{
    const auto& status = workspace.status;
    const bool was = status.claimedIncarnation != 0 && status.incarnation == status.claimedIncarnation;
    return was || !workspace.spec.pool.empty();
}

void add_guard(docker::StringMap& labels, const std::string& name, const WorkspaceSettings& settings)
{
    const auto guard = "traefik.http.middlewares." + name + "-slot.forwardauth.";
    labels[guard + "address"] = settings.api_url + std::string(kSlotGuardPath);
    labels[guard + "authrequestheaders"] = std::string("Accept,") + kProbeHeader;
    labels[guard + "trustforwardheader"] = "false";
    labels[guard + "maxresponsebodysize"] = "65536";
    labels["traefik.http.middlewares." + name + "-clean.headers.customrequestheaders." + kProbeHeader] = "";
}

void add_strip(docker::StringMap& labels, const ProxyRoute& route)
{
    const auto slash = "traefik.http.middlewares." + route.name + "-slash.redirectregex.";
    labels[slash + "regex"] = kSlashRegex;
    labels[slash + "replacement"] = kSlashReplacement;
    labels["traefik.http.middlewares." + route.name + "-strip.stripprefix.prefixes"] = route.strip;
}

void add_router(docker::StringMap& labels, const ProxyRoute& route, const WorkspaceSettings& settings)
{
    const auto router = "traefik.http.routers." + route.name + ".";
    labels[router + "rule"] = route.rule;
    labels[router + "service"] = route.name;
    if (!settings.route_entrypoint.empty()) labels[router + "entrypoints"] = settings.route_entrypoint;
    if (settings.address.scheme == "https") labels[router + "tls"] = "true";
    if (!settings.route_cert_resolver.empty())
        labels[router + "tls.certresolver"] = settings.route_cert_resolver;
    labels["traefik.http.services." + route.name + ".loadbalancer.server.port"] = std::to_string(route.port);
}

} // namespace

void add_route_labels(
    docker::StringMap& labels, const Workspace& workspace, const WorkspaceSettings& settings)
{
    const auto& id = workspace.metadata.name;
    const bool slot = is_slot(workspace);
    if (slot && settings.api_url.empty()) return;
    labels["traefik.enable"] = "true";
    labels["traefik.swarm.network"] = settings.edge_network;
    if (slot) add_guard(labels, id, settings);
    for (const auto& port : kWorkspacePorts) {
        const auto route = proxy_route(settings.address, id, port);
        add_router(labels, route, settings);
        std::string middlewares = slot ? id + "-slot," + id + "-clean" : "";
        if (!route.strip.empty()) {
            add_strip(labels, route);
            middlewares += (middlewares.empty() ? "" : ",") + route.name + "-slash," + route.name + "-strip";
        }
        if (!middlewares.empty()) labels["traefik.http.routers." + route.name + ".middlewares"] = middlewares;
    }
}

} // namespace berth
