#include "node/activity.hpp"

#include "node/filters.hpp"

#include <algorithm>
#include <charconv>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

namespace berth {

namespace {

constexpr const char* kTerminals = "dev/pts";
constexpr const char* kEditorData = "home/dev/.local/share/code-server/User";
constexpr const char* kDisplay = "tmp/.X11-unix/X1";
constexpr std::size_t kMostEntries = 2000; ///< of the editor's folders
constexpr int kDeepest = 4;
/// Minor numbers of the Unix 98 slaves.
constexpr unsigned kFirstPtsMajor = 136;
constexpr unsigned kLastPtsMajor = 143;

Time to_time(const ::timespec& time)
{
    return Time{Duration{std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000}};
}

/// A folder's entries without the two of its own; ends early when `use` gives false.
template <class F> void for_entries(Fd folder, F use)
{
    DIR* stream = ::fdopendir(folder.get());
    if (!stream) return;
    folder.release();
    while (const ::dirent* entry = ::readdir(stream)) {
        const std::string_view name(entry->d_name);
        if (name == "." || name == "..") continue;
        if (!use(std::string(name), ::dirfd(stream))) break;
    }
    ::closedir(stream);
}

bool is_terminal(const struct ::stat& info)
{
    const auto major = ::major(info.st_rdev);
    return S_ISCHR(info.st_mode) && major >= kFirstPtsMajor && major <= kLastPtsMajor;
}

bool is_number(std::string_view name)
{
    unsigned value = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
    return error == std::errc{} && end == name.data() + name.size();
}

/// The container's own terminals' folder, and not something that looks like it.
Fd terminal_folder(const ContainerRoot& root)
{
    Fd folder = root.open(kTerminals, O_RDONLY | O_DIRECTORY);
    struct ::statfs system {};
    if (!folder || ::fstatfs(folder.get(), &system) != 0) return Fd{};
    return system.f_type == DEVPTS_SUPER_MAGIC ? std::move(folder) : Fd{};
}

/// The newest time of a change below a folder, as deep and as far as is worth it.
struct NewestChange {
    std::size_t left = kMostEntries;
    std::optional<Time> newest{};

    void look(Fd folder, int depth)
    {
        for_entries(std::move(folder), [&](const std::string& name, int parent) {
            if (left == 0) return false;
            --left;
            struct ::stat info {};
            if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return true;
            newest = std::max(newest.value_or(Time{}), to_time(info.st_mtim));
            if (!S_ISDIR(info.st_mode) || depth <= 1) return true;
            Fd next(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (next) look(std::move(next), depth - 1);
            return true;
        });
    }
};

} // namespace

void ActivityLog::note(ActivityKind kind, Time at, std::string source, Time now)
{
    at = std::min(at, now);
    auto& sign = signs_[kind];
    if (sign.at && *sign.at >= at) return;
    sign = {kind, at, printable(source)};
}

void ActivityLog::missing(ActivityKind kind, const std::string& why) { missing_[kind] = printable(why); }

void ActivityLog::present(ActivityKind kind) { missing_.erase(kind); }

std::vector<ActivitySignal> ActivityLog::signals() const
{
    std::vector<ActivitySignal> all;
    for (const auto& [kind, sign] : signs_)
        if (!missing_.contains(kind)) all.push_back(sign);
    for (const auto& [kind, why] : missing_) all.push_back({kind, std::nullopt, why});
    return all;
}

std::optional<Time> ActivityLog::newest() const
{
    std::optional<Time> newest;
    for (const auto& [kind, sign] : signs_)
        if (sign.at) newest = std::max(newest.value_or(Time{}), *sign.at);
    return newest;
}

std::vector<Terminal> terminals(const ContainerRoot& root)
{
    std::vector<Terminal> found;
    Fd folder = terminal_folder(root);
    if (!folder) return found;
    for_entries(std::move(folder), [&](const std::string& name, int parent) {
        struct ::stat info {};
        if (!is_number(name) || ::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return true;
        if (is_terminal(info)) found.push_back({"pts/" + name, to_time(info.st_atim), to_time(info.st_mtim)});
        return found.size() < kMostTerminals;
    });
    return found;
}

std::optional<Time> editor_use(const ContainerRoot& root)
{
    NewestChange changes;
    // Backups hold what is typed and not saved; the history gets an entry with each save, wherever the file
    // is.
    const std::pair<const char*, int> folders[] = {{"/Backups", kDeepest}, {"/History", 1}};
    for (const auto& [name, depth] : folders)
        if (Fd folder = root.open(std::string(kEditorData) + name, O_RDONLY | O_DIRECTORY))
            changes.look(std::move(folder), depth);
    return changes.newest;
}

std::optional<DisplaySocket> display_socket(const ContainerRoot& root)
{
    DisplaySocket display{root.open(kDisplay, O_PATH), {}};
    struct ::stat info {};
    if (!display.socket || ::fstat(display.socket.get(), &info) != 0 || !S_ISSOCK(info.st_mode))
        return std::nullopt;
    display.since = to_time(info.st_mtim);
    return display;
}

std::size_t write_to_terminals(
    const ContainerRoot& root, const std::vector<Terminal>& which, std::string_view text)
{
    const Fd folder = terminal_folder(root);
    if (!folder) return 0;
    std::size_t taken = 0;
    for (const auto& terminal : which) {
        const auto name = terminal.name.substr(terminal.name.find('/') + 1);
        // Never as our controlling terminal, and never waiting for one that is stopped or full.
        const Fd device(
            ::openat(folder.get(), name.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
        struct ::stat info {};
        if (!device || ::fstat(device.get(), &info) != 0 || !is_terminal(info)) continue;
        if (::write(device.get(), text.data(), text.size()) == static_cast<::ssize_t>(text.size())) ++taken;
    }
    return taken;
}

} // namespace berth
