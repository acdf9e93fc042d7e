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
};
BOOST_DESCRIBE_STRUCT(WorkspaceTemplateSpec, (), (image, limits, pidsLimit, env, description))
void validate(const WorkspaceTemplateSpec& spec, const std::string& path, Problems& problems);

using WorkspaceTemplate = Object<WorkspaceTemplateSpec, RecordStatus>;

} // namespace berth
