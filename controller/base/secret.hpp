#pragma once
// A string that must not appear in a log, an error, a metric or an ordinary API reply.

#include <string>
#include <utility>

namespace berth {

/// Has no conversion to text and no stream operator, so that it can't be printed by accident. The JSON codec
/// leaves it out unless it is asked to show secrets (the store, and replies to a node).
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    const std::string& reveal() const noexcept { return value_; }
    bool empty() const noexcept { return value_.empty(); }
    bool operator==(const Secret&) const = default;

private:
    std::string value_;
};

} // namespace berth
