// The OpenAPI 3.1 document, from the route table.

#include "api/http/openapi_answers.hpp"

#include <cctype>

namespace berth {

namespace {

using openapi::error_name;
using openapi::errors_of;
using openapi::success_response;
using openapi::successes_of;

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
        const Param label{name, "", {{"type", "string"}, {"pattern", kDnsLabel.pattern}}, true};
        out.push_back(describe_param(given == route.doc.path.end() ? label : *given, "path"));
    }
    for (const auto& param : route.doc.query) out.push_back(describe_param(param, "query"));
    for (const auto& param : route.doc.headers) out.push_back(describe_param(param, "header"));
    return out;
}

std::string operation_id(const Route& route)
{
    return route.doc.operation_id.empty() ? default_operation_id(route) : route.doc.operation_id;
}

/// Which operations are about what an answer of `route` has made.
json::object links_of(const Route& route, const std::vector<std::unique_ptr<Route>>& routes)
{
    json::object links;
    if (!route.doc.makes) return links;
    const auto& item = route.doc.makes->item;
    json::object parameters;
    for (const auto& [name, expression] : route.doc.makes->parameters) parameters[name] = expression;
    for (const auto& other : routes) {
        const bool about = other->pattern == item || other->pattern.starts_with(item + "/");
        if (!about || other->doc.unlisted) continue;
        const auto id = operation_id(*other);
        links[id] = {{"operationId", id}, {"description", other->doc.summary}, {"parameters", parameters}};
    }
    return links;
}

json::object responses_of(
    const Route& route, const std::vector<std::unique_ptr<Route>>& routes, SchemaRegistry& schemas)
{
    json::object out;
    for (const auto status : successes_of(route)) {
        auto response = success_response(route, status, schemas);
        if (auto links = links_of(route, routes); !links.empty()) response["links"] = std::move(links);
        out[std::to_string(status)] = std::move(response);
    }
    for (const auto status : errors_of(route))
        out[std::to_string(status)] = {{"$ref", "#/components/responses/" + error_name(status)}};
    return out;
}

json::object request_body_of(const Route& route, SchemaRegistry& schemas)
{
    json::object content;
    for (const auto& type : route.doc.accepts) {
        json::object media{{"schema", route.request(schemas)}};
        if (!route.doc.example_request.is_null()) media["example"] = route.doc.example_request;
        content[type] = std::move(media);
    }
    return {{"required", !route.doc.optional_body}, {"content", std::move(content)}};
}

/// Who may call, for programs (security) and for people (x-roles).
void describe_access(const Doc& doc, json::object& operation)
{
    const auto scheme = doc.open ? doc.scheme : "bearer";
    operation["security"] =
        scheme.empty() ? json::array{} : json::array{json::object{{scheme, json::array{}}}};
    if (doc.open) return;
    json::array roles;
    for (const auto role : doc.roles) roles.push_back(encode(role));
    operation["x-roles"] = std::move(roles);
}

json::object operation_of(
    const Route& route, const std::vector<std::unique_ptr<Route>>& routes, SchemaRegistry& schemas)
{
    const auto& doc = route.doc;
    json::object out{
        {"operationId", operation_id(route)}, {"summary", doc.summary}, {"tags", json::array{doc.tag}}};
    if (!doc.description.empty()) out["description"] = doc.description;
    if (auto parameters = parameters_of(route); !parameters.empty())
        out["parameters"] = std::move(parameters);
    if (route.request) out["requestBody"] = request_body_of(route, schemas);
    out["responses"] = responses_of(route, routes, schemas);
    describe_access(doc, out);
    return out;
}

json::object security_schemes()
{
    json::object key{{"type", "http"}, {"scheme", "bearer"},
        {"description", "An API key of at least 32 characters. `x-roles` lists the roles that may call."}};
    json::object token{{"type", "http"}, {"scheme", "bearer"},
        {"description", "The workspace's own token, which it finds in its environment."}};
    return {{"bearer", std::move(key)}, {"workspaceToken", std::move(token)}};
}

constexpr auto kAbout =
    "Self-service workspaces on Docker Swarm. Writes record what is wanted and answer at once; reconcilers "
    "make it "
    "so. Every error has the shape of `Error`. A path that exists with other methods answers 405 with "
    "`Allow`; HEAD "
    "works wherever GET does. Members and query parameters that are not described are refused.";

} // namespace

json::object Router::openapi() const
{
    SchemaRegistry schemas;
    schemas.add_component("Error", openapi::error_schema());
    json::object paths;
    json::object responses;
    std::map<std::string, std::string> tags;
    std::set<std::string> ids;
    for (const auto& route : routes_) {
        if (route->doc.unlisted) continue;
        std::string method = route->method;
        for (char& c : method) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        auto operation = operation_of(*route, routes_, schemas);
        if (!ids.insert(std::string(operation.at("operationId").as_string())).second)
            throw std::logic_error(
                "two operations have the id " + std::string(operation.at("operationId").as_string()));
        auto& path = paths[route->pattern];
        if (!path.is_object()) path = json::object{};
        path.as_object()[method] = std::move(operation);
        for (const auto status : openapi::errors_of(*route))
            responses[openapi::error_name(status)] = openapi::error_response(status);
        const auto described = tags_.find(route->doc.tag);
        tags[route->doc.tag] = described == tags_.end() ? route->doc.tag + "." : described->second;
    }
    json::array tag_list;
    for (const auto& [name, text] : tags)
        tag_list.push_back(json::object{{"name", name}, {"description", text}});
    return {{"openapi", "3.1.0"}, {"info", {{"title", "Berth"}, {"version", "1"}, {"description", kAbout}}},
        {"servers", json::array{json::object{{"url", "/"}, {"description", "this server"}}}},
        {"tags", std::move(tag_list)}, {"paths", std::move(paths)},
        {"components", {{"schemas", schemas.components()}, {"responses", std::move(responses)},
                           {"headers", openapi::common_headers()}, {"securitySchemes", security_schemes()}}}};
}

} // namespace berth
