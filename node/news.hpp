#pragma once
// What of a workspace's report is news. An unchanged report is not repeated: the node's own report vouches for it
// (NodeReportSpec::unchanged), so that a workspace at rest costs berthd no write.

#include "api/types/workspace_report.hpp"

namespace berth {

/// Of regular reports: an unchanged one is repeated this often, so that its figures do not grow old for ever.
inline constexpr int kRepeatEvery = 10;

/// Whether berthd, which was told `told`, would learn something from `now`. The times of the last look, the number of
/// requests and a use of the machine that is nearly the same are nothing to learn. Pure.
bool worth_telling(const WorkspaceReportSpec& told, const WorkspaceReportSpec& now);

} // namespace berth
