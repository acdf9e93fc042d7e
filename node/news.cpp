#include "node/news.hpp"

#include <cmath>

namespace berth {

namespace {

constexpr double kSameCores = 0.05;
constexpr std::int64_t kSameMemory = 16 << 20;

bool nearly_same(const std::optional<ResourceUsage>& told, const std::optional<ResourceUsage>& now)
{
    if (!told || !now) return !told && !now;
    return std::abs(told->cpu - now->cpu) < kSameCores && std::abs(told->memory - now->memory) < kSameMemory;
}

/// Without what moves by itself.
WorkspaceReportSpec still(WorkspaceReportSpec report)
{
    report.reportedAt.reset();
    report.health.lastCheck.reset();
    report.health.history.clear();
    report.sync.lastSyncAt.reset();
    report.sync.s3Requests = 0;
    report.resourceUsage.reset();
    return report;
}

} // namespace

bool worth_telling(const WorkspaceReportSpec& told, const WorkspaceReportSpec& now)
{
    return !nearly_same(told.resourceUsage, now.resourceUsage) || !(still(told) == still(now));
}

} // namespace berth
