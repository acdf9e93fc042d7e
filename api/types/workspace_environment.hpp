#pragma once
// What the programs in a workspace are told by their environment: one pure function, because a cold start
// puts it into the container and a claim into /run/berth/env, and both must say the same. Any thread.

#include "api/types/workspace.hpp"

namespace berth {

/// BERTH_WORKSPACE_ID, S3_BUCKET, S3_REGION, S3_PREFIX and the `env` of the request, which wins over the
/// facts. With exposeS3Credentials also S3_ENDPOINT (when one is named), AWS_ACCESS_KEY_ID,
/// AWS_SECRET_ACCESS_KEY and AWS_REGION; never those of the install itself, whose key id is `platform_key`. A
/// slot knows its id only.
std::map<std::string, std::string> workspace_environment(
    const Workspace& workspace, std::string_view platform_key);

/// Whether a variable of the request reaches shells (by /run/berth/env) and not the container itself, as with
/// a claim: without the image's own PATH nothing in it would start, and its editor takes PORT for its own.
bool is_for_shells_only(std::string_view name);

} // namespace berth
