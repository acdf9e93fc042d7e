#pragma once
// What S3 says. Pure; any thread.

#include "controller/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

struct ListedObject {
    std::string key;
    std::int64_t size = 0;
    std::string etag; ///< without quotes
    std::optional<Time> modified;
};

struct ListPage {
    std::vector<ListedObject> objects;
    std::vector<std::string> folders; ///< common prefixes
    std::string next;                 ///< continuation token; empty: the last page
};

/// An answer to ListObjectsV2 with encoding-type=url. Throws Error{Internal} when it is none, or not a whole one.
ListPage parse_list(std::string_view xml);
/// "NoSuchBucket" from an error's body; empty when there is none.
std::string error_code(std::string_view xml);
/// An ETag without its quotes and without "W/", fit for a header.
std::string bare_etag(std::string_view etag);

/// The header that keeps a file's time, in the form of rclone: "1700000000.123456789"; and back (ns since
/// 1970).
std::string mtime_header(std::int64_t nanoseconds);
std::optional<std::int64_t> parse_mtime_header(std::string_view text);
/// "Sat, 21 Nov 2026 12:13:54 GMT"
std::optional<Time> parse_http_date(const std::string& text);

} // namespace berth
