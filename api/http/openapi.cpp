// The OpenAPI 3.1 document, from the route table.

#include "api/http/router.hpp"

#include <cctype>
#include <set>

namespace berth {

namespace {

constexpr auto kLabelPattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

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
    {409, "It exists already, or somebody changed it since the given revision."},
    {410, "The revision or continue token is too old: list again."},
    {413, "The body is too large."},
    {415, "The body's media type is not understood."},
    {422, "The Idempotency-Key was used with another body."},
    {429, "Too many requests with this key."},
    {500, "Something went wrong on the server."},
    {503, "A limit is reached or a part is away; try again later."},
    {504, "A part did not answer in time; the outcome is not known."},
    {507, "There is no capacity left."},
};

std::string meaning(unsigned status)
{
    const auto found = kMeanings.find(status);
    return found == kMeanings.end() ? "Status " + std::to_string(status) + "." : found->second;
}

json::object error_schema()
{
    json::object details{{"type", "array"}, {"description", "one entry per invalid member"},
        {"items",
            {{"type", "object"}, {"required", {"field", "problem"}},
                {"properties", {{"field", {{"type", "string"}, {"description", "JSON pointer or parameter"}}},
                                   {"problem", {{"type", "string"}}}}}}}};
    json::object inner{{"type", "object"}, {"required", {"code", "message"}},
        {"properties",
            {{"code", {{"type", "string"}, {"description", "stable, for programs"},
                          {"pattern", "^[A-Z][A-Z0-9_]+$"}}},
                {"message", {{"type", "string"}, {"description", "for people"}}}, {"details", details}}}};
    return {{"type", "object"}, {"required", {"error", "timestamp", "path"}},
        {"properties", {{"error", inner}, {"timestamp", {{"type", "string"}, {"format", "date-time"}}},
                           {"path", {{"type", "string"}}}}},
        {"examples", json::array{json::object{
                         {"error", {{"code", "NOT_FOUND"}, {"message", "no Workspace named default/k4tz7"}}},
                         {"timestamp", "2026-01-31T12:00:00.000Z"},
                         {"path", "/api/v1/orgs/default/workspaces/k4tz7"}}}}};
}

json::object error_response(unsigned status)
{
    json::object response{{"description", meaning(status)},
        {"content", {{"application/json", {{"schema", SchemaRegistry::ref("Error")}}}}}};
    if (status == 429 || status == 503)
        response["headers"] = {
            {"Retry-After", {{"description", "seconds"}, {"schema", {{"type", "integer"}, {"minimum", 1}}}}}};
    if (status == 401) response["headers"] = {{"WWW-Authenticate", {{"schema", {{"type", "string"}}}}}};
    return response;
}

/// "POST /api/containers/{id}/callback" → "postContainersByIdCallback".
std::string default_operation_id(const Route& route)
{
    std::string id;
    for (const char c : route.method) id += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string segment;
    const auto flush = [&] {
        if (segment.empty() || segment == "api" || segment == "v1") return segment.clear();
        if (segment.front() == '{')
            segment = "By" + std::string(1, segment[1]) + segment.substr(2, segment.size() - 3);
        const auto first = segment.starts_with("By") ? 2u : 0u;
        segment[first] = static_cast<char>(std::toupper(static_cast<unsigned char>(segment[first])));
        for (const char c : segment)
            if (std::isalnum(static_cast<unsigned char>(c))) id += c;
        segment.clear();
    };
    for (const char c : route.pattern) {
        if (c == '/' || c == '.' || c == '-')
            flush();
        else
            segment += c;
    }
    flush();
    return id;
}

json::object describe_param(const Param& param, const char* where)
{
    json::object out{{"name", param.name}, {"in", where}, {"schema", param.schema}};
    if (!param.description.empty()) out["description"] = param.description;
    if (param.required || std::string_view(where) == "path") out["required"] = true;
    return out;
}

json::array parameters_of(const Route& route)
{
    json::array out;
    for (const auto& name : route.param_names) {
        const auto given = std::find_if(route.doc.path.begin(), route.doc.path.end(),
            [&](const Param& param) { return param.name == name; });
        const Param label{
            name, "", {{"type", "string"}, {"pattern", kLabelPattern}, {"maxLength", 63}}, true};
        out.push_back(describe_param(given == route.doc.path.end() ? label : *given, "path"));
    }
    for (const auto& param : route.doc.query) out.push_back(describe_param(param, "query"));
    for (const auto& param : route.doc.headers) out.push_back(describe_param(param, "header"));
    return out;
}

std::set<unsigned> errors_of(const Route& route)
{
    std::set<unsigned> errors{400, 500};
    if (!route.doc.open) errors.insert({401, 403, 429});
    if (!route.param_names.empty()) errors.insert(404);
    if (route.request) errors.insert({413, 415});
    errors.insert(route.doc.errors.begin(), route.doc.errors.end());
    if (route.doc.long_poll) errors.insert(503);
    return errors;
}

json::object success_response(const Route& route, unsigned status, SchemaRegistry& schemas)
{
    json::object response{{"description", meaning(status)}};
    if (status == 204 || status == 304) return response;
    json::object content;
    if (route.response) {
        json::object media{{"schema", route.response(schemas)}};
        if (!route.doc.example_response.is_null()) media["example"] = route.doc.example_response;
        content[route.doc.content_type] = std::move(media);
    } else if (route.doc.content_type != "application/json") {
        content[route.doc.content_type] = {{"schema", {{"type", "string"}}}};
    }
    for (const auto& type : route.doc.other_content) content[type] = {{"schema", {{"type", "string"}}}};
    if (!content.empty()) response["content"] = std::move(content);
    if (route.doc.conditional) response["headers"] = {{"ETag", {{"schema", {{"type", "string"}}}}}};
    return response;
}

json::object responses_of(const Route& route, SchemaRegistry& schemas)
{
    json::object out;
    std::set<unsigned> good{route.doc.success};
    good.insert(route.doc.more_success.begin(), route.doc.more_success.end());
    if (route.doc.conditional) good.insert(304);
    for (const auto status : good) out[std::to_string(status)] = success_response(route, status, schemas);
    for (const auto status : errors_of(route))
        out[std::to_string(status)] = {{"$ref", "#/components/responses/Error" + std::to_string(status)}};
    return out;
}

json::object operation_of(const Route& route, SchemaRegistry& schemas)
{
    const auto& doc = route.doc;
    json::object out{
        {"operationId", doc.operation_id.empty() ? default_operation_id(route) : doc.operation_id},
        {"summary", doc.summary}, {"tags", json::array{doc.tag}}};
    if (!doc.description.empty()) out["description"] = doc.description;
    if (auto parameters = parameters_of(route); !parameters.empty())
        out["parameters"] = std::move(parameters);
    if (route.request) {
        json::object content;
        for (const auto& type : doc.accepts) {
            json::object media{{"schema", route.request(schemas)}};
            if (!doc.example_request.is_null()) media["example"] = doc.example_request;
            content[type] = std::move(media);
        }
        out["requestBody"] = {{"required", true}, {"content", std::move(content)}};
    }
    out["responses"] = responses_of(route, schemas);
    if (doc.open) {
        out["security"] = json::array{};
    } else {
        out["security"] = json::array{json::object{{"bearer", json::array{}}}};
        json::array roles;
        for (const auto role : doc.roles) roles.push_back(encode(role));
        out["x-roles"] = std::move(roles);
    }
    return out;
}

} // namespace

