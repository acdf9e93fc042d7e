#pragma once
// What the reverse proxy asks Berth: who may pass to a slot of a pool, and what somebody gets to see who
// opens a workspace that does not run.

#include "api/actions/settings.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"

namespace berth {

struct Visit;

/// Routes below /api/v1/edge, answered from memory. Asked by Traefik's forwardAuth, which sends the address
/// in X-Forwarded-Host and X-Forwarded-Uri and hands any answer but a 2xx to the client as it is. Open: they
/// say no more than the public address itself does. An id that does not exist, is being deleted or is an
/// unclaimed slot gets the same bare 404 in all of them. Owned by main, outlives the server; I/O thread; the
/// cache outlives it.
class WorkspacePage {
public:
    WorkspacePage(const WorkspaceCache& workspaces, PageSettings settings);

    void mount(Router& router);

private:
    awaitable<Reply> slot(Call call);
    awaitable<Reply> page(Call call);
    awaitable<Reply> verb(Call call);
    std::optional<Visit> visit(const Call& call) const;
    WorkspacePtr shown(const std::optional<Visit>& visit) const;

    const WorkspaceCache& workspaces_;
    PageSettings settings_;
};

/// What the page is about.
enum class PageState { stopped, stopping, starting, failed };
BOOST_DESCRIBE_ENUM(PageState, stopped, stopping, starting, failed)
PageState page_state(const Workspace& workspace);

/// The whole page. `base` is the path of the workspace's port, with a slash at its end; `nonce` allows the
/// page's own style and script and nothing else. Everything is escaped.
std::string render_page(
    PageState state, const std::string& id, const std::string& base, const std::string& nonce);

} // namespace berth
