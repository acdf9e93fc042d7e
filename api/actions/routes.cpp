#include "api/actions/routes.hpp"

namespace berth {

namespace {

constexpr const char* kMemory = "traefik-table";
// An address that nobody has, answered by Traefik's own 404.
constexpr std::string_view kNoRouter =
    R"json("berth-none":{"rule":"Host(`none.berth.invalid`)","service":"noop@internal"})json";

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

/// The phases that can have a route; the others need not even be decoded.
bool serves_in(std::string_view phase)
{
    return phase == "starting" || phase == "running" || phase == "warm";
}

std::string rule_of(const PublicAddress& address, const std::string& id, const WorkspacePort& port)
{
    std::string rule = "Host(`" + workspace_host(address, id, port) + "`)";
    const auto path = workspace_path(address, id, port);
    if (path != "/") rule += " && PathPrefix(`" + path + "`)";
    return rule;
}

} // namespace

std::optional<RouteFragment> route_fragment(const Workspace& workspace, const RouteSettings& settings)
{
    const auto& status = workspace.status;
    const bool wanted =
        workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
    const bool serves = serves_in(detail::enumerator_name(status.phase));
    const auto host = url_host(status.address);
    if (!wanted || !serves || host.empty()) return std::nullopt;
    const auto& id = workspace.metadata.name;
    RouteFragment fragment;
    for (const auto& port : kWorkspacePorts) {
        const auto name = id + "-" + std::string(port.word);
        json::object router{{"rule", rule_of(settings.address, id, port)}, {"service", name}};
        if (settings.tls) router["tls"] = json::object{};
        const json::array servers{json::object{{"url", "http://" + host + ":" + std::to_string(port.port)}}};
        const json::object service{
            {"loadBalancer", json::object{{"servers", servers}, {"passHostHeader", true}}}};
        const std::string comma = fragment.routers.empty() ? "" : ",";
        const auto key = json::serialize(json::value(name));
        fragment.routers += comma + key + ":" + json::serialize(router);
        fragment.services += comma + key + ":" + json::serialize(service);
    }
    return fragment;
}

std::string encode_routes(const std::map<Key, RouteFragment>& fragments)
{
    std::size_t size = 128;
    for (const auto& [key, fragment] : fragments)
        size += fragment.routers.size() + fragment.services.size() + 2;
    std::string text;
    text.reserve(size);
    text += R"({"http":{"routers":{)";
    text += kNoRouter;
    for (const auto& [key, fragment] : fragments) text.append(",").append(fragment.routers);
    text += "}";
    if (!fragments.empty()) {
        text += R"(,"services":{)";
        bool first = true;
        for (const auto& [key, fragment] : fragments) {
            if (!first) text += ",";
            first = false;
            text += fragment.services;
        }
        text += "}";
    }
    return text += "}}";
}

RouteTable::RouteTable(WorkspaceCache& workspaces, Executor executor, Clock& clock, RouteSettings settings)
    : clock_(clock),
      table_(std::make_shared<Table>(executor, std::move(settings)))
{
    for (const auto& [key, workspace] : workspaces.all()) table_->update(key, workspace);
    workspaces.on_change(
        [table = table_](const Key& key, const WorkspacePtr& workspace) { table->update(key, workspace); });
}

void RouteTable::Table::update(const Key& key, const WorkspacePtr& workspace)
{
    const bool serves = workspace && serves_in(workspace.phase());
    auto fresh = serves ? route_fragment(*workspace, settings) : std::nullopt;
    const auto known = fragments.find(key);
    if (!fresh && known == fragments.end()) return;
    if (fresh && known != fragments.end() && known->second == *fresh) return;
    if (fresh)
        fragments[key] = std::move(*fresh);
    else
        fragments.erase(known);
    ++version;
    changed.notify_all();
}

const std::string& RouteTable::Table::text()
{
    if (encoded_version != version) {
        encoded = encode_routes(fragments);
        encoded_version = version;
    }
    return encoded;
}

void RouteTable::mount(Router& router)
{
    Doc doc{.summary = "Routes for Traefik's HTTP provider",
        .description =
            "Dynamic configuration of Traefik v3. A long poll: after the first request on a connection the "
            "answer is held until the table changes, at most 50 seconds.",
        .tag = "Routes"};
    doc.roles = {Role::proxy, Role::admin};
    doc.long_poll = true;
    router.get("/api/v1/traefik/config", std::move(doc), &RouteTable::poll, this);
}

awaitable<> RouteTable::wait_for_change(std::uint64_t version)
{
    const auto table = table_;
    const auto until = clock_.tick() + table->settings.hold;
    while (table->version == version && clock_.tick() < until) {
        try {
            co_await with_timeout(clock_, until - clock_.tick(), table->changed.wait(), "long poll");
        } catch (const Error& error) {
            if (error.code() != Errc::Timeout) throw;
        }
    }
    if (table->version != version) co_await clock_.sleep(table->settings.coalesce);
}

awaitable<Reply> RouteTable::poll(Call call)
{
    if (call.connection) {
        const auto& memory = call.connection->memory;
        const auto last = memory.find(kMemory);
        if (last != memory.end()) co_await wait_for_change(std::stoull(last->second));
    }
    auto reply = Reply::json_text(200, table_->text());
    // The proxy is a neighbour: compressing some 100 KB at each change would cost more than sending them.
    reply.headers.emplace_back("Content-Encoding", "identity");
    if (call.connection) call.connection->memory[kMemory] = std::to_string(table_->encoded_version);
    co_return reply;
}

} // namespace berth
