#include "api/types/workspace.hpp"

namespace berth {

void validate(const S3Source& source, const std::string& path, Problems& problems)
{
    if (source.accessKeyId.empty() && !source.secretAccessKey.empty())
        problems.push_back({path + "/accessKeyId", "is required with a secret access key"});
}

namespace {

/// "/a:/b/c". Nothing is put in place of $PATH here, and a relative folder means another one everywhere.
bool is_search_path(std::string_view text)
{
    if (!has_no_controls(text)) return false;
    for (auto colon = text.find(':'); colon != std::string_view::npos; colon = text.find(':')) {
        if (!text.starts_with('/')) return false;
        text.remove_prefix(colon + 1);
    }
    return text.starts_with('/');
}

} // namespace

void validate(const WorkspaceSpec& spec, const std::string& path, Problems& problems)
{
    if (spec.s3.bucket.empty() && spec.pool.empty())
        problems.push_back({path + "/s3/bucket", "is required"});
    const auto folders = spec.env.find("PATH");
    if (folders != spec.env.end() && !is_search_path(folders->second))
        problems.push_back({path + "/env/PATH",
            "expected absolute folders separated by ':'; the image's own follow by themselves"});
}

void request_restart(WorkspaceSpec& spec)
{
    spec.restarts = spec.restarts >= kMaxCount ? 0 : spec.restarts + 1;
}

std::string service_name(const std::string& workspace) { return "ws-" + workspace; }
std::string files_volume_name(const std::string& workspace) { return "berth-ws-" + workspace; }
std::string control_volume_name(const std::string& workspace) { return "berth-run-" + workspace; }

BERTH_JSON_INSTANTIATE(S3Source)
BERTH_JSON_INSTANTIATE(WorkspaceSpec)
BERTH_JSON_INSTANTIATE(WorkspaceStatus)
BERTH_JSON_INSTANTIATE(Workspace)

} // namespace berth
