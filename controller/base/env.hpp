#pragma once
// Settings from environment variables: one table per program, from which reading, --help and the documentation
// follow. A wrong value is refused with the variable's name; a secret's value is never shown.

#include "controller/base/json.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

/// A number of bytes written as "4g", "512m", "64k" or plain.
struct ByteSize {
    std::int64_t bytes = 0;
    bool operator==(const ByteSize&) const = default;
};
std::optional<ByteSize> parse_byte_size(std::string_view text);
std::string format_byte_size(ByteSize size);

/// A setting that is on or off.
enum class Switch { off, on };
BOOST_DESCRIBE_ENUM(Switch, off, on)

/// One variable: its name, what it means, its default as text, and how its text is taken over.
struct EnvSetting {
    std::string_view name;
    std::string_view help;
    std::string fallback;
    /// Gives the problem when the text is wrong: "expected a duration like 90s".
    std::function<std::optional<std::string>(std::string_view)> assign;
};

/// Gives the value of a variable, or nothing when it is not set.
using EnvLookup = std::function<std::optional<std::string>(std::string_view name)>;
EnvLookup process_environment();

/// Assigns every variable that is set and not empty. Throws Error{Invalid} with all problems, each field a name.
void load_environment(const std::vector<EnvSetting>& settings, const EnvLookup& lookup);
/// The lines of a file that the variable `name` points to (a Docker secret), without empty ones and trailing blanks.
/// Throws Error{Invalid} that names the variable, also when there are not exactly `count` lines (0 = any number).
std::vector<std::string> read_setting_file(const std::string& path, std::string_view name, std::size_t count = 0);
/// A key and its secret, one a line, from such a file; without a path nothing is changed.
void read_key_pair(const std::string& path, std::string_view name, std::string& key, Secret& secret);
/// The table for --help.
std::string describe_environment(const std::vector<EnvSetting>& settings);
/// The same table as Markdown rows, for docs/ENVIRONMENT_VARIABLES.md.
std::string environment_markdown(const std::vector<EnvSetting>& settings);

namespace detail {

template <class T>
std::string env_text(const T& value)
{
    if constexpr (std::is_same_v<T, std::string>) return value;
    else if constexpr (std::is_same_v<T, Secret>) return "";
    else if constexpr (std::is_same_v<T, ByteSize>) return format_byte_size(value);
    else {
        const auto encoded = encode(value);
        return encoded.is_string() ? std::string(encoded.get_string()) : json::serialize(encoded);
    }
}

template <class T>
std::optional<std::string> env_assign(std::string_view text, T& target)
{
    if constexpr (std::is_same_v<T, ByteSize>) {
        const auto size = parse_byte_size(text);
        if (!size) return "expected a size like 4g, 512m or a number of bytes";
        target = *size;
        return std::nullopt;
    } else {
        json::value value(text); // not braces: those would make an array
        if constexpr (std::is_arithmetic_v<T>) {
            try {
                value = parse_json(text);
            } catch (const Error&) {
                value = nullptr; // the decoder says what it expected
            }
        }
        Problems problems;
        decode_into(value, target, Unknown::Reject, "", problems);
        if (problems.empty()) return std::nullopt;
        return problems.front().problem;
    }
}

} // namespace detail

/// A row of the table; the default is what `target` holds now. `target` must outlive the table.
template <class T>
EnvSetting env(std::string_view name, T& target, std::string_view help)
{
    return {name, help, detail::env_text(target),
        [&target](std::string_view text) { return detail::env_assign(text, target); }};
}

} // namespace berth
