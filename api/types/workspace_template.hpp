#pragma once
// WorkspaceTemplate: image and limits that workspaces are made with. A record; nothing reconciles it.

#include "api/types/workspace.hpp"

namespace berth {

struct WorkspaceTemplateSpec {
    static constexpr KindInfo kind{"WorkspaceTemplate", "workspacetemplates"};
    std::string image;
    ResourceLimits limits;
    std::int64_t pidsLimit = 512;
    std::map<std::string, std::string> env;
    std::string description;
    bool operator==(const WorkspaceTemplateSpec&) const = default;
    static constexpr std::array required{"image"};
    static constexpr std::array rules{Rule::text("image", kImageReference, 512), Rule::range("pidsLimit", 32, 65536),
        Rule::entries("env", 128).keys(kEnvName).of(kWithoutNul).length(0, 32 * 1024),
        Rule::text("description", kCleanText, 1024)};
};
BOOST_DESCRIBE_STRUCT(WorkspaceTemplateSpec, (), (image, limits, pidsLimit, env, description))

using WorkspaceTemplate = Object<WorkspaceTemplateSpec, RecordStatus>;

BERTH_JSON_EXTERN(WorkspaceTemplateSpec)
BERTH_JSON_EXTERN(WorkspaceTemplate)

} // namespace berth
