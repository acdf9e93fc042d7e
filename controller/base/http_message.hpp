#pragma once
// HTTP messages as plain values. No I/O.

#include "controller/base/time.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth {

/// Header fields in their order. Names compare without regard to case. Value type; any thread.
class Headers {
public:
    using Field = std::pair<std::string, std::string>;
    Headers() = default;
    Headers(std::initializer_list<Field> fields) : fields_(fields) {}

    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    /// Replaces all fields of that name.
    void set(std::string name, std::string value);
    bool contains(std::string_view name) const { return find(name) != nullptr; }
    /// The first field of that name; empty when there is none.
    std::string_view get(std::string_view name) const;
    bool empty() const noexcept { return fields_.empty(); }
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }
    bool operator==(const Headers&) const = default;

private:
    const Field* find(std::string_view name) const;
    std::vector<Field> fields_;
};

struct HttpRequest {
    std::string method = "GET";
    std::string target = "/"; ///< path and query, encoded
    Headers headers{};
    std::string body{};
    /// For a plain call: until the whole reply is here. For a stream: until its header is here. Unset: the client's own.
    std::optional<Duration> deadline{};
    /// For a stream: the longest silence between two pieces of the body. Unset: silence may last for ever.
    std::optional<Duration> idle{};
};

struct HttpResponse {
    unsigned status = 0;
    Headers headers{};
    std::string body{};
};

/// Percent-encodes everything but unreserved characters, for path segments and query values.
std::string url_encode(std::string_view text);

} // namespace berth
