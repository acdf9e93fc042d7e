#include "node/file_tree.hpp"

#include "node/file_copy.hpp"
#include "node/filters.hpp"

#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth {

namespace {

constexpr unsigned kWorkspaceUser = 1000;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

} // namespace

std::pair<std::string, std::string> split_path(const std::string& path)
{
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

LocalFile to_local_file(const struct ::stat& info)
{
    constexpr std::int64_t kSecond = 1'000'000'000;
    return {.size = info.st_size,
        .mtime = info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec,
        .ctime = info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec,
        .inode = static_cast<std::int64_t>(info.st_ino),
        .mode = info.st_mode & 0777};
}

FileTree::FileTree(const std::string& root) : root_(::open(root.c_str(), kFolderFlags))
{
    if (!root_) throw system_error("open the workspace's folder");
    struct ::stat info {};
    if (::fstat(root_.get(), &info) != 0) throw system_error("look at the workspace's folder");
    // A volume that nothing has been copied into yet belongs to root.
    uid_ = info.st_uid == 0 ? kWorkspaceUser : info.st_uid;
    gid_ = info.st_uid == 0 ? kWorkspaceUser : info.st_gid;
}

Fd FileTree::open_folder(const std::string& path, bool create) const
{
    Fd folder(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0));
    if (!folder) throw system_error("open the workspace's folder");
    std::string_view rest = path;
    while (!rest.empty()) {
        const std::string part(rest.substr(0, rest.find('/')));
        rest.remove_prefix(std::min(part.size() + 1, rest.size()));
        Fd next(::openat(folder.get(), part.c_str(), kFolderFlags));
        if (!next && errno == ENOENT && create) {
            if (::mkdirat(folder.get(), part.c_str(), 0755) != 0 && errno != EEXIST)
                throw system_error("make folder " + printable(path));
            next.reset(::openat(folder.get(), part.c_str(), kFolderFlags));
            if (next && ::fchown(next.get(), uid_, gid_) != 0)
                throw system_error("own folder " + printable(path));
        }
        if (!next) throw system_error("open folder " + printable(path));
        folder = std::move(next);
    }
    return folder;
}

Fd FileTree::open_file(const std::string& path) const
{
    const auto [parent, name] = split_path(path);
    const auto folder = open_folder(parent, false);
    // O_NONBLOCK: a pipe put in the file's place must not make us wait for a writer.
    Fd file(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC));
    if (!file && errno == EPERM) // O_NOATIME is for the owner and who may act as such
        file.reset(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct ::stat info {};
    if (file && (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))) file.reset();
    return file;
}

std::optional<LocalFile> FileTree::stat(const std::string& path) const
{
    try {
        const auto [parent, name] = split_path(path);
        const auto folder = open_folder(parent, false);
        struct ::stat info {};
        if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
        if (!S_ISREG(info.st_mode)) return std::nullopt;
        return to_local_file(info);
    } catch (const Error&) {
        return std::nullopt; // a folder on the way is gone, or is no folder any more
    }
}

bool FileTree::exists(const std::string& path) const
{
    try {
        const auto [parent, name] = split_path(path);
        const auto folder = open_folder(parent, false);
        struct ::stat info {};
        return ::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    } catch (const Error&) {
        return false;
    }
}

std::optional<TakenFile> FileTree::take(
    const std::string& path, const std::string& destination, const std::atomic<bool>& stop) const
{
    Fd file;
    try {
        file = open_file(path);
    } catch (const Error&) {
        return std::nullopt;
    }
    if (!file) return std::nullopt;
    struct ::stat before {};
    ::fstat(file.get(), &before);
    require_space(destination, before.st_size);
    std::filesystem::create_directories(std::filesystem::path(destination).parent_path());
    Fd copy(::open(destination.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!copy) throw system_error("make a copy for the upload");
    TakenFile taken{.file = to_local_file(before), .hashes = copy_and_hash(file.get(), copy.get(), stop)};
    struct ::stat after {};
    ::fstat(file.get(), &after);
    taken.changed = after.st_size != before.st_size || to_local_file(after).mtime != taken.file.mtime;
    set_mtime(copy.get(), taken.file.mtime);
    return taken;
}

std::optional<Hashes> FileTree::hash(const std::string& path, const std::atomic<bool>& stop) const
{
    try {
        const auto file = open_file(path);
        if (!file) return std::nullopt;
        return copy_and_hash(file.get(), -1, stop);
    } catch (const Error& error) {
        if (error.code() == Errc::Unavailable) throw;
        return std::nullopt;
    }
}

} // namespace berth
