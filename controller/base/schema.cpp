#include "controller/base/schema.hpp"

namespace berth {

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
