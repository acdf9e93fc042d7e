#pragma once
// JSON Schema (2020-12, as OpenAPI 3.1 uses it) from the same descriptions that the codec reads, so that the
// document can't say anything else than what is accepted. Pure code; any thread.

#include "controller/base/json.hpp"

namespace berth {

/// A struct may document its members: `static constexpr std::array docs{std::pair{"name", "what it is"}};`.
/// Collects one named schema per described struct; a name is the type's own name without its namespace.
class SchemaRegistry {
public:
    /// The schema of T: inline for simple types, a `$ref` to a component for described structs.
    template <class T>
    json::object of();

    const json::object& components() const noexcept { return components_; }
    void add_component(const std::string& name, json::object schema) { components_[name] = std::move(schema); }
    static json::object ref(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

private:
    template <class T>
    json::object of_struct();

    json::object components_;
};

namespace detail {

/// "berth::WorkspaceSpec" → "WorkspaceSpec", "berth::docker::Task" → "Task".
std::string short_type_name(std::string_view pretty_function);

template <class T>
std::string type_name()
{
    if constexpr (requires { T::schema_name(); })
        return T::schema_name();
    else
        return short_type_name(__PRETTY_FUNCTION__);
}

/// Adds the keywords of a rule, where the type says that they belong.
void describe_rule(const Rule& rule, json::object& schema);

/// Widens a schema so that null is allowed too (an optional member may be given as null).
json::object nullable(json::object schema);

template <class T>
const char* doc_of(std::string_view name)
{
    if constexpr (requires { T::docs.size(); }) {
        for (const auto& [member, text] : T::docs)
            if (member == name) return text;
    }
    return nullptr;
}

template <class T>
json::object enum_schema()
{
    json::array names;
    boost::mp11::mp_for_each<describe::describe_enumerators<T>>(
        [&](auto enumerator) { names.push_back(json::value(wire_name(enumerator.name))); });
    return {{"type", "string"}, {"enum", names}};
}

template <class T>
json::object integer_schema()
{
    json::object schema{{"type", "integer"}};
    if constexpr (std::is_unsigned_v<T> || sizeof(T) < 8) schema["minimum"] = std::numeric_limits<T>::min();
    if constexpr (sizeof(T) < 8) schema["maximum"] = std::numeric_limits<T>::max();
    if constexpr (sizeof(T) == 8) schema["format"] = "int64";
    return schema;
}

} // namespace detail

template <class T>
json::object SchemaRegistry::of()
{
    if constexpr (std::is_same_v<T, json::value>) return {};
    else if constexpr (std::is_same_v<T, json::object>) return {{"type", "object"}};
    else if constexpr (std::is_same_v<T, bool>) return {{"type", "boolean"}};
    else if constexpr (std::is_same_v<T, std::string>) return {{"type", "string"}};
    else if constexpr (std::is_same_v<T, Secret>) return {{"type", "string"}, {"writeOnly", true}};
    else if constexpr (std::is_same_v<T, Time>) return {{"type", "string"}, {"format", "date-time"}};
    else if constexpr (std::is_same_v<T, Duration>)
        return {{"type", "string"}, {"pattern", "^([0-9]+(ms|s|m|h|d))+$"}};
    else if constexpr (std::is_integral_v<T>) return detail::integer_schema<T>();
    else if constexpr (std::is_floating_point_v<T>) return {{"type", "number"}};
    else if constexpr (detail::DescribedEnum<T>) return detail::enum_schema<T>();
    else if constexpr (detail::is_optional<T>::value) return detail::nullable(of<typename T::value_type>());
    else if constexpr (detail::is_vector<T>::value)
        return {{"type", "array"}, {"items", of<typename T::value_type>()}};
    else if constexpr (detail::is_map<T>::value)
        return {{"type", "object"}, {"additionalProperties", of<typename T::mapped_type>()}};
    else return of_struct<T>();
}

template <class T>
json::object SchemaRegistry::of_struct()
{
    const auto name = detail::type_name<T>();
    if (!components_.contains(name)) {
        components_[name] = json::object{}; // stops the recursion of a type that contains itself
        json::object properties;
        json::array required;
        boost::mp11::mp_for_each<detail::members<T>>([&](auto member) {
            using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
            const auto key = wire_name(member.name);
            auto schema = of<Member>();
            if constexpr (detail::HasRules<T>)
                for (const Rule& rule : T::rules)
                    if (rule.member == key) detail::describe_rule(rule, schema);
            if (const char* text = detail::doc_of<T>(key)) schema["description"] = text;
            properties[key] = std::move(schema);
            if (detail::is_required<T>(key)) required.push_back(json::value(key));
        });
        json::object schema{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
        if (!required.empty()) schema["required"] = std::move(required);
        components_[name] = std::move(schema);
    }
    return ref(name);
}

} // namespace berth
