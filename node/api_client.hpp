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

/// The same for objects of any kind, as they came.
struct ObjectListener {
    std::function<void(std::map<std::string, json::object> by_uid)> synced;
    std::function<void(const json::object&)> changed;
    std::function<void(std::string uid)> deleted;
};

/// Lives on the I/O thread; `transport` adds the key to every request.
class ApiClient {
public:
    ApiClient(Transport& transport, Clock& clock) : transport_(transport), clock_(clock) {}

    /// Watches until cancelled: resumes after a cut, starts afresh when its history is gone, waits with
    /// jitter while berthd is away.
    awaitable<> watch_workspaces(WorkspaceListener listener);
    awaitable<> watch(std::string plural, ObjectListener listener);
    /// Creates or replaces an object. Throws Error{Unavailable|Timeout} when berthd is away, else by status.
    awaitable<> put(std::string target, json::object body);
    /// Passes on what the monitor inside a workspace says (W6), with the workspace's token instead of the node's
    /// key. Gives the status of the answer; throws Error{Unavailable|Timeout} when berthd is away.
    awaitable<unsigned> report_idle(std::string workspace, std::string token, std::string body);

private:
    struct WatchState;
    awaitable<> watch_once(WatchState& state);
    static bool take(WatchState& state, const json::object& event);

    Transport& transport_;
    Clock& clock_;
};

/// "/api/v1/orgs/{org}/{plural}/{name}"
std::string object_target(const std::string& org, std::string_view plural, const std::string& name);
/// What an answer of berthd that is no success means.
Errc api_error(unsigned status);
/// A duration between `base` and 1.5 times that, so that a whole cluster does not come back at the same
/// moment.
Duration with_jitter(Duration base);

} // namespace berth
