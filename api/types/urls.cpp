#include "api/types/urls.hpp"

namespace berth {

std::string workspace_host(const PublicAddress& address, const std::string& id, const WorkspacePort& port)
{
    if (address.routing == RoutingMode::path) return address.domain;
    return id + "-" + std::string(port.word) + "." + address.domain;
}

std::string workspace_path(const PublicAddress& address, const std::string& id, const WorkspacePort& port)
{
    if (address.routing == RoutingMode::path) return "/" + std::string(port.word) + "/" + id + "/";
    return "/";
}

std::string workspace_url(const PublicAddress& address, const std::string& id, const WorkspacePort& port)
{
    const unsigned own = address.scheme == "https" ? 443 : 80;
    std::string url = address.scheme + "://" + workspace_host(address, id, port);
    if (address.port != 0 && address.port != own) url += ":" + std::to_string(address.port);
    return url + workspace_path(address, id, port);
}

WorkspaceUrls workspace_urls(const PublicAddress& address, const std::string& id)
{
    return {workspace_url(address, id, kVncPort), workspace_url(address, id, kCodeServerPort),
        workspace_url(address, id, kWebPort)};
}

} // namespace berth
