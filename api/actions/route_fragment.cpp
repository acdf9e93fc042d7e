#include "api/actions/route_fragment.hpp"

#include "api/types/proxy_routes.hpp"

namespace berth {

namespace {

// An address that nobody has, answered by Traefik's own 404.
constexpr std::string_view kNoRouter =
    R"json("berth-none":{"rule":"Host(`none.berth.invalid`)","service":"noop@internal"})json";
constexpr const char* kSlotGuard = "berth-slot";
constexpr const char* kNoProbeHeader = "berth-no-probe-header";
constexpr const char* kSlash = "berth-slash";
constexpr const char* kPage = "berth-page";
constexpr const char* kVerbGuard = "berth-verb";
constexpr const char* kStart = "berth-start";
constexpr const char* kStatus = "berth-status";
constexpr const char* kApi = "berth-api";
constexpr int kMaxGuardAnswer = 64 * 1024; // bytes
constexpr int kLast = 1;
// Above every workspace's own routers: the page's calls carry a key, which must never reach a workspace that
// was started meanwhile.
constexpr int kFirst = 1'000'000;

/// Text of an IP address, as it stands in a URL; empty for anything else, so that a report can't write into
/// the table.
std::string url_host(const std::string& address)
{
    constexpr auto kV4 = "0123456789.";
    constexpr auto kV6 = "0123456789abcdefABCDEF:.";
    if (address.empty() || address.size() > 45) return "";
    if (address.find_first_not_of(kV4) == std::string::npos) return address;
    const bool v6 =
        address.find(':') != std::string::npos && address.find_first_not_of(kV6) == std::string::npos;
    return v6 ? "[" + address + "]" : "";
}

bool serves(Phase phase)
{
    return phase == Phase::starting || phase == Phase::running || phase == Phase::warm;
}

void add(std::string& members, const std::string& name, const json::object& value)
{
    if (!members.empty()) members += ",";
    members += json::serialize(json::value(name)) + ":" + json::serialize(value);
}

json::object service(const std::string& url)
{
    const json::array servers{json::object{{"url", url}}};
    return {{"loadBalancer", json::object{{"servers", servers}, {"passHostHeader", true}}}};
}

/// The answer decides: 2xx lets the request through, anything else is what the client gets. Of the request
/// only these headers are told, so that neither cookies nor keys get into Berth.
json::object guard(const RouteSettings& settings, std::string_view path)
{
    const json::object ask{{"address", settings.api_url + std::string(path)},
        {"authRequestHeaders", json::array{"Accept", kProbeHeader}}, {"trustForwardHeader", false},
        {"maxResponseBodySize", kMaxGuardAnswer}};
    return {{"forwardAuth", ask}};
}

json::object api_router(
    const RouteSettings& settings, std::string rule, int priority, json::array middlewares)
{
    json::object router{{"rule", std::move(rule)}, {"priority", priority},
        {"middlewares", std::move(middlewares)}, {"service", kApi}};
    if (settings.tls) router["tls"] = json::object{};
    return router;
}

void add_page(RouteFragment& out, const RouteSettings& settings)
{
    const auto any = any_workspace_rule(settings.address);
    add(out.routers, kPage, api_router(settings, any, kLast, {kPage}));
    add(out.middlewares, kPage, guard(settings, "/api/v1/edge/page"));
    add(out.middlewares, kVerbGuard, guard(settings, "/api/v1/edge/verb"));
    const auto verb = [&](const char* name, const char* method, const std::string& word,
                          const std::string& path) {
        const auto tail = "/\\.berth/([a-z0-9-]+)/" + word + "$";
        const auto rule = any + " && Method(`" + method + "`) && PathRegexp(`" + tail + "`)";
        add(out.routers, name, api_router(settings, rule, kFirst, {kVerbGuard, name}));
        const json::object replace{{"regex", "^.*" + tail}, {"replacement", path}};
        add(out.middlewares, name, json::object{{"replacePathRegex", replace}});
    };
    verb(kStart, "POST", "start", "/api/containers/${1}/start");
    verb(kStatus, "GET", "status", "/api/containers/${1}");
    add(out.services, kApi, service(settings.api_url));
}

json::array middlewares_of(bool guarded, const std::string& strip_name)
{
    json::array names;
    if (guarded) names = {kSlotGuard, kNoProbeHeader};
    if (strip_name.empty()) return names;
    names.emplace_back(kSlash);
    names.emplace_back(strip_name);
    return names;
}

} // namespace

bool needs_guard(const Workspace& workspace)
{
    return !workspace.spec.pool.empty() || workspace.status.phase == Phase::warm;
}

std::optional<RouteFragment> route_fragment(const Workspace& workspace, const RouteSettings& settings)
{
    const auto& status = workspace.status;
    const bool wanted =
        workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
    const auto host = url_host(status.address);
    if (!wanted || !serves(status.phase) || host.empty()) return std::nullopt;
    const bool guarded = needs_guard(workspace);
    if (guarded && settings.api_url.empty()) return std::nullopt;
    RouteFragment fragment;
    for (const auto& port : kWorkspacePorts) {
        const auto route = proxy_route(settings.address, workspace.metadata.name, port);
        json::object router{{"rule", route.rule}, {"service", route.name}};
        auto names = middlewares_of(guarded, route.strip.empty() ? "" : route.name);
        if (!names.empty()) router["middlewares"] = std::move(names);
        if (settings.tls) router["tls"] = json::object{};
        add(fragment.routers, route.name, router);
        add(fragment.services, route.name, service("http://" + host + ":" + std::to_string(route.port)));
        if (route.strip.empty()) continue;
        const json::object strip{{"prefixes", json::array{json::value(route.strip)}}};
        add(fragment.middlewares, route.name, json::object{{"stripPrefix", strip}});
    }
    return fragment;
}

RouteFragment constant_routes(const RouteSettings& settings)
{
    RouteFragment out{std::string(kNoRouter), "", ""};
    if (settings.address.routing == RoutingMode::path) {
        const json::object redirect{{"regex", kSlashRegex}, {"replacement", kSlashReplacement}};
        add(out.middlewares, kSlash, json::object{{"redirectRegex", redirect}});
    }
    if (settings.api_url.empty()) return out;
    add_page(out, settings);
    add(out.middlewares, kSlotGuard, guard(settings, kSlotGuardPath));
    const json::object without{{"customRequestHeaders", json::object{{kProbeHeader, ""}}}};
    add(out.middlewares, kNoProbeHeader, json::object{{"headers", without}});
    return out;
}

namespace {

/// `"name":{…}` of all fragments; nothing when there is none: Traefik refuses an empty section.
void append_section(std::string& text, std::string_view name, const std::map<Key, RouteFragment>& fragments,
    const RouteFragment& constant, std::string RouteFragment::*member)
{
    bool first = true;
    const auto append = [&](const std::string& members) {
        if (members.empty()) return;
        if (first)
            text.append(text.ends_with('{') ? "\"" : ",\"").append(name).append("\":{");
        else
            text += ",";
        first = false;
        text += members;
    };
    append(constant.*member);
    for (const auto& [key, fragment] : fragments) append(fragment.*member);
    if (!first) text += "}";
}

} // namespace

std::string encode_routes(const std::map<Key, RouteFragment>& fragments, const RouteFragment& constant)
{
    std::size_t size = 4096;
    for (const auto& [key, fragment] : fragments)
        size += fragment.routers.size() + fragment.services.size() + fragment.middlewares.size() + 3;
    std::string text;
    text.reserve(size);
    text += R"({"http":{)";
    auto always = constant;
    if (always.routers.empty()) always.routers = kNoRouter;
    append_section(text, "routers", fragments, always, &RouteFragment::routers);
    append_section(text, "services", fragments, always, &RouteFragment::services);
    append_section(text, "middlewares", fragments, always, &RouteFragment::middlewares);
    return text += "}}";
}

} // namespace berth