json::object Router::openapi() const
{
    SchemaRegistry schemas;
    schemas.add_component("Error", error_schema());
    json::object paths;
    json::object responses;
    std::map<std::string, std::string> tags;
    std::set<std::string> ids;
    for (const auto& route : routes_) {
        std::string method = route->method;
        for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        auto operation = operation_of(*route, schemas);
        if (!ids.insert(std::string(operation.at("operationId").as_string())).second)
            throw std::logic_error(
                "two operations have the id " + std::string(operation.at("operationId").as_string()));
        auto& path = paths[route->pattern];
        if (!path.is_object()) path = json::object{};
        path.as_object()[method] = std::move(operation);
        for (const auto status : errors_of(*route))
            responses["Error" + std::to_string(status)] = error_response(status);
        const auto described = tags_.find(route->doc.tag);
        tags[route->doc.tag] = described == tags_.end() ? route->doc.tag + "." : described->second;
    }
    json::array tag_list;
    for (const auto& [name, text] : tags)
        tag_list.push_back(json::object{{"name", name}, {"description", text}});
    return {{"openapi", "3.1.0"},
        {"info",
            {{"title", "Berth"}, {"version", "1"},
                {"description",
                    "Self-service workspaces and services on Docker Swarm. Errors have one shape "
                    "(`Error`); besides those listed, any request can be answered by 408, 414 or 431."}}},
        {"servers", json::array{json::object{{"url", "/"}, {"description", "this server"}}}},
        {"tags", std::move(tag_list)}, {"paths", std::move(paths)},
        {"components",
            {{"schemas", schemas.components()}, {"responses", std::move(responses)},
                {"securitySchemes",
                    {{"bearer", {{"type", "http"}, {"scheme", "bearer"},
                                    {"description", "An API key of at least 32 characters."}}}}}}}};
}

} // namespace berth
