#include "controller/base/rules.hpp"

#include <algorithm>
#include <cmath>

namespace berth {

namespace {

std::string number_text(double value)
{
    if (value == std::floor(value) && std::abs(value) < 1e15)
        return std::to_string(static_cast<std::int64_t>(value));
    auto text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    return text;
}

std::string length_problem(const Rule& rule)
{
    if (rule.max_length == Rule::kAny)
        return "expected at least " + std::to_string(rule.min_length) + " characters";
    if (rule.min_length == 0) return "longer than " + std::to_string(rule.max_length) + " characters";
    return "expected " + std::to_string(rule.min_length) + " to " + std::to_string(rule.max_length) +
           " characters";
}

} // namespace

bool has_no_controls(std::string_view text)
{
    return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool has_no_nul(std::string_view text) { return text.find('\0') == std::string_view::npos; }

std::size_t count_characters(std::string_view text)
{
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0u) != 0x80u; }));
}

void check_text(const Rule& rule, std::string_view value, const std::string& path, Problems& problems)
{
    if (value.empty() && rule.may_be_empty) return;
    const bool bounded = rule.min_length > 0 || rule.max_length != Rule::kAny;
    const auto length = bounded ? count_characters(value) : 0;
    if (length < rule.min_length || length > rule.max_length)
        problems.push_back({path, length_problem(rule)});
    else if (rule.format && !rule.format->matches(value))
        problems.push_back({path, std::string(rule.format->expected)});
}

void check_number(const Rule& rule, double value, const std::string& path, Problems& problems)
{
    if ((value == 0 && rule.may_be_empty) || (value >= rule.minimum && value <= rule.maximum)) return;
    std::string expected = rule.may_be_empty ? "expected 0, or " : "expected ";
    expected += std::isinf(rule.maximum) ? "at least " + number_text(rule.minimum)
                                         : number_text(rule.minimum) + " to " + number_text(rule.maximum);
    problems.push_back({path, std::move(expected)});
}

void check_entries(const Rule& rule, std::size_t count, const std::string& path, Problems& problems)
{
    if (count > rule.max_entries)
        problems.push_back({path, "at most " + std::to_string(rule.max_entries) + " entries"});
}

void check_key(const Rule& rule, std::string_view key, const std::string& path, Problems& problems)
{
    if (rule.key_format && !rule.key_format->matches(key))
        problems.push_back({path, std::string(rule.key_format->expected)});
}

} // namespace berth
