#pragma once
// What a container uses, by the files of its cgroups (v1 and v2): the figures that the engine itself reads,
// without asking it. They are found and opened through the container's first process, in its own mounts of
// them, so that it does not matter how the engine names its cgroups, nor which part of the hierarchy is
// visible here.

#include "docker/model.hpp"
#include "node/container_root.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth {

/// Folders below the container's root, without a slash at the start.
struct CgroupFolders {
    bool unified = false; ///< v2: both are one
    std::string cpu;
    std::string memory;
    bool operator==(const CgroupFolders&) const = default;
};
/// By /proc/<pid>/cgroup and /proc/<pid>/mountinfo; nothing when the process does not see its own cgroup.
/// Pure.
std::optional<CgroupFolders> find_cgroup_folders(std::string_view cgroup, std::string_view mountinfo);

/// The content of the files.
struct CgroupTexts {
    std::string cpu;         ///< v1: cpuacct.usage; v2: cpu.stat
    std::string memory;      ///< v1: memory.usage_in_bytes; v2: memory.current
    std::string limit;       ///< v1: memory.limit_in_bytes; v2: memory.max
    std::string memory_stat; ///< memory.stat
};
/// As the engine tells the same: CPU time, memory with its inactive file cache, and the limit, which is never
/// above the machine's own memory. Nothing when one of them is not what the kernel writes. Pure.
std::optional<docker::ContainerStats> read_cgroup_texts(
    bool unified, const CgroupTexts& texts, std::uint64_t machine_memory);

/// Of the container with this root. Throws Error. Blocking, for the work pool.
docker::ContainerStats cgroup_stats(const ContainerRoot& root);

} // namespace berth
