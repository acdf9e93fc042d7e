#pragma once
// Lines of a container's output on their way from a node to berthd.

#include "api/types/formats.hpp"
#include "controller/base/json.hpp"

namespace berth {

/// `berth`: not the container's, a remark of ours (lines that were left out).
enum class LogStreamName { stdout_, stderr_, berth };
BOOST_DESCRIBE_ENUM(LogStreamName, stdout_, stderr_, berth)

/// The engine's own form, to the nanosecond: sorts as text, and names a line of a container.
bool is_log_time(std::string_view text);
inline constexpr TextFormat kLogTime{R"(^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$)",
    &is_log_time, "expected a time in UTC with nine digits of a second"};

/// Anything but an end of line, which would be two lines.
bool is_one_line(std::string_view text);
inline constexpr TextFormat kOneLine{R"(^[^\n]*$)", &is_one_line, "must not hold an end of line"};

inline constexpr std::size_t kMaxLogLine = 16 * 1024; ///< characters
inline constexpr std::size_t kMaxLogLines = 1'000;    ///< of a batch, and kept of a workspace

struct LogLine {
    std::string at;
    LogStreamName stream = LogStreamName::stdout_;
    std::string text; ///< without the end of the line; control characters as they came
    static constexpr std::array required{"at", "text"};
    static constexpr std::array rules{Rule::text("at", kLogTime), Rule::text("text", kOneLine, kMaxLogLine)};
    bool operator==(const LogLine&) const = default;
};
BOOST_DESCRIBE_STRUCT(LogLine, (), (at, stream, text))

struct LogBatch {
    std::string container;        ///< the engine's id
    std::int64_t incarnation = 0; ///< of the workspace
    /// The line before the first one was sent already: berthd answers 409 when it does not have it (any
    /// more), and gets the last lines anew. Empty: these are the first.
    std::string after;
    std::int64_t dropped = 0; ///< lines left out before the first one
    std::vector<LogLine> lines;
    static constexpr std::array required{"container"};
    static constexpr std::array rules{Rule::text("container", kSha256Hex), Rule::at_least("incarnation", 0),
        Rule::text("after", kLogTime).or_empty(), Rule::at_least("dropped", 0),
        Rule::entries("lines", kMaxLogLines)};
};
BOOST_DESCRIBE_STRUCT(LogBatch, (), (container, incarnation, after, dropped, lines))

/// The answer: the newest line of that container.
struct LogTaken {
    std::string last;
};
BOOST_DESCRIBE_STRUCT(LogTaken, (), (last))

} // namespace berth
