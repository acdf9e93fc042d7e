#pragma once
// What the type of a member can't say: its limits and its format. Listed in the struct, and read by the
// codec, which refuses what breaks a rule, and by the schema, which tells it, so that the two can't differ:
//
//   static constexpr std::array rules{Rule::text("bucket", kBucketName).or_empty(), Rule::range("restarts",
//   0, 9)};
//
// Rules that tie several members together belong into validate(). Pure code; any thread.

#include "controller/base/error.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace berth {

/// Which texts are allowed, twice: for readers (a schema) and for the machine. A test compares the two.
struct TextFormat {
    std::string_view pattern; ///< ECMAScript, anchored with ^ and $
    bool (*matches)(std::string_view);
    std::string_view expected; ///< what is said of a text that is not of it
};

/// Anything without control characters.
bool has_no_controls(std::string_view text);
inline constexpr TextFormat kCleanText{
    R"(^[^\x00-\x1f\x7f]*$)", &has_no_controls, "must not hold control characters"};
/// Anything that an environment or a file name can hold.
bool has_no_nul(std::string_view text);
inline constexpr TextFormat kWithoutNul{R"(^[^\x00]*$)", &has_no_nul, "must not hold a NUL"};

/// Of a list or map the text and number rules mean each entry (of a map: its value).
struct Rule {
    static constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

    std::string_view member; ///< name on the wire
    const TextFormat* format = nullptr;
    const TextFormat* key_format = nullptr; ///< of a map's names
    std::size_t min_length = 0;             ///< in characters (code points), as a schema counts
    std::size_t max_length = kAny;
    std::size_t max_entries = kAny; ///< of a list or map
    double minimum = -std::numeric_limits<double>::infinity();
    double maximum = std::numeric_limits<double>::infinity();
    bool may_be_empty = false; ///< "" or 0 is fine whatever else is said

    static constexpr Rule text(std::string_view member, const TextFormat& format, std::size_t most = kAny)
    {
        Rule rule{.member = member};
        rule.format = &format;
        rule.max_length = most;
        return rule;
    }
    static constexpr Rule range(std::string_view member, double least, double most)
    {
        Rule rule{.member = member};
        rule.minimum = least;
        rule.maximum = most;
        return rule;
    }
    static constexpr Rule at_least(std::string_view member, double least)
    {
        return range(member, least, std::numeric_limits<double>::infinity());
    }
    static constexpr Rule entries(std::string_view member, std::size_t most)
    {
        Rule rule{.member = member};
        rule.max_entries = most;
        return rule;
    }
    constexpr Rule or_empty() const
    {
        auto rule = *this;
        rule.may_be_empty = true;
        return rule;
    }
    constexpr Rule length(std::size_t least, std::size_t most) const
    {
        auto rule = *this;
        rule.min_length = least;
        rule.max_length = most;
        return rule;
    }
    constexpr Rule of(const TextFormat& values) const
    {
        auto rule = *this;
        rule.format = &values;
        return rule;
    }
    constexpr Rule keys(const TextFormat& names) const
    {
        auto rule = *this;
        rule.key_format = &names;
        return rule;
    }
};

/// Code points of UTF-8 text.
std::size_t count_characters(std::string_view text);

/// One problem at most each, at `path`.
void check_text(const Rule& rule, std::string_view value, const std::string& path, Problems& problems);
void check_number(const Rule& rule, double value, const std::string& path, Problems& problems);
void check_entries(const Rule& rule, std::size_t count, const std::string& path, Problems& problems);
void check_key(const Rule& rule, std::string_view key, const std::string& path, Problems& problems);

} // namespace berth
