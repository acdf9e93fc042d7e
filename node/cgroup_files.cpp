#include "node/cgroup_files.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace berth {

namespace {

constexpr std::size_t kLongestFile = 64 << 10;

/// Calls `use` with each part of the text, the last one too.
template <class Use> void for_each_part(std::string_view text, char between, Use use)
{
    for (auto end = text.find(between); end != std::string_view::npos; end = text.find(between)) {
        use(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    use(text);
}

bool lists(std::string_view words, std::string_view wanted)
{
    bool found = false;
    for_each_part(words, ',', [&](std::string_view word) { found = found || word == wanted; });
    return found;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// The kernel writes blanks and backslashes as \040.
std::string unescaped(std::string_view text)
{
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) &&
                            is_octal(text[i + 2]) && is_octal(text[i + 3]);
        plain += escape ? static_cast<char>(
                              (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'))
                        : text[i];
        if (escape) i += 3;
    }
    return plain;
}

/// The cgroup of a process in the hierarchy of `controller`; of the unified one when that is empty.
std::optional<std::string> cgroup_path(std::string_view cgroup, std::string_view controller)
{
    std::optional<std::string> path;
    for_each_part(cgroup, '\n', [&](std::string_view line) { // "4:memory:/docker/<id>", "0::/docker/<id>"
        const auto first = line.find(':');
        const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
        if (second == std::string_view::npos) return;
        const auto names = line.substr(first + 1, second - first - 1);
        const bool unified = line.starts_with("0:") && names.empty();
        if (controller.empty() ? unified : lists(names, controller)) path = line.substr(second + 1);
    });
    return path;
}

struct CgroupMount {
    std::string root;  ///< which cgroup is mounted
    std::string point; ///< where
    std::string type;
    std::string options;
};

std::vector<CgroupMount> cgroup_mounts(std::string_view mountinfo)
{
    std::vector<CgroupMount> mounts;
    for_each_part(mountinfo, '\n', [&](std::string_view line) {
        std::vector<std::string_view> fields;
        for_each_part(line, ' ', [&](std::string_view field) { fields.push_back(field); });
        // id, parent, device, root, point, options, any number of tags, "-", type, source, options of the
        // file system
        std::size_t dash = 6;
        while (dash < fields.size() && fields[dash] != "-") ++dash;
        if (dash + 3 >= fields.size() || !fields[dash + 1].starts_with("cgroup")) return;
        mounts.push_back({unescaped(fields[3]), unescaped(fields[4]), std::string(fields[dash + 1]),
            std::string(fields[dash + 3])});
    });
    return mounts;
}

/// Where the cgroup `path` is when `root` is mounted. Both are told relative to our own cgroup namespace, so
/// they may begin with "/.."; what is beside or above the mounted one is not seen.
std::optional<std::string> below(std::string_view root, std::string_view path)
{
    if (root != "/") {
        if (!path.starts_with(root)) return std::nullopt;
        path.remove_prefix(root.size());
    }
    if (!path.empty() && !path.starts_with('/')) return std::nullopt;
    return std::string(path);
}

/// "/a/b" without anything that leads elsewhere.
bool is_plain(std::string_view path)
{
    if (!path.starts_with('/')) return false;
    bool plain = true;
    for_each_part(
        path.substr(1), '/', [&](std::string_view part) { plain = plain && !part.empty() && part != ".."; });
    return plain;
}

/// The folder of a cgroup, below the process's root. Of several mounts the last one: it hides the others.
std::optional<std::string> folder_in(const std::vector<CgroupMount>& mounts, std::string_view type,
    std::string_view controller, const std::optional<std::string>& path)
{
    std::optional<std::string> folder;
    if (!path) return folder;
    for (const auto& mount : mounts) {
        if (mount.type != type || (!controller.empty() && !lists(mount.options, controller))) continue;
        const auto inside = below(mount.root, *path);
        if (!inside) continue;
        const auto place = mount.point + (*inside == "/" ? "" : *inside);
        if (is_plain(place)) folder = place.substr(1);
    }
    return folder;
}

std::optional<std::uint64_t> whole_number(std::string_view text)
{
    if (text.ends_with('\n')) text.remove_suffix(1);
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Of lines "name value".
std::optional<std::uint64_t> named_number(std::string_view text, std::string_view name)
{
    std::optional<std::uint64_t> value;
    for_each_part(text, '\n', [&](std::string_view line) {
        if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ' ')
            value = whole_number(line.substr(name.size() + 1));
    });
    return value;
}

std::optional<std::uint64_t> cpu_time_ns(bool unified, std::string_view text)
{
    if (!unified) return whole_number(text);
    const auto micros = named_number(text, "usage_usec");
    if (!micros || *micros > std::numeric_limits<std::uint64_t>::max() / 1000) return std::nullopt;
    return *micros * 1000;
}

std::string read_cgroup_file(const ContainerRoot& root, const std::string& path)
{
    const auto file = root.open(path, O_RDONLY | O_NONBLOCK);
    struct ::statfs system {};
    if (!file || ::fstatfs(file.get(), &system) != 0)
        throw Error{Errc::NotFound, "the cgroup file /" + path + " can't be opened"};
    if (system.f_type != CGROUP_SUPER_MAGIC && system.f_type != CGROUP2_SUPER_MAGIC)
        throw Error{Errc::NotFound, "/" + path + " is not the kernel's"};
    return read_text(file, kLongestFile);
}

std::uint64_t machine_memory()
{
    return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
           static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace

std::optional<CgroupFolders> find_cgroup_folders(std::string_view cgroup, std::string_view mountinfo)
{
    const auto mounts = cgroup_mounts(mountinfo);
    const auto memory = folder_in(mounts, "cgroup", "memory", cgroup_path(cgroup, "memory"));
    const auto cpu = folder_in(mounts, "cgroup", "cpuacct", cgroup_path(cgroup, "cpuacct"));
    if (memory && cpu) return CgroupFolders{false, *cpu, *memory};
    const auto both = folder_in(mounts, "cgroup2", "", cgroup_path(cgroup, ""));
    if (both) return CgroupFolders{true, *both, *both};
    return std::nullopt;
}

std::optional<docker::ContainerStats> read_cgroup_texts(
    bool unified, const CgroupTexts& texts, std::uint64_t machine_memory)
{
    const auto cpu = cpu_time_ns(unified, texts.cpu);
    const auto memory = whole_number(texts.memory);
    const bool unlimited = unified && texts.limit == "max\n";
    const auto limit = unlimited ? machine_memory : whole_number(texts.limit);
    if (!cpu || !memory || !limit) return std::nullopt;
    docker::ContainerStats stats;
    stats.cpu_stats.cpu_usage.total_usage = *cpu;
    stats.memory_stats.usage = *memory;
    stats.memory_stats.limit = std::min(*limit, machine_memory);
    const std::string cache = unified ? "inactive_file" : "total_inactive_file";
    if (const auto bytes = named_number(texts.memory_stat, cache)) stats.memory_stats.stats[cache] = *bytes;
    return stats;
}

docker::ContainerStats cgroup_stats(const ContainerRoot& root)
{
    const auto folders = find_cgroup_folders(root.about_process("cgroup"), root.about_process("mountinfo"));
    if (!folders) throw Error{Errc::NotFound, "the container's cgroups are not mounted in it"};
    const auto& [unified, cpu, memory] = *folders;
    CgroupTexts texts;
    texts.cpu = read_cgroup_file(root, cpu + (unified ? "/cpu.stat" : "/cpuacct.usage"));
    texts.memory = read_cgroup_file(root, memory + (unified ? "/memory.current" : "/memory.usage_in_bytes"));
    texts.limit = read_cgroup_file(root, memory + (unified ? "/memory.max" : "/memory.limit_in_bytes"));
    texts.memory_stat = read_cgroup_file(root, memory + "/memory.stat");
    const auto stats = read_cgroup_texts(unified, texts, machine_memory());
    if (!stats) throw Error{Errc::Internal, "the container's cgroup files can't be understood"};
    return *stats;
}

} // namespace berth
