#pragma once
// The agent's side of the API: it watches workspaces and writes reports, with the node's key.

#include "api/types/workspace.hpp"
#include "controller/base/async.hpp"
#include "controller/base/http_client.hpp"

#include <functional>
#include <map>
#include <string>

namespace berth {

/// What the watch tells. `synced` comes with the whole set after each fresh start; between, single changes.
struct WorkspaceListener {
    std::function<void(std::map<std::string, Workspace> by_uid)> synced;
    std::function<void(Workspace)> changed;
    std::function<void(std::string uid)> deleted;
};

/// Lives on the I/O thread; `transport` adds the key to every request.
class ApiClient {
public:
    ApiClient(Transport& transport, Clock& clock) : transport_(transport), clock_(clock) {}

    /// Watches until cancelled: resumes after a cut, starts afresh when its history is gone, waits with
    /// jitter while berthd is away.
    awaitable<> watch_workspaces(WorkspaceListener listener);
    /// Creates or replaces an object. Throws Error{Unavailable|Timeout} when berthd is away, else by status.
    awaitable<> put(std::string target, json::object body);
    /// Whether the last watch connection is still good.
    bool connected() const noexcept { return connected_; }

private:
    struct Initial; // what a fresh watch has told so far
    awaitable<> watch_once(const WorkspaceListener& listener);
    bool take(const WorkspaceListener& listener, Initial& initial, const json::object& event);

    Transport& transport_;
    Clock& clock_;
    std::string revision_; ///< seen everything up to here; empty: start afresh
    bool connected_ = false;
};

/// "/api/v1/orgs/{org}/{plural}/{name}"
std::string object_target(const std::string& org, std::string_view plural, const std::string& name);
/// A duration between `base` and 1.5 times that, so that a whole cluster does not come back at the same
/// moment.
Duration with_jitter(Duration base);

} // namespace berth
