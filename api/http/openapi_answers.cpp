#include "api/http/openapi_answers.hpp"

namespace berth::openapi {

namespace {

const std::map<unsigned, const char*> kMeanings{
    {200, "Done."},
    {201, "Made."},
    {202, "Accepted: it is on its way."},
    {204, "Done; there is nothing to say."},
    {304, "Not changed since the given ETag."},
    {400, "The request is malformed or has invalid members; `details` lists them."},
    {401, "No valid key was given."},
    {403, "The key's role may not do this."},
    {404, "There is no such thing."},
    {408, "The request did not arrive in time."},
    {409, "It exists already, or somebody changed it since the given revision."},
    {410, "The revision or continue token is too old: list again."},
    {413, "The body is too large."},
    {414, "The request target is too long."},
    {415, "The body's media type is not understood."},
    {417, "The only expectation understood is 100-continue."},
    {422, "The Idempotency-Key was used with another body."},
    {429, "Too many requests with this key, or too many failed authentications from this address."},
    {431, "The headers are too large."},
    {500, "Something went wrong on the server; its log has the details under the request id."},
    {501, "The only Transfer-Encoding understood is chunked."},
    {503, "A limit is reached or a part is away; try again later."},
    {504, "A part did not answer in time; the outcome is not known."},
    {505, "Only HTTP/1.1 and HTTP/1.0 are spoken."},
    {507, "The disk of the store is full."},
};

/// What the server says before it knows what a request is about, or of a body that it did not expect.
constexpr std::array kOfAnyRequest{400u, 408u, 413u, 414u, 415u, 417u, 429u, 431u, 500u, 501u, 505u};

std::string meaning(unsigned status)
{
    const auto found = kMeanings.find(status);
    return found == kMeanings.end() ? "Status " + std::to_string(status) + "." : found->second;
}

json::object header_ref(const char* name) { return {{"$ref", "#/components/headers/" + std::string(name)}}; }

json::object text_header(const std::string& description, bool required)
{
    json::object header{{"description", description}, {"schema", {{"type", "string"}}}};
    if (required) header["required"] = true;
    return header;
}

json::object headers_of_every_answer()
{
    return {{"X-Request-Id", header_ref("RequestId")}, {"RateLimit", header_ref("RateLimit")},
        {"RateLimit-Policy", header_ref("RateLimitPolicy")}};
}

bool has_no_body(unsigned status) { return status == 204 || status == 304; }

/// What the body may be, by media type; empty when it is not described.
json::object content_of(const Route& route, SchemaRegistry& schemas)
{
    json::object content;
    if (route.response) {
        json::object media{{"schema", route.response(schemas)}};
        if (!route.doc.example_response.is_null()) media["example"] = route.doc.example_response;
        content[route.doc.content_type] = std::move(media);
    } else if (route.doc.content_type != "application/json") {
        content[route.doc.content_type] = {{"schema", {{"type", "string"}}}};
    }
    for (const auto& type : route.doc.other_content) {
        json::object media{{"schema", {{"type", "string"}}}};
        // OpenAPI 3.1 has no word for a stream of documents (3.2 will: itemSchema).
        if (route.doc.stream_item) media["x-stream-item"] = route.doc.stream_item(schemas);
        content[type] = std::move(media);
    }
    return content;
}

} // namespace

std::set<unsigned> errors_of(const Route& route)
{
    std::set<unsigned> errors(kOfAnyRequest.begin(), kOfAnyRequest.end());
    if (!route.doc.open) errors.insert({401, 403});
    if (!route.doc.scheme.empty()) errors.insert(401);
    if (!route.param_names.empty()) errors.insert(404);
    errors.insert(route.doc.errors.begin(), route.doc.errors.end());
    // A write needs the store's disk; a long poll ends when the server does.
    if (route.method != "GET" || route.doc.long_poll) errors.insert(503);
    if (route.method != "GET") errors.insert(507);
    return errors;
}

std::set<unsigned> successes_of(const Route& route)
{
    std::set<unsigned> good{route.doc.success};
    good.insert(route.doc.more_success.begin(), route.doc.more_success.end());
    if (route.doc.conditional) good.insert(304);
    return good;
}

json::object success_response(const Route& route, unsigned status, SchemaRegistry& schemas)
{
    auto headers = headers_of_every_answer();
    if (route.doc.conditional) headers["ETag"] = text_header("names this state of the object", true);
    for (const auto& header : route.doc.reply_headers)
        headers[header.name] = text_header(header.description, header.always && !has_no_body(status));
    json::object response{{"description", meaning(status)}, {"headers", std::move(headers)}};
    if (has_no_body(status)) return response;
    if (auto content = content_of(route, schemas); !content.empty()) response["content"] = std::move(content);
    return response;
}

std::string error_name(unsigned status) { return "Error" + std::to_string(status); }

json::object error_response(unsigned status)
{
    auto headers = headers_of_every_answer();
    if (status == 429 || status == 503 || status == 507)
        headers["Retry-After"] = {{"description", "seconds"}, {"required", true},
            {"schema", {{"type", "integer"}, {"minimum", 1}}}};
    if (status == 401) headers["WWW-Authenticate"] = text_header("how to authenticate", true);
    if (status == 415) headers["Accept"] = text_header("the media types that are understood", false);
    return {{"description", meaning(status)}, {"headers", std::move(headers)},
        {"content", {{"application/json", {{"schema", SchemaRegistry::ref("Error")}}}}}};
}

json::object common_headers()
{
    const auto limit = "draft-ietf-httpapi-ratelimit-headers; on every answer to a limited key";
    return {{"RequestId",
                text_header("the request's own X-Request-Id, or one made here; in the server's log", true)},
        {"RateLimit", text_header(limit, false)}, {"RateLimitPolicy", text_header(limit, false)}};
}

json::object error_schema()
{
    json::object field{
        {"type", "string"}, {"description", "JSON pointer into the body, or the name of a parameter"}};
    json::object detail{{"type", "object"}, {"required", {"field", "problem"}},
        {"properties", {{"field", std::move(field)}, {"problem", {{"type", "string"}}}}},
        {"additionalProperties", false}};
    json::object details{
        {"type", "array"}, {"description", "one entry per invalid member"}, {"items", std::move(detail)}};
    json::object code{
        {"type", "string"}, {"description", "stable, for programs"}, {"pattern", "^[A-Z][A-Z0-9_]+$"}};
    json::object message{{"type", "string"}, {"description", "for people"}};
    json::object inner{{"type", "object"}, {"required", {"code", "message"}},
        {"properties",
            {{"code", std::move(code)}, {"message", std::move(message)}, {"details", std::move(details)}}},
        {"additionalProperties", false}};
    json::object example{
        {"error", {{"code", "CONTAINER_NOT_FOUND"}, {"message", "there is no container k4tz7x2a"}}},
        {"timestamp", "2026-01-31T12:00:00.000Z"}, {"path", "/api/containers/k4tz7x2a"}};
    json::object when{{"type", "string"}, {"format", "date-time"}};
    return {{"type", "object"}, {"required", {"error", "timestamp", "path"}},
        {"properties",
            {{"error", std::move(inner)}, {"timestamp", std::move(when)}, {"path", {{"type", "string"}}}}},
        {"additionalProperties", false}, {"examples", json::array{std::move(example)}}};
}

} // namespace berth::openapi
