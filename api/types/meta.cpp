#include "api/types/meta.hpp"

namespace berth {

namespace {

constexpr std::size_t kMaxEntries = 64;
constexpr std::size_t kMaxLabelValue = 63;
constexpr std::size_t kMaxAnnotationBytes = 64 * 1024;

/// "prefix/name" or "name" of letters, digits, '-', '_', '.'.
bool is_label_key(std::string_view key)
{
    if (key.empty() || key.size() > 253) return false;
    return std::all_of(key.begin(), key.end(),
        [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '/'; });
}

bool is_label_value(std::string_view value)
{
    return value.size() <= kMaxLabelValue && std::all_of(value.begin(), value.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '_' || c == '.';
    });
}

} // namespace

std::string to_string(const Key& key) { return key.org + "/" + key.name; }

bool is_dns_label(std::string_view text)
{
    if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-') return false;
    return std::all_of(text.begin(), text.end(),
        [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

void validate(const Meta& meta, const std::string& path, Problems& problems)
{
    constexpr auto kExpected = "expected a DNS label: a-z, 0-9 and '-', at most 63 characters";
    if (!is_dns_label(meta.name)) problems.push_back({path + "/name", kExpected});
    if (!meta.org.empty() && !is_dns_label(meta.org)) problems.push_back({path + "/org", kExpected});
    if (meta.labels.size() > kMaxEntries) problems.push_back({path + "/labels", "at most 64 labels"});
    for (const auto& [key, value] : meta.labels)
        if (!is_label_key(key) || !is_label_value(value))
            problems.push_back({pointer(path + "/labels", key), "not a label: letters, digits, '-', '_', '.'"});
    std::size_t bytes = 0;
    for (const auto& [key, value] : meta.annotations) {
        bytes += key.size() + value.size();
        if (!is_label_key(key)) problems.push_back({pointer(path + "/annotations", key), "not an annotation key"});
    }
    if (bytes > kMaxAnnotationBytes) problems.push_back({path + "/annotations", "larger than 64 KiB"});
}

const Condition* find_condition(const Conditions& conditions, std::string_view type)
{
    for (const auto& condition : conditions)
        if (condition.type == type) return &condition;
    return nullptr;
}

void set_condition(Conditions& conditions, Condition condition, Time now)
{
    for (auto& existing : conditions) {
        if (existing.type != condition.type) continue;
        condition.lastTransitionTime = existing.status == condition.status && existing.lastTransitionTime
                                           ? existing.lastTransitionTime
                                           : std::optional(now);
        existing = std::move(condition);
        return;
    }
    condition.lastTransitionTime = now;
    conditions.push_back(std::move(condition));
}

void remove_condition(Conditions& conditions, std::string_view type)
{
    std::erase_if(conditions, [type](const Condition& condition) { return condition.type == type; });
}

} // namespace berth
