#include "node/usage.hpp"

#include <charconv>
#include <fstream>
#include <sstream>

#include <sys/statvfs.h>
#include <unistd.h>

namespace berth {

namespace {

std::string read_proc(const char* path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The number after "Name:" in kB, as bytes.
std::optional<std::int64_t> meminfo_bytes(std::string_view text, std::string_view name)
{
    const auto at = text.find(name);
    if (at == std::string_view::npos) return std::nullopt;
    auto rest = text.substr(at + name.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    std::int64_t kilobytes = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), kilobytes);
    if (parsed.ec != std::errc{}) return std::nullopt;
    return kilobytes * 1024;
}

} // namespace

ResourceUsage container_usage(
    const docker::ContainerStats& stats, const std::optional<CpuSample>& before, const CpuSample& now)
{
    ResourceUsage usage;
    usage.memory = static_cast<std::int64_t>(docker::used_memory(stats.memory_stats));
    if (stats.memory_stats.limit > 0)
        usage.memoryPercent =
            100.0 * static_cast<double>(usage.memory) / static_cast<double>(stats.memory_stats.limit);
    if (before && now.at > before->at && now.busy_ns >= before->busy_ns) {
        const auto elapsed_ns = std::chrono::duration<double, std::nano>(now.at - before->at).count();
        usage.cpu = static_cast<double>(now.busy_ns - before->busy_ns) / elapsed_ns;
    }
    return usage;
}

std::optional<ProcStat> parse_proc_stat(std::string_view text)
{
    if (!text.starts_with("cpu ")) return std::nullopt;
    std::istringstream line{std::string(text.substr(4, text.find('\n') - 4))};
    ProcStat stat;
    std::uint64_t value = 0;
    // user nice system idle iowait irq softirq steal; guest times are part of user.
    for (int field = 0; field < 8 && line >> value; ++field) {
        stat.total += value;
        if (field != 3 && field != 4) stat.busy += value;
    }
    if (stat.total == 0) return std::nullopt;
    return stat;
}

double cores_busy(const ProcStat& before, const ProcStat& now, double cores)
{
    if (now.total <= before.total || now.busy < before.busy) return 0;
    return cores * static_cast<double>(now.busy - before.busy) /
           static_cast<double>(now.total - before.total);
}

std::optional<MemoryInfo> parse_meminfo(std::string_view text)
{
    const auto total = meminfo_bytes(text, "MemTotal:");
    const auto available = meminfo_bytes(text, "MemAvailable:");
    if (!total || !available) return std::nullopt;
    return MemoryInfo{*total, *total - *available};
}

MachineUsage MachineMeter::measure()
{
    MachineUsage usage;
    usage.cpuCores = static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN));
    if (const auto now = parse_proc_stat(read_proc("/proc/stat"))) {
        if (before_) usage.cpuUsed = cores_busy(*before_, *now, usage.cpuCores);
        before_ = now;
    }
    if (const auto memory = parse_meminfo(read_proc("/proc/meminfo"))) {
        usage.memoryTotal = memory->total;
        usage.memoryUsed = memory->used;
    }
    struct ::statvfs disk {};
    if (::statvfs(volumes_dir_.c_str(), &disk) == 0) {
        const auto block = static_cast<std::int64_t>(disk.f_frsize);
        usage.diskTotal = static_cast<std::int64_t>(disk.f_blocks) * block;
        usage.diskUsed = static_cast<std::int64_t>(disk.f_blocks - disk.f_bfree) * block;
    }
    return usage;
}

} // namespace berth
