#pragma once
// How often a key may call (W35), and how often an address may be wrong about its key. I/O thread.

#include "api/http/auth.hpp"
#include "api/http/reply.hpp"

#include <map>
#include <optional>
#include <string>

namespace berth {

/// What became of one call.
struct RateDecision {
    bool allowed = true;
    std::int64_t limit = 0;     ///< calls per minute
    std::int64_t remaining = 0; ///< that may follow at once
    Duration retry{};           ///< until the next one is allowed; 0 when it is now
    Duration reset{};           ///< until the whole limit is there again
};

/// Generic cell rate per name: a name that was silent for a minute may send the whole limit at once, and then one
/// call each minute/limit. One moment in time per name, no timers; refused calls cost nothing. Holds at most
/// `most` names: those that owe nothing are forgotten first, then the one that owes least.
class RateTable {
public:
    RateTable(std::int64_t per_minute, std::size_t most);
    /// Counts the call when it is allowed.
    RateDecision take(std::string_view name, Tick now);
    /// Counts nothing.
    RateDecision look(std::string_view name, Tick now) const;
    std::size_t size() const noexcept { return due_.size(); }

private:
    using Micros = std::chrono::microseconds;
    using Moment = std::chrono::time_point<std::chrono::steady_clock, Micros>;
    RateDecision decide(Moment due, Moment now) const;
    void make_room(Moment now);

    std::int64_t limit_;
    Micros each_;
    std::size_t most_;
    std::map<std::string, Moment, std::less<>> due_; ///< when the name owes nothing any more
};

/// Calls per key and minute. Keys of role node and proxy are machines of the install and are not limited.
class RateLimiter {
public:
    /// 0 = no limit.
    explicit RateLimiter(std::int64_t per_minute);
    /// Nothing for callers that are not limited.
    std::optional<RateDecision> take(const Principal& principal, Tick now);

private:
    std::optional<RateTable> calls_;
};

/// Failed authentications per address and minute. An address that has used its failures up is answered 429 whatever
/// key it sends, so that nothing can be learnt by guessing on; keys that it was right with before go on
/// working, so that one bad client behind a shared address does not lock out the others.
class FailureGuard {
public:
    /// 0 = no limit.
    explicit FailureGuard(std::int64_t per_minute);
    /// An answer of 401.
    void failed(std::string_view address, Tick now);
    /// A key (by its name) that was accepted from there.
    void succeeded(std::string_view address, std::string_view key, Tick now);
    /// How long an address has to wait before anything is said about its key; nothing when it may go on.
    /// `key` is empty when the one sent is not known.
    std::optional<Duration> refusal(std::string_view address, std::string_view key, Tick now) const;

private:
    std::optional<RateTable> failures_;
    std::map<std::pair<std::string, std::string>, Tick> known_; ///< address and key → when it was accepted
};

/// `RateLimit` and `RateLimit-Policy` as the IETF draft has them (draft-ietf-httpapi-ratelimit-headers).
HeaderList rate_headers(const RateDecision& decision);
/// Whole seconds for Retry-After, at least 1.
std::string retry_seconds(Duration wait);

} // namespace berth
