#include "reconcilers/workspace_labels.hpp"

#include "api/types/proxy_routes.hpp"
#include "api/types/warm_pool.hpp"

namespace berth {

namespace {

constexpr std::string_view kRouters = "traefik.http.routers.";
constexpr std::string_view kMiddlewares = ".middlewares";

std::string middleware(const std::string& name) { return "traefik.http.middlewares." + name; }
std::string guard_names(const std::string& id) { return id + "-slot," + id + "-clean"; }

void add_guard(docker::StringMap& labels, const std::string& name, const WorkspaceSettings& settings)
{
    const auto guard = middleware(name) + "-slot.forwardauth.";
    labels[guard + "address"] = settings.api_url + std::string(kSlotGuardPath);
    labels[guard + "authrequestheaders"] = std::string("Accept,") + kProbeHeader;
    labels[guard + "trustforwardheader"] = "false";
    labels[guard + "maxresponsebodysize"] = "65536";
    labels[middleware(name) + "-clean.headers.customrequestheaders." + kProbeHeader] = "";
}

void add_strip(docker::StringMap& labels, const ProxyRoute& route)
{
    const auto slash = middleware(route.name) + "-slash.redirectregex.";
    labels[slash + "regex"] = kSlashRegex;
    labels[slash + "replacement"] = kSlashReplacement;
    labels[middleware(route.name) + "-strip.stripprefix.prefixes"] = route.strip;
}

void add_router(docker::StringMap& labels, const ProxyRoute& route, const WorkspaceSettings& settings)
{
    const auto router = std::string(kRouters) + route.name + ".";
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
        std::string middlewares = slot ? guard_names(id) : "";
        if (!route.strip.empty()) {
            add_strip(labels, route);
            middlewares += (middlewares.empty() ? "" : ",") + route.name + "-slash," + route.name + "-strip";
        }
        if (middlewares.empty()) continue;
        labels[std::string(kRouters) + route.name + std::string(kMiddlewares)] = middlewares;
    }
}

bool has_route_guard(const docker::StringMap& labels, const std::string& id)
{
    return labels.contains(middleware(id) + "-slot.forwardauth.address");
}

void remove_route_guard(docker::StringMap& labels, const std::string& id)
{
    for (const auto& port : kWorkspacePorts) {
        const auto router = std::string(kRouters) + id + "-" + std::string(port.word);
        const auto found = labels.find(router + std::string(kMiddlewares));
        if (found == labels.end() || !found->second.starts_with(guard_names(id))) continue;
        found->second.erase(0, guard_names(id).size());
        if (found->second.starts_with(',')) found->second.erase(0, 1);
        if (found->second.empty()) labels.erase(found);
    }
    const auto ours = [&](const auto& label) {
        return label.first.starts_with(middleware(id) + "-slot.") ||
               label.first.starts_with(middleware(id) + "-clean.");
    };
    std::erase_if(labels, ours);
}

} // namespace berth
