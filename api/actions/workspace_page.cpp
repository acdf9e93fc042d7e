#include "api/actions/workspace_page.hpp"

#include "api/types/proxy_routes.hpp"
#include "controller/base/random.hpp"

namespace berth {

namespace {

constexpr const char* kOrg = "default"; // addresses have no org

/// What Traefik itself says where there is no route.
Reply bare() { return Reply::text(404, "404 page not found\n"); }

Doc edge_doc(std::string summary)
{
    Doc doc{.summary = std::move(summary), .tag = "Routes"};
    doc.open = true;
    doc.unlisted = true;
    return doc;
}

bool wanted(const Workspace& workspace)
{
    return workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
}

/// Programs that say what they want and don't want a page get words.
bool wants_page(const Call& call)
{
    const auto accept = call.header("Accept");
    return accept.empty() || accept.find("text/html") != std::string_view::npos ||
           accept.find("*/*") != std::string_view::npos;
}

Reply page_reply(PageState state, const Visit& visit, const PublicAddress& address, bool html)
{
    const bool starting = state == PageState::starting;
    auto reply = bare();
    if (html) {
        const auto nonce = random_text(24);
        const auto allowed = "'nonce-" + nonce + "'";
        const auto base = workspace_path(address, visit.id, visit.port);
        reply = Reply::text(404, render_page(state, visit.id, base, nonce), "text/html; charset=utf-8");
        reply.headers = {{"Content-Security-Policy", "default-src 'none'; style-src " + allowed +
                                                         "; script-src " + allowed +
                                                         "; connect-src 'self'; base-uri 'none'; "
                                                         "form-action 'none'; frame-ancestors 'none'"},
            {"Referrer-Policy", "no-referrer"}};
    } else if (starting) {
        reply = Reply::text(503, "the workspace is starting\n");
    }
    if (starting) {
        reply.status = 503;
        reply.headers.emplace_back("Retry-After", "2");
    }
    reply.headers.emplace_back("X-Berth-Workspace", detail::enumerator_name(state));
    return reply;
}

} // namespace

PageState page_state(const Workspace& workspace)
{
    const auto phase = workspace.status.phase;
    if (!wanted(workspace))
        return phase == Phase::stopped || phase == Phase::archived ? PageState::stopped : PageState::stopping;
    return phase == Phase::failed ? PageState::failed : PageState::starting;
}

WorkspacePage::WorkspacePage(const WorkspaceCache& workspaces, PageSettings settings)
    : workspaces_(workspaces),
      settings_(std::move(settings))
{}

void WorkspacePage::mount(Router& router)
{
    router.get(std::string(kSlotGuardPath), edge_doc("Whether a request may pass to a slot"),
        &WorkspacePage::slot, this);
    router.get("/api/v1/edge/page", edge_doc("The page of a workspace that does not run"),
        &WorkspacePage::page, this);
    router.get(
        "/api/v1/edge/verb", edge_doc("Whether the page's own calls may pass"), &WorkspacePage::verb, this);
}

std::optional<Visit> WorkspacePage::visit(const Call& call) const
{
    return visit_of(settings_.address, call.header("X-Forwarded-Host"), call.header("X-Forwarded-Uri"));
}

/// The workspace whose existence is no secret: one that somebody has started.
WorkspacePtr WorkspacePage::shown(const std::optional<Visit>& visit) const
{
    if (!visit) return {};
    auto workspace = workspaces_.get({kOrg, visit->id});
    if (!workspace || workspace->metadata.deletionTimestamp || !workspace->spec.pool.empty()) return {};
    return workspace;
}

awaitable<Reply> WorkspacePage::slot(Call call)
{
    const auto& token = settings_.probe_token;
    const bool probe = !token.empty() && equal_constant_time(call.header(kProbeHeader), token);
    const auto workspace = shown(visit(call));
    const bool claimed = workspace && wanted(*workspace);
    co_return probe || claimed ? Reply::empty(204) : bare();
}

awaitable<Reply> WorkspacePage::page(Call call)
{
    const auto where = visit(call);
    const auto workspace = shown(where);
    if (!workspace) co_return bare();
    const auto method = call.header("X-Forwarded-Method");
    const bool look = method.empty() || method == "GET" || method == "HEAD";
    co_return page_reply(page_state(*workspace), *where, settings_.address, look && wants_page(call));
}

/// The page's calls name the workspace that they are about; another's than the address's does not pass.
awaitable<Reply> WorkspacePage::verb(Call call)
{
    const auto where = visit(call);
    const auto workspace = shown(where);
    const bool own = where && where->rest.starts_with(".berth/" + where->id + "/");
    co_return workspace&& own ? Reply::empty(204) : bare();
}

} // namespace berth
