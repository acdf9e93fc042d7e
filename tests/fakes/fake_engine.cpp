// Transport, routing, faults.
#include "tests/fakes/fake_engine_parts.hpp"

#include <algorithm>
#include <cstdio>

namespace berth {

namespace {

std::string url_decode(std::string_view text)
{
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            decoded += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
            i += 2;
        } else {
            decoded += text[i] == '+' ? ' ' : text[i];
        }
    }
    return decoded;
}

std::vector<std::string> split(std::string_view text, char separator)
{
    std::vector<std::string> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// "/v1.41/services?x" → "/services?x"; the version must be one that the engine speaks.
std::string without_version(const std::string& target)
{
    if (!target.starts_with("/v1.")) return target;
    const auto slash = target.find('/', 1);
    return slash == std::string::npos ? "/" : target.substr(slash);
}

/// Fills what the pattern leaves open; "**" takes the rest with its slashes up to the last literal part.
bool matches(const std::string& pattern, const std::string& path, std::vector<std::string>& open)
{
    const auto want = split(pattern, '/');
    const auto have = split(path, '/');
    if (want.size() != have.size()) return false;
    open.clear();
    for (std::size_t i = 0; i < want.size(); ++i) {
        if (want[i] == "*") open.push_back(url_decode(have[i]));
        else if (want[i] != have[i]) return false;
    }
    return true;
}

HttpResponse json_reply(unsigned status, const json::value& value)
{
    HttpResponse response{status, {{"Content-Type", "application/json"}}, {}};
    if (status != 204 && status != 304) response.body = json::serialize(value);
    return response;
}

HttpResponse refuse(unsigned status, const std::string& message)
{
    return json_reply(status, json::object{{"message", message}});
}

std::string http_date(Time time)
{
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
    const std::time_t stamp = seconds;
    std::tm parts{};
    gmtime_r(&stamp, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

std::string call_of(const HttpRequest& request)
{
    const auto target = without_version(request.target);
    return request.method + " " + target.substr(0, target.find('?'));
}

} // namespace

FakeFilters parse_filters(const std::string& text)
{
    return text.empty() ? FakeFilters{} : decode<FakeFilters>(parse_json(text), Unknown::Reject);
}

bool has_labels(const docker::StringMap& labels, const FakeFilters& filters)
{
    const auto wanted = filters.find("label");
    if (wanted == filters.end()) return true;
    return std::ranges::all_of(wanted->second, [&](const std::string& label) {
        const auto equals = label.find('=');
        const auto found = labels.find(label.substr(0, equals));
        return found != labels.end() && (equals == std::string::npos || found->second == label.substr(equals + 1));
    });
}

FakeEngine::FakeEngine(Executor executor, Clock& clock, FakeEngineOptions options)
    : executor_(std::move(executor)), clock_(clock), options_(std::move(options))
{
    local_node_ = add_node("manager-1");
    auto& node = nodes_[local_node_];
    node.Spec.Role = "manager";
    node.ManagerStatus = docker::ManagerStatus{true, "reachable", "127.0.0.1:2377"};
}

FakeEngine::~FakeEngine()
{
    for (auto* stream : streams_) {
        stream->engine_ = nullptr;
        stream->cut();
    }
}

const std::vector<FakeEngine::Route>& FakeEngine::routes()
{
    using E = FakeEngine;
    static const std::vector<Route> kRoutes{
        {"GET", "/info", &E::info, 200}, {"GET", "/version", &E::version, 200}, {"GET", "/swarm", &E::swarm, 200},
        {"GET", "/services", &E::list_services, 200}, {"POST", "/services/create", &E::create_service, 201},
        {"GET", "/services/*", &E::inspect_service, 200}, {"DELETE", "/services/*", &E::remove_service, 200},
        {"POST", "/services/*/update", &E::update_service, 200}, {"GET", "/tasks", &E::list_tasks, 200},
        {"GET", "/nodes", &E::list_nodes, 200}, {"GET", "/nodes/*", &E::inspect_node, 200},
        {"POST", "/nodes/*/update", &E::update_node, 200}, {"GET", "/networks", &E::list_networks, 200},
        {"POST", "/networks/create", &E::create_network, 201}, {"GET", "/networks/*", &E::inspect_network, 200},
        {"DELETE", "/networks/*", &E::delete_network, 204}, {"GET", "/secrets", &E::list_secrets, 200},
        {"POST", "/secrets/create", &E::create_secret, 201}, {"DELETE", "/secrets/*", &E::delete_secret, 204},
        {"GET", "/containers/json", &E::list_containers, 200},
        {"POST", "/containers/create", &E::create_container, 201},
        {"GET", "/containers/*/json", &E::inspect_container, 200},
        {"GET", "/containers/*/stats", &E::container_stats, 200},
        {"POST", "/containers/*/start", &E::start_container, 204},
        {"POST", "/containers/*/stop", &E::stop_container, 204},
        {"POST", "/containers/*/kill", &E::stop_container, 204},
        {"POST", "/containers/*/wait", &E::wait_container, 200},
        {"DELETE", "/containers/*", &E::delete_container, 204}, {"GET", "/volumes", &E::list_volumes, 200},
        {"POST", "/volumes/create", &E::create_volume, 201}, {"GET", "/volumes/*", &E::inspect_volume, 200},
        {"DELETE", "/volumes/*", &E::delete_volume, 204}, {"GET", "/images/json", &E::list_images, 200},
        {"GET", "/images/*/json", &E::inspect_image, 200}, {"GET", "/images/*/*/json", &E::inspect_image, 200},
    };
    return kRoutes;
}

HttpResponse FakeEngine::ping() const
{
    return {200, {{"Api-Version", options_.api_version}, {"Date", http_date(clock_.now())}}, "OK"};
}

namespace {

template <class Arguments>
Arguments take_apart(const HttpRequest& request)
{
    Arguments arguments;
    arguments.method = request.method;
    arguments.body = request.body;
    const auto mark = request.target.find('?');
    if (mark != std::string::npos)
        for (const auto& pair : split(std::string_view(request.target).substr(mark + 1), '&')) {
            const auto equals = pair.find('=');
            arguments.query[pair.substr(0, equals)] = url_decode(pair.substr(equals + 1));
        }
    arguments.filters = parse_filters(arguments.get("filters"));
    return arguments;
}

} // namespace

HttpResponse FakeEngine::answer(const HttpRequest& request)
{
    advance_tasks();
    const auto target = without_version(request.target);
    const auto path = target.substr(0, target.find('?'));
    if (path == "/_ping") return ping();
    auto arguments = take_apart<Arguments>(request);
    for (const auto& route : routes()) {
        if (route.method != request.method || !matches(route.pattern, path, arguments.path)) continue;
        try {
            auto reply = json_reply(route.success, (this->*route.handler)(arguments));
            if (request.method == "GET") last_lists_[target] = reply;
            return reply;
        } catch (const Refusal& refusal) {
            return refuse(refusal.status, refusal.message);
        }
    }
    return refuse(404, "page not found");
}

std::optional<Fault> FakeEngine::take_fault(const std::string& call)
{
    for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
        if (!call.starts_with(fault->call)) continue;
        if (fault->skip > 0) {
            --fault->skip;
            continue;
        }
        const auto taken = *fault;
        if (fault->times > 0 && --fault->times == 0) faults_.erase(fault);
        return taken;
    }
    return std::nullopt;
}

awaitable<HttpResponse> FakeEngine::fail(Fault fault, HttpRequest request)
{
    using Kind = Fault::Kind;
    switch (fault.kind) {
    case Kind::Refuse: throw Error{Errc::Unavailable, call_of(request) + ": connection refused; it was not done"};
    case Kind::StatusBefore: co_return refuse(fault.status, "injected failure");
    case Kind::EmptyList: co_return json_reply(200, json::array{});
    case Kind::StaleList: {
        const auto last = last_lists_.find(without_version(request.target));
        co_return last == last_lists_.end() ? json_reply(200, json::array{}) : last->second;
    }
    case Kind::StatusAfter: answer(request); co_return refuse(fault.status, "injected failure");
    case Kind::LostReply: answer(request); break;
    case Kind::HangAfter: answer(request); [[fallthrough]];
    case Kind::Hang: co_await clock_.sleep(request.deadline.value_or(std::chrono::seconds{30})); break;
    }
    throw Error{Errc::Timeout, call_of(request) + ": no answer; whether it was done is not known"};
}

awaitable<HttpResponse> FakeEngine::send(HttpRequest request)
{
    const auto call = call_of(request);
    calls_.push_back(call);
    auto fault = take_fault(call);
    if (fault) co_return co_await fail(std::move(*fault), std::move(request));
    co_return answer(request);
}

std::unique_ptr<BodyStream> FakeEngine::whole_body(const HttpResponse& reply)
{
    auto body = std::make_unique<Stream>(nullptr, executor_, clock_);
    body->status_ = reply.status;
    if (!reply.body.empty()) body->deliver(reply.body);
    body->finish();
    return body;
}

awaitable<std::unique_ptr<BodyStream>> FakeEngine::stream(HttpRequest request)
{
    const auto call = call_of(request);
    calls_.push_back(call);
    auto fault = take_fault(call);
    if (fault) co_return whole_body(co_await fail(std::move(*fault), std::move(request)));
    advance_tasks();
    auto arguments = take_apart<Arguments>(request);
    const auto target = without_version(request.target);
    const auto path = target.substr(0, target.find('?'));
    std::optional<Refusal> refusal;
    try {
        if (path == "/events") co_return open_events(arguments);
        if (matches("/containers/*/logs", path, arguments.path)) co_return open_logs(arguments);
    } catch (const Refusal& refused) {
        refusal = refused;
    }
    co_return whole_body(refusal ? refuse(refusal->status, refusal->message) : answer(request));
}

std::size_t FakeEngine::calls(const std::string& start) const
{
    return static_cast<std::size_t>(
        std::ranges::count_if(calls_, [&](const std::string& call) { return call.starts_with(start); }));
}

} // namespace berth
