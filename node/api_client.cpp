#include "node/api_client.hpp"

#include "controller/base/log.hpp"

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

struct ApiClient::Initial {
    bool complete = false;
    std::map<std::string, Workspace> by_uid;
};

std::string object_target(const std::string& org, std::string_view plural, const std::string& name)
{
    return "/api/v1/orgs/" + url_encode(org) + "/" + std::string(plural) + "/" + url_encode(name);
}

Duration with_jitter(Duration base)
{
    thread_local std::minstd_rand generator{std::random_device{}()};
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

awaitable<> ApiClient::watch_workspaces(WorkspaceListener listener)
{
    auto delay = kFirstRetry;
    while (true) {
        std::string problem = "the connection ended";
        const auto started = clock_.tick();
        try {
            co_await watch_once(listener);
        } catch (const Error& error) {
            problem = error.what();
            if (error.code() == Errc::Gone) revision_.clear();
        }
        if (connected_)
            log::warning("the watch on berthd was cut", {{"error", problem}});
        else
            log::debug("berthd can't be watched", {{"error", problem}});
        connected_ = false;
        if (clock_.tick() - started > kLongestRetry) delay = kFirstRetry;
        co_await clock_.sleep(with_jitter(delay));
        delay = std::min(delay * 2, kLongestRetry);
    }
}

awaitable<> ApiClient::watch_once(const WorkspaceListener& listener)
{
    HttpRequest request;
    request.target = "/api/v1/orgs/-/workspaces?watch=1";
    if (!revision_.empty()) request.target += "&resourceVersion=" + url_encode(revision_);
    request.idle = kSilence;
    const auto body = co_await transport_.stream(std::move(request));
    if (body->status() != 200)
        throw Error{
            code_of(body->status()), "berthd answered " + std::to_string(body->status()) + " to a watch"};
    if (!connected_) log::info("watching berthd", {{"from", revision_.empty() ? "the start" : revision_}});
    connected_ = true;
    Initial initial{.complete = !revision_.empty(), .by_uid = {}};
    while (const auto line = co_await body->read_line()) {
        if (line->empty()) continue;
        const auto event = parse_json(*line, {.max_bytes = 8 << 20, .max_depth = 32});
        if (!event.is_object()) throw Error{Errc::Internal, "berthd sent an odd event"};
        if (!take(listener, initial, event.get_object()))
            throw Error{Errc::Gone, "the watch's history is gone"};
    }
}

/// False when the watch has to start afresh.
bool ApiClient::take(const WorkspaceListener& listener, Initial& initial, const json::object& event)
{
    const auto type = text_at(event, "type");
    const auto& object = object_at(event, "object");
    if (type == "ERROR") return false;
    const auto& metadata = object_at(object, "metadata");
    const auto revision = text_at(metadata, "resourceVersion");
    if (type == "BOOKMARK") {
        if (!initial.complete && object_at(metadata, "annotations").contains(kInitialEnd)) {
            initial.complete = true;
            listener.synced(std::move(initial.by_uid));
        }
    } else if (type == "DELETED") {
        const auto uid = text_at(metadata, "uid");
        if (initial.complete)
            listener.deleted(uid);
        else
            initial.by_uid.erase(uid);
    } else {
        Workspace workspace;
        try {
            workspace = decode_object<Workspace>(json::value(object), Unknown::Ignore);
        } catch (const Error& error) {
            // One object that we can't read must not stop the work on the others.
            log::error("a workspace can't be read", {{"error", error.what()}});
            return true;
        }
        const auto uid = workspace.metadata.uid;
        if (initial.complete)
            listener.changed(std::move(workspace));
        else
            initial.by_uid[uid] = std::move(workspace);
    }
    // A cut in the middle of the first events must start over: they come in the order of names.
    if (initial.complete && !revision.empty()) revision_ = revision;
    return true;
}

} // namespace berth
