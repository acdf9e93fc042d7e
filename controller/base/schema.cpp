#include "controller/base/schema.hpp"

#include <cmath>

namespace berth {

namespace {

bool has_type(const json::object& schema, std::string_view wanted)
{
    const auto* type = schema.if_contains("type");
    if (!type) return false;
    if (type->is_string()) return std::string_view(type->get_string()) == wanted;
    return std::any_of(type->as_array().begin(), type->as_array().end(),
        [wanted](const json::value& one) { return std::string_view(one.as_string()) == wanted; });
}

json::value number(double value)
{
    return value == std::floor(value) ? json::value(static_cast<std::int64_t>(value)) : json::value(value);
}

void describe_text(const Rule& rule, json::object& schema)
{
    if (rule.format)
        schema["pattern"] = (rule.may_be_empty ? "^$|" : "") + std::string(rule.format->pattern);
    if (rule.min_length > 0 && !rule.may_be_empty) schema["minLength"] = rule.min_length;
    if (rule.max_length != Rule::kAny) schema["maxLength"] = rule.max_length;
}

void describe_number(const Rule& rule, json::object& schema)
{
    json::object range;
    if (!std::isinf(rule.minimum)) range["minimum"] = number(rule.minimum);
    if (!std::isinf(rule.maximum)) range["maximum"] = number(rule.maximum);
    if (rule.may_be_empty)
        schema["anyOf"] = json::array{json::object{{"const", 0}}, std::move(range)};
    else
        for (auto& item : range) schema[item.key()] = std::move(item.value());
}

} // namespace

void detail::describe_rule(const Rule& rule, json::object& schema)
{
    if (has_type(schema, "array")) {
        if (rule.max_entries != Rule::kAny) schema["maxItems"] = rule.max_entries;
        if (auto* items = schema.if_contains("items")) describe_rule(rule, items->as_object());
    } else if (has_type(schema, "object")) {
        if (rule.max_entries != Rule::kAny) schema["maxProperties"] = rule.max_entries;
        if (rule.key_format) schema["propertyNames"] = {{"pattern", rule.key_format->pattern}};
        if (auto* values = schema.if_contains("additionalProperties"); values && values->is_object())
            describe_rule(rule, values->as_object());
    } else if (has_type(schema, "string")) {
        describe_text(rule, schema);
    } else if (has_type(schema, "integer") || has_type(schema, "number")) {
        describe_number(rule, schema);
    }
}

std::string detail::short_type_name(std::string_view pretty_function)
{
    // g++: "std::string berth::detail::type_name() [with T = berth::WorkspaceSpec; std::string = …]";
    // clang: "… [T = berth::WorkspaceSpec]".
    const auto start = pretty_function.find("T = ");
    auto name = start == std::string_view::npos ? pretty_function : pretty_function.substr(start + 4);
    name = name.substr(0, name.find_first_of(";]"));
    const auto scope = name.rfind("::");
    return std::string(scope == std::string_view::npos ? name : name.substr(scope + 2));
}

json::object detail::nullable(json::object schema)
{
    if (auto* type = schema.if_contains("type"); type && type->is_string() && !schema.contains("enum")) {
        *type = json::array{*type, "null"};
        return schema;
    }
    return {{"anyOf", json::array{std::move(schema), json::object{{"type", "null"}}}}};
}

} // namespace berth
