#pragma once
// What a container and the machine use, measured here (Swarm knows only capacities). Pure readers of text and
// samples.

#include "api/types/node.hpp"
#include "api/types/workspace.hpp"
#include "docker/model.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace berth {

/// CPU time at a moment, to compare two of them.
struct CpuSample {
    std::uint64_t busy_ns = 0;
    Tick at{};
};

/// Usage between two samples of one container; without an earlier sample the CPU is 0.
ResourceUsage container_usage(
    const docker::ContainerStats& stats, const std::optional<CpuSample>& before, const CpuSample& now);

/// Jiffies of all processors from /proc/stat.
struct ProcStat {
    std::uint64_t busy = 0;
    std::uint64_t total = 0;
    bool operator==(const ProcStat&) const = default;
};
std::optional<ProcStat> parse_proc_stat(std::string_view text);
/// Cores busy between two looks.
double cores_busy(const ProcStat& before, const ProcStat& now, double cores);

/// MemTotal and what is in use (total - available), in bytes, from /proc/meminfo.
struct MemoryInfo {
    std::int64_t total = 0;
    std::int64_t used = 0;
    bool operator==(const MemoryInfo&) const = default;
};
std::optional<MemoryInfo> parse_meminfo(std::string_view text);

/// Measures the machine each time it is asked. I/O thread; reads /proc, which never blocks for long.
class MachineMeter {
public:
    explicit MachineMeter(std::string volumes_dir) : volumes_dir_(std::move(volumes_dir)) {}
    MachineUsage measure();

private:
    std::string volumes_dir_;
    std::optional<ProcStat> before_;
};

} // namespace berth
