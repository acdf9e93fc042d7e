#include "api/types/meta.hpp"

namespace berth {

namespace {

constexpr std::size_t kMaxAnnotationBytes = 64 * 1024;

} // namespace

std::string to_string(const Key& key) { return key.org + "/" + key.name; }

void validate(const Meta& meta, const std::string& path, Problems& problems)
{
    std::size_t bytes = 0;
    for (const auto& [key, value] : meta.annotations) bytes += key.size() + value.size();
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

BERTH_JSON_INSTANTIATE(Meta)
BERTH_JSON_INSTANTIATE(RecordStatus)

} // namespace berth
