// Requests to the whole API. Every answer is well-formed HTTP with a status that its route documents, none
// says that the server broke, and every refusal has the one form that refusals have.

#include "api/http/openapi_answers.hpp"
#include "api/http/wire.hpp"
#include "controller/base/json.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/http_world.hpp"

#include <charconv>
#include <set>

namespace berth::fuzz {

namespace {

/// Of requests that no route is known for.
const std::set<unsigned> kUnrouted{400, 401, 404, 405, 408, 413, 414, 415, 417, 431, 501, 505};

/// "ROLE METHOD TARGET", headers a line each, an empty line, the body: as a request with what it needs.
std::string compose(std::string_view text)
{
    Input lines{text};
    Input first{lines.until('\n')};
    const auto role = first.until(' ');
    std::string head(first.rest());
    head += " HTTP/1.1\r\nHost: test\r\n";
    if (role != "none") head += "Authorization: Bearer " + HttpWorld::key_of(role) + "\r\n";
    bool typed = false;
    while (!lines.empty()) {
        const auto line = lines.until('\n');
        if (line.empty()) break;
        typed = typed || line.starts_with("Content-Type:");
        head.append(line).append("\r\n");
    }
    const auto body = lines.rest();
    if (!body.empty()) {
        if (!typed) head += "Content-Type: application/json\r\n";
        head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return head + "\r\n" + std::string(body);
}

/// '@' and composed requests with "%%" lines between them, or the bytes themselves.
std::string request_of(std::string_view input)
{
    constexpr std::string_view kBetween = "\n%%\n";
    if (!input.starts_with('@')) return std::string(input);
    input.remove_prefix(1);
    std::string bytes;
    for (;;) {
        const auto end = input.find(kBetween);
        bytes += compose(input.substr(0, end));
        if (end == std::string_view::npos) return bytes;
        input.remove_prefix(end + kBetween.size());
    }
}

struct Response {
    unsigned status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
};

/// Takes a head off the front of `text`.
Response take_head(std::string_view& text)
{
    const auto end = wire::find_head_end(text, 0);
    require(end != std::string_view::npos, "half a head: " + std::string(text));
    Response response;
    Input lines{text.substr(0, end - 2)};
    text.remove_prefix(end);
    const auto first = lines.until('\n');
    require(first.starts_with("HTTP/1.1 ") || first.starts_with("HTTP/1.0 "),
        "no status line: " + std::string(first));
    std::from_chars(first.data() + 9, first.data() + 12, response.status);
    while (!lines.empty()) {
        auto line = lines.until('\n');
        require(line.ends_with('\r'), "a header line that is none");
        line.remove_suffix(1);
        const auto colon = line.find(": ");
        require(colon != std::string_view::npos, "a header line without a name: " + std::string(line));
        const auto [at, fresh] = response.headers.emplace(line.substr(0, colon), line.substr(colon + 2));
        require(fresh, "a header twice: " + at->first);
    }
    return response;
}

/// The body as its headers say. `whole`: nothing may be missing.
void take_body(Response& response, std::string_view& text, bool whole)
{
    if (response.headers.contains("Transfer-Encoding")) {
        wire::ChunkDecoder decoder{64 << 20};
        text.remove_prefix(decoder.feed(text, response.body));
        require(decoder.done() || !whole, "a body without its end");
        return;
    }
    const auto length = response.headers.find("Content-Length");
    if (length == response.headers.end()) { // to the end of the connection
        response.body = text;
        text = {};
        return;
    }
    const auto size = std::stoull(length->second);
    require(size <= text.size(), "a body that is shorter than it says");
    response.body = text.substr(0, size);
    text.remove_prefix(size);
}

bool has_body(const Answered& answered, unsigned status, std::string_view rest)
{
    if (answered.method == "HEAD" || status == 204 || status == 304) return false;
    // Of a request that was not understood nobody knows whether it was a HEAD.
    return answered.route || !(rest.empty() || rest.starts_with("HTTP/1."));
}

void check_refusal(const Response& response)
{
    require(response.headers.at("Content-Type") == "application/json", "a refusal that is no JSON");
    if (response.headers.contains("Content-Encoding")) return;
    const auto body =
        unless_refused([&] { return parse_json(response.body, {.max_bytes = 8 << 20, .max_depth = 32}); });
    require(body.has_value(), "a refusal that can't be read: " + response.body);
    const auto& error = body->at("error").as_object();
    require(
        error.at("code").is_string() && error.at("message").is_string() && body->at("timestamp").is_string(),
        "a refusal of another form: " + response.body);
}

void check_response(const Answered& answered, const Response& response, bool with_body)
{
    const auto status = std::to_string(response.status);
    require(response.status == answered.status, "status " + status + " and another in the metrics");
    require(response.status != 500, "the server broke: " + response.body);
    require(response.headers.contains("X-Request-Id") && response.headers.contains("Date"),
        "headers are missing");
    if (answered.route && !answered.route->doc.unlisted) {
        const auto& route = *answered.route;
        const bool known = openapi::errors_of(route).contains(response.status) ||
                           openapi::successes_of(route).contains(response.status);
        require(known, route.method + " " + route.pattern + " answered " + status + ": " + response.body);
    } else if (!answered.route) {
        require(kUnrouted.contains(response.status), "no route, and status " + status);
    }
    // The page of a workspace that does not run is for people, whatever its status.
    const bool page = answered.route && answered.route->pattern.starts_with("/api/v1/edge/");
    if (response.status >= 400 && with_body && !page) check_refusal(response);
}

void check_http(Input input)
{
    static auto world =
        std::make_unique<HttpWorld>(); // made with it: at the exit it goes before what RocksDB keeps
    if (!world) world = std::make_unique<HttpWorld>();
    const auto received = world->exchange(request_of(input.rest()));
    std::string_view text = received;
    const auto& answered = world->answered();
    for (std::size_t i = 0; i < answered.size(); ++i) {
        auto response = take_head(text);
        while (response.status == 100) response = take_head(text);
        const bool with_body = has_body(answered[i], response.status, text);
        if (with_body) take_body(response, text, i + 1 < answered.size());
        check_response(answered[i], response, with_body);
    }
    require(
        text.empty() || text.starts_with("HTTP/1.1 100 "), "more than was answered: " + std::string(text));
    if (world->changed()) world.reset();
}

const Registration http_fuzzer{"http", check_http};

} // namespace

} // namespace berth::fuzz
