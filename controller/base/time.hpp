#pragma once
// Wall-clock times, monotonic ticks and durations, and their text forms (RFC 3339 in UTC; "90s", "500ms", "2m", "1h").

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace berth {

using Duration = std::chrono::milliseconds;
/// Wall-clock time, for records and for people. Never used to measure or to wait.
using Time = std::chrono::sys_time<Duration>;
/// Monotonic time, for waiting and measuring. Has no meaning outside of this process.
using Tick = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// "2026-11-21T08:34:00.123Z".
std::string format_time(Time time);
/// Accepts what format_time writes and any RFC 3339 time with an offset or up to nanoseconds (cut to ms).
std::optional<Time> parse_time(std::string_view text);

/// Shortest exact form in one unit: "90s", "2m", "1500ms", "0s".
std::string format_duration(Duration duration);
/// A number and a unit, repeated: "1h30m", "15s", "250ms". A bare number is refused.
std::optional<Duration> parse_duration(std::string_view text);

} // namespace berth
