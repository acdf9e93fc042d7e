#include "api/types/api_key.hpp"
#include "api/types/node.hpp"
#include "api/types/workspace_report.hpp"
#include "api/types/workspace_template.hpp"

namespace berth {

BERTH_JSON_INSTANTIATE(WorkspaceReportSpec)
BERTH_JSON_INSTANTIATE(WorkspaceReport)
BERTH_JSON_INSTANTIATE(WorkspaceTemplateSpec)
BERTH_JSON_INSTANTIATE(WorkspaceTemplate)
BERTH_JSON_INSTANTIATE(NodeReportSpec)
BERTH_JSON_INSTANTIATE(NodeReport)
BERTH_JSON_INSTANTIATE(NodeStatus)
BERTH_JSON_INSTANTIATE(Node)
BERTH_JSON_INSTANTIATE(ApiKeySpec)
BERTH_JSON_INSTANTIATE(ApiKey)

} // namespace berth
