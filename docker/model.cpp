#include "docker/model.hpp"

#include <algorithm>

namespace berth::docker {

bool task_ended(std::string_view state)
{
    static constexpr std::array kEnded{"complete", "shutdown", "failed", "rejected", "remove", "orphaned"};
    return std::ranges::find(kEnded, state) != kEnded.end();
}

std::uint64_t used_memory(const MemoryStats& memory)
{
    for (const char* name : {"total_inactive_file", "inactive_file"}) { // cgroup v1, v2
        const auto cache = memory.stats.find(name);
        if (cache != memory.stats.end() && cache->second < memory.usage) return memory.usage - cache->second;
    }
    return memory.usage;
}

} // namespace berth::docker

namespace berth {

BERTH_JSON_INSTANTIATE(docker::ServiceSpec)
BERTH_JSON_INSTANTIATE(docker::Service)
BERTH_JSON_INSTANTIATE(docker::Task)
BERTH_JSON_INSTANTIATE(docker::Node)
BERTH_JSON_INSTANTIATE(docker::Network)
BERTH_JSON_INSTANTIATE(docker::SystemInfo)
BERTH_JSON_INSTANTIATE(docker::Event)
BERTH_JSON_INSTANTIATE(docker::Container)
BERTH_JSON_INSTANTIATE(docker::ContainerStats)

} // namespace berth
