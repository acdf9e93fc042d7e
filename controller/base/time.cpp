#include "controller/base/time.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace berth {

namespace {

/// Reads exactly `count` digits at `pos` and moves on; nothing when they are not all digits.
std::optional<int> digits(std::string_view text, std::size_t& pos, std::size_t count)
{
    if (pos + count > text.size()) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i, ++pos) {
        if (text[pos] < '0' || text[pos] > '9') return std::nullopt;
        value = value * 10 + (text[pos] - '0');
    }
    return value;
}

bool literal(std::string_view text, std::size_t& pos, char expected)
{
    if (pos >= text.size() || text[pos] != expected) return false;
    ++pos;
    return true;
}

/// ".123456" → 123 ms; no fraction → 0.
std::optional<int> fraction_ms(std::string_view text, std::size_t& pos)
{
    if (pos >= text.size() || text[pos] != '.') return 0;
    ++pos;
    int value = 0;
    std::size_t count = 0;
    for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos, ++count)
        if (count < 3) value = value * 10 + (text[pos] - '0');
    if (count == 0 || count > 9) return std::nullopt;
    for (auto i = count; i < 3; ++i) value *= 10;
    return value;
}

/// "Z" or "+02:00" → minutes east of UTC.
std::optional<int> offset_minutes(std::string_view text, std::size_t& pos)
{
    if (literal(text, pos, 'Z') || literal(text, pos, 'z')) return 0;
    if (pos >= text.size() || (text[pos] != '+' && text[pos] != '-')) return std::nullopt;
    const int sign = text[pos++] == '-' ? -1 : 1;
    const auto hours = digits(text, pos, 2);
    if (!hours || !literal(text, pos, ':')) return std::nullopt;
    const auto minutes = digits(text, pos, 2);
    if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    return sign * (*hours * 60 + *minutes);
}

constexpr Time kFirst = std::chrono::sys_days{std::chrono::year{0} / 1 / 1};
constexpr Time kEnd = std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1};

struct Unit {
    std::string_view name;
    Duration length;
};
constexpr std::array kUnits{Unit{"ms", Duration{1}}, Unit{"s", Duration{1000}}, Unit{"m", Duration{60'000}},
    Unit{"h", Duration{3'600'000}}, Unit{"d", Duration{86'400'000}}};

const Unit* find_unit(std::string_view name)
{
    for (const auto& unit : kUnits)
        if (unit.name == name) return &unit;
    return nullptr;
}

} // namespace

std::string format_time(Time time)
{
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int(date.year()),
        unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()), int(clock.minutes().count()),
        int(clock.seconds().count()), int(clock.subseconds().count()));
    return text.data();
}

std::optional<Time> parse_time(std::string_view text)
{
    std::size_t pos = 0;
    const auto year = digits(text, pos, 4);
    if (!year || !literal(text, pos, '-')) return std::nullopt;
    const auto month = digits(text, pos, 2);
    if (!month || !literal(text, pos, '-')) return std::nullopt;
    const auto day = digits(text, pos, 2);
    if (!day || !(literal(text, pos, 'T') || literal(text, pos, 't'))) return std::nullopt;
    const auto hour = digits(text, pos, 2);
    if (!hour || !literal(text, pos, ':')) return std::nullopt;
    const auto minute = digits(text, pos, 2);
    if (!minute || !literal(text, pos, ':')) return std::nullopt;
    const auto second = digits(text, pos, 2);
    const auto ms = fraction_ms(text, pos);
    const auto offset = offset_minutes(text, pos);
    if (!second || !ms || !offset || pos != text.size()) return std::nullopt;
    if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{unsigned(*month)},
        std::chrono::day{unsigned(*day)}};
    if (!date.ok()) return std::nullopt;
    const Time time = std::chrono::sys_days{date} + std::chrono::hours{*hour} +
                      std::chrono::minutes{*minute - *offset} + std::chrono::seconds{*second} + Duration{*ms};
    // An offset can lead out of the years that have four digits: what format_time() makes of such a time is none.
    if (time < kFirst || time >= kEnd) return std::nullopt;
    return time;
}

std::string format_duration(Duration duration)
{
    if (duration == Duration::zero()) return "0s";
    for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit)
        if (duration % unit->length == Duration::zero())
            return std::to_string(duration / unit->length) + std::string(unit->name);
    return std::to_string(duration.count()) + "ms";
}

std::optional<Duration> parse_duration(std::string_view text)
{
    if (text.empty()) return std::nullopt;
    Duration total{0};
    while (!text.empty()) {
        std::int64_t amount = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), amount);
        if (failure != std::errc{} || amount < 0) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        const auto* unit = find_unit(text.substr(0, std::min(text.find_first_of("0123456789"), text.size())));
        if (!unit || amount > (std::numeric_limits<std::int64_t>::max() - total.count()) / unit->length.count())
            return std::nullopt;
        total += amount * unit->length;
        text.remove_prefix(unit->name.size());
    }
    return total;
}

} // namespace berth
