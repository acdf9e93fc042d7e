// How a call is made: version, encoding, errors, observation. The calls themselves are in client_*.cpp.
#include "docker/call.hpp"
#include "docker/errors.hpp"

#include <charconv>
#include <cstdio>
#include <ctime>

namespace berth::docker {

namespace {

struct ApiVersion {
    int major = 0, minor = 0;
    auto operator<=>(const ApiVersion&) const = default;
};

std::optional<ApiVersion> parse_version(std::string_view text)
{
    ApiVersion version;
    const auto* end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, version.major);
    if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
    const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
    if (minor.ec != std::errc{} || minor.ptr != end) return std::nullopt;
    return version;
}

/// "Sat, 21 Nov 2026 09:00:00 GMT"
std::optional<Time> parse_http_date(std::string_view text)
{
    std::tm parts{};
    const std::string copy{text};
    const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!end || *end) return std::nullopt;
    return Time{std::chrono::seconds{timegm(&parts)}};
}

constexpr std::size_t kMaxReply = 256 << 20;

} // namespace

std::string negotiate_version(std::string_view engine)
{
    const auto theirs = parse_version(engine);
    if (!theirs)
        throw Error{Errc::Unavailable, "this is no Docker engine: it names no API version"};
    if (*theirs < *parse_version(Client::kOldestApi))
        throw Error{Errc::Unavailable, "the Docker engine is too old: it speaks API " + std::string(engine) +
                                           ", Berth needs " + std::string(Client::kOldestApi) + " (Engine 20.10) or newer"};
    return std::string(*theirs < *parse_version(Client::kNewestApi) ? engine : Client::kNewestApi);
}

Filters with_labels(const StringMap& labels)
{
    Filters filters;
    for (const auto& [key, value] : labels) filters["label"].push_back(key + "=" + value);
    return filters;
}

std::string filters_text(const Filters& filters) { return filters.empty() ? "" : json::serialize(encode(filters)); }

std::string query(const std::vector<std::pair<std::string, std::string>>& values)
{
    std::string text;
    for (const auto& [name, value] : values)
        if (!value.empty()) text += (text.empty() ? "?" : "&") + name + "=" + url_encode(value);
    return text;
}

json::value parse_reply(std::string_view call, const std::string& body)
{
    try {
        return parse_json(body, JsonLimits{kMaxReply, 64});
    } catch (const Error& error) {
        throw Error{Errc::Internal, "docker " + std::string(call) + ": unexpected reply: " + error.what()};
    }
}

Client::Client(Transport& transport, Clock& clock, ClientOptions options)
    : transport_(transport), clock_(clock), options_(std::move(options))
{
}

void Client::observe(const Call& call, std::string_view code, Tick since) const
{
    if (!options_.observer) return;
    const auto host = transport_.host();
    const std::chrono::duration<double> seconds = clock_.tick() - since;
    options_.observer(CallRecord{call.method, call.name, host, code, seconds.count()});
}

namespace {

HttpRequest make_request(std::string method, std::string target, std::string body, const std::string& content_type,
    Headers headers, Duration deadline, std::optional<Duration> idle)
{
    HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.headers = std::move(headers);
    request.body = std::move(body);
    if (!request.body.empty()) request.headers.set("Content-Type", content_type);
    request.deadline = deadline;
    request.idle = idle;
    return request;
}

} // namespace

/// Sends as it is, without a version; any status is a result.
awaitable<HttpResponse> Client::raw(Call call, std::string target)
{
    const auto since = clock_.tick();
    auto request = make_request(call.method, std::move(target), std::move(call.body), call.content_type,
        std::move(call.headers), call.deadline.value_or(options_.deadline), std::nullopt);
    try {
        auto response = co_await transport_.send(std::move(request));
        observe(call, std::to_string(response.status), since);
        co_return response;
    } catch (const Error&) {
        observe(call, "<error>", since);
        throw;
    }
}

awaitable<std::string> Client::versioned(std::string path)
{
    if (api_version_.empty()) co_await negotiate();
    co_return "/v" + api_version_ + path;
}

awaitable<HttpResponse> Client::perform(Call call)
{
    const std::string what{call.name};
    const bool creates = call.creates;
    auto target = co_await versioned(call.path);
    auto response = co_await raw(std::move(call), std::move(target));
    if (response.status >= 400) throw refusal(what, response, creates);
    co_return response;
}

awaitable<std::unique_ptr<BodyStream>> Client::open_stream(Call call)
{
    auto target = co_await versioned(call.path);
    const auto since = clock_.tick();
    auto request = make_request(call.method, std::move(target), std::move(call.body), call.content_type,
        std::move(call.headers), call.deadline.value_or(options_.deadline), call.idle);
    std::unique_ptr<BodyStream> body;
    try {
        body = co_await transport_.stream(std::move(request));
    } catch (const Error&) {
        observe(call, "<error>", since);
        throw;
    }
    observe(call, std::to_string(body->status()), since);
    if (body->status() < 400) co_return body;
    HttpResponse response{body->status(), body->headers(), {}};
    auto rest = body->read_all(64 << 10);
    response.body = co_await with_timeout(clock_, options_.deadline, std::move(rest), std::string(call.name));
    throw refusal(std::string(call.name), response, call.creates);
}

awaitable<json::value> Client::get(Call call)
{
    const auto name = call.name;
    const auto response = co_await perform(std::move(call));
    co_return parse_reply(name, response.body);
}

awaitable<std::optional<json::value>> Client::find(Call call)
{
    const auto name = call.name;
    std::optional<HttpResponse> response;
    try {
        response = co_await perform(std::move(call));
    } catch (const Error& error) {
        if (error.code() != Errc::NotFound) throw;
    }
    if (!response) co_return std::nullopt;
    co_return parse_reply(name, response->body);
}

/// For removals: what is gone already is as wanted.
awaitable<> Client::forget(Call call)
{
    try {
        co_await perform(std::move(call));
    } catch (const Error& error) {
        if (error.code() != Errc::NotFound) throw;
    }
}

/// For creations: the id in the reply.
awaitable<std::string> Client::created(Call call, std::string member)
{
    const auto name = call.name;
    call.creates = true;
    const auto reply = co_await get(std::move(call));
    const auto* object = reply.if_object();
    const auto* id = object ? object->if_contains(member) : nullptr;
    if (!id || !id->is_string())
        throw Error{Errc::Internal, "docker " + std::string(name) + ": the reply names no " + member};
    co_return std::string(std::string_view(id->get_string()));
}

awaitable<> Client::negotiate()
{
    Ping answer = co_await ping();
    api_version_ = negotiate_version(answer.api_version);
}

awaitable<Ping> Client::ping()
{
    Call call{"ping", "GET", "/_ping"};
    const auto response = co_await raw(std::move(call), "/_ping");
    if (response.status >= 400) throw refusal("ping", response, false);
    co_return Ping{std::string(response.headers.get("Api-Version")), parse_http_date(response.headers.get("Date"))};
}

awaitable<std::unique_ptr<BodyStream>> Client::events(EventsOptions options)
{
    Call call{"events", "GET",
        "/events" + query({{"since", options.since}, {"until", options.until}, {"filters", filters_text(options.filters)}})};
    co_return co_await open_stream(std::move(call));
}

Event parse_event(std::string_view line) { return decode<Event>(parse_json(line), Unknown::Ignore); }

} // namespace berth::docker
