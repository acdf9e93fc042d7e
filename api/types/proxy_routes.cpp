#include "api/types/proxy_routes.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::string_view kWords = "(code|vnc|web)";
constexpr std::string_view kAnyId = "[a-z0-9-]+";

std::string quoted(std::string_view text) // for a regular expression
{
    std::string out;
    for (const char c : text) {
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') out += '\\';
        out += c;
    }
    return out;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(
        out.begin(), out.end(), out.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return out;
}

const WorkspacePort* port_of(std::string_view word)
{
    const auto found = std::find_if(kWorkspacePorts.begin(), kWorkspacePorts.end(),
        [word](const WorkspacePort& port) { return port.word == word; });
    return found == kWorkspacePorts.end() ? nullptr : &*found;
}

/// Takes what stands before the first slash off `path`, and the slash.
std::string_view take_segment(std::string_view& path)
{
    const auto slash = path.find('/');
    const auto segment = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    return segment;
}

std::optional<Visit> make_visit(std::string_view id, std::string_view word, std::string_view rest)
{
    const auto* port = port_of(word);
    if (!port || !is_dns_label(id)) return std::nullopt;
    return Visit{std::string(id), *port, std::string(rest)};
}

} // namespace

ProxyRoute proxy_route(const PublicAddress& address, const std::string& id, const WorkspacePort& port)
{
    ProxyRoute route{id + "-" + std::string(port.word), "", port.port, ""};
    route.rule = "Host(`" + workspace_host(address, id, port) + "`)";
    const auto path = workspace_path(address, id, port);
    if (path == "/") return route;
    route.strip = path.substr(0, path.size() - 1);
    route.rule += " && (Path(`" + route.strip + "`) || PathPrefix(`" + path + "`))";
    return route;
}

std::string any_workspace_rule(const PublicAddress& address)
{
    const std::string id(kAnyId);
    const std::string words(kWords);
    if (address.routing == RoutingMode::path)
        return "Host(`" + address.domain + "`) && PathRegexp(`^/" + words + "/" + id + "(/|$)`)";
    return "HostRegexp(`^" + id + "-" + words + "\\." + quoted(address.domain) + "$`)";
}

std::optional<Visit> visit_of(const PublicAddress& address, std::string_view host, std::string_view target)
{
    if (host.size() > 300) return std::nullopt;
    auto name = lower(host.substr(0, host.find(':')));
    auto path = target.substr(0, target.find_first_of("?#"));
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    if (address.routing == RoutingMode::path) {
        if (name != lower(address.domain)) return std::nullopt;
        const auto word = take_segment(path);
        const auto id = take_segment(path);
        return make_visit(id, word, path);
    }
    const auto suffix = "." + lower(address.domain);
    if (name.size() <= suffix.size() || !name.ends_with(suffix)) return std::nullopt;
    name.resize(name.size() - suffix.size());
    const auto dash = name.rfind('-');
    if (dash == std::string::npos) return std::nullopt;
    return make_visit(std::string_view(name).substr(0, dash), std::string_view(name).substr(dash + 1), path);
}

} // namespace berth
