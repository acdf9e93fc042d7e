#include "api/actions/routes.hpp"

namespace berth {

namespace {

constexpr const char* kMemory = "traefik-table";
/// The phases that can have a route; the others need not even be decoded.
bool serves_in(std::string_view phase)
{
    return phase == "starting" || phase == "running" || phase == "warm";
}

} // namespace

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
        encoded = encode_routes(fragments, constant);
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
        if (last != memory.end())
            co_await wait_for_change(std::stoull(last->second));
        else if (on_connect)
            on_connect();
    }
    auto reply = Reply::json_text(200, table_->text());
    // The proxy is a neighbour: compressing some 100 KB at each change would cost more than sending them.
    reply.headers.emplace_back("Content-Encoding", "identity");
    if (call.connection) call.connection->memory[kMemory] = std::to_string(table_->encoded_version);
    co_return reply;
}

} // namespace berth
