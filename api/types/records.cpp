#include "api/types/api_key.hpp"
#include "api/types/node.hpp"
#include "api/types/workspace_report.hpp"
#include "api/types/workspace_template.hpp"

namespace berth {

void validate(const WorkspaceTemplateSpec& spec, const std::string& path, Problems& problems)
{
    if (spec.image.empty() || spec.image.size() > 512 || spec.image.find_first_of(" \t\r\n") != std::string::npos)
        problems.push_back({path + "/image", "expected an image reference"});
    if (spec.limits.cpuLimit < 0.1 || spec.limits.cpuLimit > 512)
        problems.push_back({path + "/limits/cpuLimit", "expected 0.1 to 512 cores"});
    if (spec.limits.memoryLimit < (64LL << 20))
        problems.push_back({path + "/limits/memoryLimit", "expected at least 64 MiB, in bytes"});
    if (spec.pidsLimit < 32 || spec.pidsLimit > 65536)
        problems.push_back({path + "/pidsLimit", "expected 32 to 65536"});
}

void validate(const ApiKeySpec& spec, const std::string& path, Problems& problems)
{
    const bool hex = spec.sha256.size() == 64 && spec.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex) problems.push_back({path + "/sha256", "expected 64 lower-case hexadecimal digits"});
    if (spec.maxContainers < 0) problems.push_back({path + "/maxContainers", "must not be negative"});
}

} // namespace berth
