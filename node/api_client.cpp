#include "node/api_client.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "controller/base/random.hpp"
#include "node/told.hpp"

#include <random>

namespace berth {

namespace {

/// The server sends a bookmark every 10 s; three missed ones mean a dead connection.
constexpr Duration kSilence = std::chrono::seconds{35};
constexpr Duration kFirstRetry{200};
constexpr Duration kLongestRetry = std::chrono::seconds{5};
constexpr Duration kPutDeadline = std::chrono::seconds{10};
constexpr const char* kInitialEnd = "berth.dev/initial-events-end";

std::string text_at(const json::object& object, std::string_view name)
{
    const auto* found = object.if_contains(name);
    return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

const json::object& object_at(const json::object& object, std::string_view name)
{
    static const json::object kEmpty;
    const auto* found = object.if_contains(name);
    return found && found->is_object() ? found->get_object() : kEmpty;
}

Errc code_of(unsigned status)
{
    switch (status) {
    case 400:
    case 422:
        return Errc::Invalid;
    case 401:
    case 403:
        return Errc::Denied;
    case 404:
        return Errc::NotFound;
    case 409:
        return Errc::Conflict;
    case 410:
        return Errc::Gone;
    default:
        return status >= 500 || status == 429 ? Errc::Unavailable : Errc::Internal;
    }
}

} // namespace

Errc api_error(unsigned status) { return code_of(status); }

/// What one watch knows between its connections.
struct ApiClient::WatchState {
    std::string plural;
    ObjectListener listener;
    std::string revision; ///< seen everything up to here; empty: start afresh
    bool connected = false;
    // What a fresh watch has told so far.
    bool complete = false;
    std::map<std::string, json::object> by_uid{};
};

std::string object_target(const std::string& org, std::string_view plural, const std::string& name)
{
    return "/api/v1/orgs/" + url_encode(org) + "/" + std::string(plural) + "/" + url_encode(name);
}

Duration with_jitter(Duration base)
{
    thread_local std::minstd_rand generator{random_seed()};
    return base + Duration{std::uniform_int_distribution<Duration::rep>{0, base.count() / 2}(generator)};
}

awaitable<> ApiClient::put(std::string target, json::object body)
{
    HttpRequest request;
    request.method = "PUT";
    request.target = std::move(target);
    request.headers.set("Content-Type", "application/json");
    request.body = json::serialize(body);
    request.deadline = kPutDeadline;
    const auto response = co_await transport_.send(std::move(request));
    if (response.status < 300) co_return;
    throw Error{code_of(response.status),
        "berthd answered " + std::to_string(response.status) + ": " + response.body.substr(0, 300)};
}

awaitable<unsigned> ApiClient::report_idle(std::string workspace, std::string token, std::string body)
{
    HttpRequest request;
    request.method = "POST";
    request.target = "/api/containers/" + url_encode(workspace) + "/callback";
    request.headers.set("Content-Type", "application/json");
    request.headers.set("Authorization", "Bearer " + token); // in place of the transport's own
    request.body = std::move(body);
    request.deadline = kPutDeadline;
    const auto response = co_await transport_.send(std::move(request));
    co_return response.status;
}

awaitable<> ApiClient::watch_workspaces(WorkspaceListener listener)
{
    // One object that we can't read must not stop the work on the others.
    const auto decoded = [](const json::object& object) -> std::optional<Workspace> {
        try {
            return decode_told<Workspace>(object);
        } catch (const Error& error) {
            log::error("a workspace can't be read", {{"error", error.what()}});
            return std::nullopt;
        }
    };
    ObjectListener objects;
    objects.synced = [listener, decoded](std::map<std::string, json::object> all) {
        std::map<std::string, Workspace> by_uid;
        for (const auto& [uid, object] : all)
            if (auto workspace = decoded(object)) by_uid.emplace(uid, std::move(*workspace));
        listener.synced(std::move(by_uid));
    };
    objects.changed = [listener, decoded](const json::object& object) {
        if (auto workspace = decoded(object)) listener.changed(std::move(*workspace));
    };
    objects.deleted = listener.deleted;
    co_await watch("workspaces", std::move(objects));
}

awaitable<> ApiClient::watch(std::string plural, ObjectListener listener)
{
    WatchState state{std::move(plural), std::move(listener), ""};
    auto delay = kFirstRetry;
    while (true) {
        std::string problem = "the connection ended";
        const auto started = clock_.tick();
        try {
            co_await watch_once(state);
        } catch (const Error& error) {
            problem = error.what();
            if (error.code() == Errc::Gone) state.revision.clear();
        }
        if (state.connected)
            log::warning("the watch on berthd was cut", {{"kind", state.plural}, {"error", problem}});
        else
            log::debug("berthd can't be watched", {{"kind", state.plural}, {"error", problem}});
        state.connected = false;
        if (clock_.tick() - started > kLongestRetry) delay = kFirstRetry;
        co_await clock_.sleep(with_jitter(delay));
        delay = std::min(delay * 2, kLongestRetry);
    }
}

awaitable<> ApiClient::watch_once(WatchState& state)
{
    HttpRequest request;
    request.target = "/api/v1/orgs/-/" + state.plural + "?watch=1";
    if (!state.revision.empty()) request.target += "&resourceVersion=" + url_encode(state.revision);
    request.idle = kSilence;
    const auto body = co_await transport_.stream(std::move(request));
    if (body->status() != 200)
        throw Error{
            code_of(body->status()), "berthd answered " + std::to_string(body->status()) + " to a watch"};
    if (!state.connected)
        log::info("watching berthd",
            {{"kind", state.plural}, {"from", state.revision.empty() ? "the start" : state.revision}});
    state.connected = true;
    state.complete = !state.revision.empty();
    state.by_uid.clear();
    while (const auto line = co_await body->read_line()) {
        if (line->empty()) continue;
        const auto event = parse_json(*line, {.max_bytes = 8 << 20, .max_depth = 32});
        if (!event.is_object()) throw Error{Errc::Internal, "berthd sent an odd event"};
        if (!take(state, event.get_object())) throw Error{Errc::Gone, "the watch's history is gone"};
    }
}

/// False when the watch has to start afresh.
bool ApiClient::take(WatchState& state, const json::object& event)
{
    const auto type = text_at(event, "type");
    const auto& object = object_at(event, "object");
    if (type == "ERROR") return false;
    const auto& metadata = object_at(object, "metadata");
    const auto revision = text_at(metadata, "resourceVersion");
    const auto uid = text_at(metadata, "uid");
    if (type == "BOOKMARK") {
        if (!state.complete && object_at(metadata, "annotations").contains(kInitialEnd)) {
            state.complete = true;
            state.listener.synced(std::exchange(state.by_uid, {}));
        }
    } else if (type == "DELETED") {
        if (state.complete)
            state.listener.deleted(uid);
        else
            state.by_uid.erase(uid);
    } else if (state.complete) {
        state.listener.changed(object);
    } else {
        state.by_uid[uid] = object;
    }
    // A cut in the middle of the first events must start over: they come in the order of names.
    const bool resumable = state.complete || planted("agent.resumes-half-a-list");
    if (resumable && !revision.empty()) state.revision = revision;
    return true;
}

} // namespace berth
