#include "api/types/workspace_environment.hpp"

#include <algorithm>
#include <array>

namespace berth {

bool is_for_shells_only(std::string_view name)
{
    static constexpr std::array<std::string_view, 3> kNames{"CODE_SERVER_HOST", "PATH", "PORT"};
    return std::ranges::find(kNames, name) != kNames.end();
}

std::map<std::string, std::string> workspace_environment(
    const Workspace& workspace, std::string_view platform_key)
{
    const auto& spec = workspace.spec;
    std::map<std::string, std::string> env = spec.env;
    const auto fact = [&](const char* name, const std::string& value) { env.try_emplace(name, value); };
    if (!spec.s3.bucket.empty()) {
        fact("S3_BUCKET", spec.s3.bucket);
        fact("S3_REGION", spec.s3.region);
        fact("S3_PREFIX", spec.s3.prefix);
    }
    const bool own_key = !spec.s3.accessKeyId.empty() && spec.s3.accessKeyId != platform_key;
    if (spec.exposeS3Credentials && own_key) {
        if (!spec.s3.endpoint.empty()) fact("S3_ENDPOINT", spec.s3.endpoint);
        fact("AWS_REGION", spec.s3.region);
        fact("AWS_ACCESS_KEY_ID", spec.s3.accessKeyId);
        fact("AWS_SECRET_ACCESS_KEY", spec.s3.secretAccessKey.reveal());
    }
    env["BERTH_WORKSPACE_ID"] = workspace.metadata.name;
    return env;
}

} // namespace berth
