#pragma once
// JSON for described structs (Boost.Describe), both ways, with one rule: a described struct is a wire struct. Its
// member names are the JSON names, except that a trailing underscore is dropped (for C++ keywords: `template_`).
//
// - A missing member keeps its default initializer, unless the struct lists it in
//   `static constexpr std::array required{"name"};`.
// - std::optional, empty Secret: left out when unset. Described enum: its enumerator's name.
// - Time: RFC 3339. Duration: "90s". Secret: only with Secrets::Show.
// - Every problem is reported with its JSON pointer, not only the first.
// - Limits and formats of single members: `static constexpr std::array rules{…}`, see rules.hpp.
// - A struct may add what neither can say: `void validate(const T&, const std::string& path, Problems&)`, found by ADL.
// Pure code; any thread.

#include "controller/base/error.hpp"
#include "controller/base/rules.hpp"
#include "controller/base/secret.hpp"
#include "controller/base/time.hpp"

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth {

namespace json = boost::json;

enum class Unknown { Reject, Ignore }; ///< members that the struct does not have
enum class Secrets { Hide, Show };

struct JsonLimits {
    std::size_t max_bytes = 1 << 20;
    std::size_t max_depth = 32;
};

/// Parses strictly: UTF-8, no comments, no trailing commas, duplicate keys refused. Throws Error{Invalid}.
json::value parse_json(std::string_view text, const JsonLimits& limits = {});

/// "member_" → "member".
constexpr std::string_view wire_name(std::string_view member)
{
    return member.ends_with('_') ? member.substr(0, member.size() - 1) : member;
}
/// Appends one escaped segment to a JSON pointer.
std::string pointer(const std::string& path, std::string_view member);

namespace detail {

namespace describe = boost::describe;

template <class T>
using members = describe::describe_members<T, describe::mod_public | describe::mod_inherited>;
template <class T>
concept DescribedEnum = std::is_enum_v<T> && describe::has_describe_enumerators<T>::value;
template <class T>
concept DescribedStruct = std::is_class_v<T> && describe::has_describe_members<T>::value;
template <class T>
concept HasRequired = requires { T::required.size(); };
template <class T>
concept HasRules = requires { T::rules.size(); };

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_map : std::false_type {};
template <class T>
struct is_map<std::map<std::string, T>> : std::true_type {};

template <class T>
constexpr bool is_required(std::string_view name)
{
    if constexpr (HasRequired<T>) {
        for (std::string_view member : T::required)
            if (member == name) return true;
    }
    return false;
}

template <class T>
constexpr bool has_member(std::string_view name)
{
    bool found = false;
    boost::mp11::mp_for_each<members<T>>([&](auto member) { found = found || wire_name(member.name) == name; });
    return found;
}

template <class T>
const char* enumerator_name(T value)
{
    const char* name = describe::enum_to_string(value, "");
    return name;
}

template <class T>
std::string enumerator_names()
{
    std::string names;
    boost::mp11::mp_for_each<describe::describe_enumerators<T>>([&](auto enumerator) {
        names += (names.empty() ? "" : ", ") + std::string(wire_name(enumerator.name));
    });
    return names;
}

} // namespace detail

/// Value → JSON.
template <class T>
json::value encode(const T& value, Secrets secrets = Secrets::Hide);

namespace detail {

template <class T>
bool left_out(const T& value, Secrets secrets)
{
    if constexpr (is_optional<T>::value)
        return !value.has_value();
    else if constexpr (std::is_same_v<T, Secret>)
        return value.empty() || secrets == Secrets::Hide;
    else
        return false;
}

template <class T>
json::value encode_struct(const T& value, Secrets secrets)
{
    json::object object;
    boost::mp11::mp_for_each<members<T>>([&](auto member) {
        const auto& field = value.*member.pointer;
        if (!left_out(field, secrets)) object[wire_name(member.name)] = encode(field, secrets);
    });
    return object;
}

} // namespace detail

template <class T>
json::value encode(const T& value, Secrets secrets)
{
    if constexpr (std::is_same_v<T, json::value> || std::is_same_v<T, json::object> || std::is_same_v<T, bool>) {
        return value;
    } else if constexpr (std::is_same_v<T, std::string>) {
        return json::value(std::string_view(value));
    } else if constexpr (std::is_same_v<T, Secret>) {
        return secrets == Secrets::Show ? json::value(std::string_view(value.reveal())) : json::value(nullptr);
    } else if constexpr (std::is_same_v<T, Time>) {
        return json::value(std::string_view(format_time(value)));
    } else if constexpr (std::is_same_v<T, Duration>) {
        return json::value(std::string_view(format_duration(value)));
    } else if constexpr (std::is_floating_point_v<T>) {
        // 2, not 2E0: the library writes every double with an exponent.
        const bool whole = value == static_cast<T>(static_cast<std::int64_t>(std::clamp<T>(value, -1e15, 1e15)));
        return whole ? json::value(static_cast<std::int64_t>(value)) : json::value(value);
    } else if constexpr (std::is_arithmetic_v<T>) {
        return json::value(value);
    } else if constexpr (detail::DescribedEnum<T>) {
        return json::value(wire_name(detail::enumerator_name(value)));
    } else if constexpr (detail::is_optional<T>::value) {
        return value ? encode(*value, secrets) : json::value(nullptr);
    } else if constexpr (detail::is_vector<T>::value) {
        json::array array;
        array.reserve(value.size());
        for (const auto& item : value) array.push_back(encode(item, secrets));
        return array;
    } else if constexpr (detail::is_map<T>::value) {
        json::object object;
        for (const auto& [key, item] : value) object[key] = encode(item, secrets);
        return object;
    } else {
        static_assert(detail::DescribedStruct<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        return detail::encode_struct(value, secrets);
    }
}

/// JSON → value, into an existing one; problems are appended with their path. What has a problem keeps its old value.
template <class T>
void decode_into(const json::value& from, T& into, Unknown unknown, const std::string& path, Problems& problems);

namespace detail {

template <class T>
void decode_integer(const json::value& from, T& into, const std::string& path, Problems& problems)
{
    const bool fits = (from.is_int64() && std::in_range<T>(from.get_int64())) ||
                      (from.is_uint64() && std::in_range<T>(from.get_uint64()));
    if (fits)
        into = from.is_int64() ? static_cast<T>(from.get_int64()) : static_cast<T>(from.get_uint64());
    else
        problems.push_back({path, "expected a whole number from " + std::to_string(std::numeric_limits<T>::min()) +
                                      " to " + std::to_string(std::numeric_limits<T>::max())});
}

template <class T>
void decode_enum(const json::value& from, T& into, const std::string& path, Problems& problems)
{
    bool found = false;
    if (from.is_string())
        boost::mp11::mp_for_each<describe::describe_enumerators<T>>([&](auto enumerator) {
            if (wire_name(enumerator.name) == std::string_view(from.get_string())) {
                into = enumerator.value;
                found = true;
            }
        });
    if (!found) problems.push_back({path, "expected one of " + enumerator_names<T>()});
}

/// Text with a format: `parse` gives nothing when the text is not of it.
template <class T, class Parse>
void decode_text(const json::value& from, T& into, Parse parse, const char* expected, const std::string& path,
    Problems& problems)
{
    std::optional<T> value;
    if (from.is_string()) value = parse(std::string_view(from.get_string()));
    if (value)
        into = std::move(*value);
    else
        problems.push_back({path, expected});
}

template <class T>
void check_rule(const Rule& rule, const T& value, const std::string& path, Problems& problems)
{
    if constexpr (std::is_same_v<T, std::string>) {
        check_text(rule, value, path, problems);
    } else if constexpr (std::is_same_v<T, Secret>) {
        check_text(rule, value.reveal(), path, problems);
    } else if constexpr (std::is_arithmetic_v<T>) {
        check_number(rule, static_cast<double>(value), path, problems);
    } else if constexpr (is_optional<T>::value) {
        if (value) check_rule(rule, *value, path, problems);
    } else if constexpr (is_vector<T>::value) {
        check_entries(rule, value.size(), path, problems);
        for (std::size_t i = 0; i < value.size(); ++i)
            check_rule(rule, value[i], path + "/" + std::to_string(i), problems);
    } else if constexpr (is_map<T>::value) {
        check_entries(rule, value.size(), path, problems);
        for (const auto& [key, item] : value) {
            check_key(rule, key, pointer(path, key), problems);
            check_rule(rule, item, pointer(path, key), problems);
        }
    }
}

/// The rules of one member of T, if it has any.
template <class T, class Member>
void check_member(std::string_view name, const Member& value, const std::string& path, Problems& problems)
{
    if constexpr (HasRules<T>)
        for (const Rule& rule : T::rules)
            if (rule.member == name) check_rule(rule, value, path, problems);
}

template <class T>
void decode_struct(const json::value& from, T& into, Unknown unknown, const std::string& path, Problems& problems)
{
    if (!from.is_object()) {
        problems.push_back({path, "expected an object"});
        return;
    }
    const auto& object = from.get_object();
    boost::mp11::mp_for_each<members<T>>([&](auto member) {
        const auto name = wire_name(member.name);
        if (const auto* found = object.if_contains(name)) {
            const auto place = pointer(path, name);
            const auto before = problems.size();
            decode_into(*found, into.*member.pointer, unknown, place, problems);
            if (problems.size() == before) check_member<T>(name, into.*member.pointer, place, problems);
        } else if (is_required<T>(name)) {
            problems.push_back({pointer(path, name), "is required"});
        }
    });
    if (unknown == Unknown::Reject)
        for (const auto& item : object)
            if (!has_member<T>(item.key())) problems.push_back({pointer(path, item.key()), "is not a known member"});
    if constexpr (requires { validate(into, path, problems); }) validate(into, path, problems);
}

} // namespace detail

template <class T>
void decode_into(const json::value& from, T& into, Unknown unknown, const std::string& path, Problems& problems)
{
    auto text = [](std::string_view value) { return std::optional<std::string>(value); };
    auto secret = [](std::string_view value) { return std::optional<Secret>(Secret{std::string(value)}); };
    if constexpr (std::is_same_v<T, json::value>) {
        into = from;
    } else if constexpr (std::is_same_v<T, json::object>) {
        if (from.is_object()) into = from.get_object();
        else problems.push_back({path, "expected an object"});
    } else if constexpr (std::is_same_v<T, bool>) {
        if (from.is_bool()) into = from.get_bool();
        else problems.push_back({path, "expected true or false"});
    } else if constexpr (std::is_same_v<T, std::string>) {
        detail::decode_text(from, into, text, "expected a string", path, problems);
    } else if constexpr (std::is_same_v<T, Secret>) {
        detail::decode_text(from, into, secret, "expected a string", path, problems);
    } else if constexpr (std::is_same_v<T, Time>) {
        detail::decode_text(from, into, parse_time, "expected a time like 2026-01-31T12:00:00Z", path, problems);
    } else if constexpr (std::is_same_v<T, Duration>) {
        detail::decode_text(from, into, parse_duration, "expected a duration like 90s or 10m", path, problems);
    } else if constexpr (std::is_integral_v<T>) {
        detail::decode_integer(from, into, path, problems);
    } else if constexpr (std::is_floating_point_v<T>) {
        if (from.is_number()) into = static_cast<T>(from.to_number<double>());
        else problems.push_back({path, "expected a number"});
    } else if constexpr (detail::DescribedEnum<T>) {
        detail::decode_enum(from, into, path, problems);
    } else if constexpr (detail::is_optional<T>::value) {
        if (from.is_null()) into.reset();
        else decode_into(from, into ? *into : into.emplace(), unknown, path, problems);
    } else if constexpr (detail::is_vector<T>::value) {
        if (!from.is_array()) {
            // Docker writes null for an empty list.
            if (from.is_null() && unknown == Unknown::Ignore) into.clear();
            else problems.push_back({path, "expected an array"});
            return;
        }
        into.clear();
        for (const auto& item : from.get_array()) {
            const auto place = path + "/" + std::to_string(into.size());
            decode_into(item, into.emplace_back(), unknown, place, problems);
        }
    } else if constexpr (detail::is_map<T>::value) {
        if (!from.is_object()) {
            if (from.is_null() && unknown == Unknown::Ignore) into.clear();
            else problems.push_back({path, "expected an object"});
            return;
        }
        into.clear();
        for (const auto& item : from.get_object())
            decode_into(item.value(), into[std::string(item.key())], unknown, pointer(path, item.key()), problems);
    } else {
        static_assert(detail::DescribedStruct<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        detail::decode_struct(from, into, unknown, path, problems);
    }
}

/// The rules of a value that was not decoded, without those of structs inside of it.
template <class T>
void check_rules(const T& value, const std::string& path, Problems& problems)
{
    boost::mp11::mp_for_each<detail::members<T>>([&](auto member) {
        const auto name = wire_name(member.name);
        detail::check_member<T>(name, value.*member.pointer, pointer(path, name), problems);
    });
}

/// JSON → value. Throws Error{Invalid} that lists every problem.
template <class T>
T decode(const json::value& from, Unknown unknown)
{
    T value{};
    Problems problems;
    decode_into(from, value, unknown, "", problems);
    if (!problems.empty()) throw Error{std::move(problems)};
    return value;
}

/// Compile the codec of a type once: EXTERN in the header that describes it, INSTANTIATE in one .cpp; both in
/// namespace berth, after its validate() is declared. For large types: it is about build time only.
#define BERTH_JSON_EXTERN(T)                                                                                 \
    extern template json::value encode<T>(const T&, Secrets);                                                \
    extern template void decode_into<T>(const json::value&, T&, Unknown, const std::string&, Problems&);
#define BERTH_JSON_INSTANTIATE(T)                                                                            \
    template json::value encode<T>(const T&, Secrets);                                                       \
    template void decode_into<T>(const json::value&, T&, Unknown, const std::string&, Problems&);

} // namespace berth
