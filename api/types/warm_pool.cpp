#include "api/types/warm_pool.hpp"

#include "controller/base/random.hpp"

namespace berth {

namespace {

constexpr int kMinutesOfDay = 24 * 60;

/// "09:30" → 570; nothing for anything else.
std::optional<int> minute_of(const std::string& text)
{
    if (!is_clock_time(text)) return std::nullopt;
    const auto number = [&](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
    return number(0) * 60 + number(3);
}

bool begins_on(const PoolHours& hours, unsigned day)
{
    const auto& days = hours.days;
    return days.empty() || std::find(days.begin(), days.end(), static_cast<Weekday>(day)) != days.end();
}

bool holds(const PoolHours& hours, Time now)
{
    const auto from = minute_of(hours.from);
    const auto to = minute_of(hours.to);
    if (!from || !to) return false; // stored by a version that allowed it
    const auto midnight = std::chrono::floor<std::chrono::days>(now);
    const unsigned today = std::chrono::weekday{midnight}.c_encoding();
    const int minute = int(std::chrono::floor<std::chrono::minutes>(now - midnight).count()) % kMinutesOfDay;
    if (*from < *to) return begins_on(hours, today) && minute >= *from && minute < *to;
    const unsigned yesterday = (today + 6) % 7;
    return (begins_on(hours, today) && minute >= *from) || (begins_on(hours, yesterday) && minute < *to);
}

} // namespace

bool is_clock_time(std::string_view text)
{
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return false;
    return text.substr(0, 2) < "24" && text.substr(3) < "60";
}

void validate(const WarmPoolSpec& spec, const std::string& path, Problems& problems)
{
    if (!spec.template_.empty() && !is_dns_label(spec.template_))
        problems.push_back({path + "/template", "not a template name"});
}

std::int64_t pool_size_at(const WarmPoolSpec& spec, Time now)
{
    const auto hours = std::find_if(spec.schedule.begin(), spec.schedule.end(),
        [&](const PoolHours& entry) { return holds(entry, now); });
    const auto size = hours == spec.schedule.end() ? spec.size : hours->size;
    return spec.maximum > 0 ? std::min(size, spec.maximum) : size;
}

std::string slot_hash(const std::string& template_name, const WorkspaceTemplateSpec& flavor)
{
    const json::array facts{json::value(template_name), json::value(flavor.image), encode(flavor.limits),
        flavor.pidsLimit, encode(flavor.env)};
    return sha256_hex(json::serialize(facts)).substr(0, 32);
}

} // namespace berth
