#include "api/http/rate_limit.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::chrono::microseconds kMinute = std::chrono::minutes{1};
constexpr std::size_t kMostKeys = 10'000;
constexpr std::size_t kMostAddresses = 10'000;
constexpr std::size_t kMostKnown = 4'096;

Duration to_milliseconds(std::chrono::microseconds time) { return std::chrono::ceil<Duration>(time); }

} // namespace

RateTable::RateTable(std::int64_t per_minute, std::size_t most)
    : limit_(std::max<std::int64_t>(1, per_minute)),
      each_(std::max(Micros{1}, kMinute / limit_)),
      most_(most)
{}

RateDecision RateTable::decide(Moment due, Moment now) const
{
    const Micros tolerance = each_ * (limit_ - 1);
    const Micros owed = due - now;
    RateDecision decision;
    decision.limit = limit_;
    decision.allowed = owed <= tolerance;
    decision.remaining = decision.allowed ? (tolerance - owed) / each_ + 1 : 0;
    decision.retry = decision.allowed ? Duration{0} : to_milliseconds(owed - tolerance);
    decision.reset = to_milliseconds(owed);
    return decision;
}

RateDecision RateTable::look(std::string_view name, Tick now) const
{
    const auto found = due_.find(name);
    const Moment moment{now};
    return decide(found == due_.end() ? moment : std::max(found->second, moment), moment);
}

RateDecision RateTable::take(std::string_view name, Tick now)
{
    const Moment moment{now};
    auto found = due_.find(name);
    if (found == due_.end()) {
        make_room(moment);
        found = due_.emplace(std::string(name), moment).first;
    }
    const auto due = std::max(found->second, moment);
    auto decision = decide(due, moment);
    if (!decision.allowed) return decision;
    found->second = due + each_;
    --decision.remaining;
    decision.reset = to_milliseconds(found->second - moment);
    return decision;
}

void RateTable::make_room(Moment now)
{
    if (due_.size() < most_) return;
    std::erase_if(due_, [now](const auto& item) { return item.second <= now; });
    if (due_.size() < most_) return;
    due_.erase(std::min_element(due_.begin(), due_.end(),
        [](const auto& left, const auto& right) { return left.second < right.second; }));
}

RateLimiter::RateLimiter(std::int64_t per_minute)
{
    if (per_minute > 0) calls_.emplace(per_minute, kMostKeys);
}

std::optional<RateDecision> RateLimiter::take(const Principal& principal, Tick now)
{
    const bool machine = principal.role == Role::node || principal.role == Role::proxy;
    if (!calls_ || machine || principal.anonymous()) return std::nullopt;
    return calls_->take(principal.name, now);
}

FailureGuard::FailureGuard(std::int64_t per_minute)
{
    if (per_minute > 0) failures_.emplace(per_minute, kMostAddresses);
}

void FailureGuard::failed(std::string_view address, Tick now)
{
    if (failures_) failures_->take(address, now);
}

void FailureGuard::succeeded(std::string_view address, std::string_view key, Tick now)
{
    if (!failures_) return;
    known_[{std::string(address), std::string(key)}] = now;
    if (known_.size() <= kMostKnown) return;
    known_.erase(std::min_element(known_.begin(), known_.end(),
        [](const auto& left, const auto& right) { return left.second < right.second; }));
}

std::optional<Duration> FailureGuard::refusal(std::string_view address, std::string_view key, Tick now) const
{
    if (!failures_) return std::nullopt;
    const auto decision = failures_->look(address, now);
    if (decision.allowed) return std::nullopt;
    if (!key.empty() && known_.contains({std::string(address), std::string(key)})) return std::nullopt;
    return decision.retry;
}

HeaderList rate_headers(const RateDecision& decision)
{
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(decision.reset).count();
    return {{"RateLimit-Policy", "\"key\";q=" + std::to_string(decision.limit) + ";w=60"},
        {"RateLimit", "\"key\";r=" + std::to_string(decision.remaining) + ";t=" + std::to_string(seconds)}};
}

std::string retry_seconds(Duration wait)
{
    return std::to_string(std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(wait).count()));
}

} // namespace berth
