// How files get into a tree that others change at the same time, and out of it.

#include "controller/base/random.hpp"
#include "node/file_copy.hpp"
#include "node/file_tree.hpp"
#include "node/filters.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth {

namespace {

/// Gives the part its name without replacing anything. A file system without RENAME_NOREPLACE gets a hard
/// link.
bool rename_without_replacing(int folder, const std::string& from, const std::string& to)
{
    if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno == EEXIST) return false;
    if (errno != EINVAL && errno != ENOSYS) throw system_error("rename " + printable(to));
    if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) != 0) {
        if (errno == EEXIST) return false;
        throw system_error("link " + printable(to));
    }
    ::unlinkat(folder, from.c_str(), 0);
    return true;
}

std::optional<struct ::stat> state_of(int folder, const std::string& name)
{
    struct ::stat info {};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
    return info;
}

/// Whether what has this name is the file that was seen; a rename changes no more than the ctime.
bool is_still(int folder, const std::string& name, const LocalFile& expected)
{
    const auto info = state_of(folder, name);
    if (!info || !S_ISREG(info->st_mode)) return false;
    const auto now = to_local_file(*info);
    return now.size == expected.size && now.mtime == expected.mtime && now.inode == expected.inode;
}

} // namespace

/// A file under a temporary name; removed unless it was given its own.
struct FileTree::Part {
    int folder;
    std::string name;
    Fd file{};
    LocalFile given{}; ///< as it was made
    bool kept = false;
    Part(int its_folder, std::string its_name) : folder(its_folder), name(std::move(its_name)) {}
    Part(const Part&) = delete;
    Part(Part&& other) noexcept
        : folder(other.folder),
          name(std::move(other.name)),
          file(std::move(other.file)),
          given(other.given),
          kept(std::exchange(other.kept, true))
    {}
    ~Part()
    {
        if (!kept) ::unlinkat(folder, name.c_str(), 0);
    }
    /// A rename moves the ctime. Size and mtime stay those we gave, so a write since then is noticed as a
    /// change.
    LocalFile state() const
    {
        struct ::stat info {};
        ::fstat(file.get(), &info);
        auto now = given;
        now.ctime = to_local_file(info).ctime;
        return now;
    }
};

FileTree::Part FileTree::make_part(
    const std::string& source, const Fd& folder, const std::string& path, const PutOptions& options) const
{
    const Fd from(::open(source.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!from) throw system_error("open a downloaded file");
    Part part(folder.get(), std::string(kPartPrefix) + random_text(12));
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    part.file.reset(::openat(folder.get(), part.name.c_str(), kFlags, 0600));
    if (!part.file) throw system_error("create " + printable(path));
    copy_content(from.get(), part.file.get());
    if (::fchown(part.file.get(), uid_, gid_) != 0) throw system_error("own " + printable(path));
    // Never set-user-id: the mode comes from a bucket that others may write to.
    if (::fchmod(part.file.get(), mode_t(options.mode & 0777)) != 0)
        throw system_error("set the mode of " + printable(path));
    struct ::stat info {};
    if (options.mtime) set_mtime(part.file.get(), *options.mtime);
    ::fstat(part.file.get(), &info);
    part.given = to_local_file(info);
    return part;
}

std::optional<LocalFile> FileTree::put(
    const std::string& source, const std::string& path, const PutOptions& options) const
{
    const auto [parent, name] = split_path(path);
    const auto folder = open_folder(parent, true);
    auto part = make_part(source, folder, path, options);
    part.kept = rename_without_replacing(folder.get(), part.name, name);
    if (!part.kept) return std::nullopt;
    return part.state();
}

std::optional<LocalFile> FileTree::replace(const std::string& source, const std::string& path,
    const PutOptions& options, const LocalFile& expected) const
{
    const auto [parent, name] = split_path(path);
    const auto folder = open_folder(parent, false);
    if (!is_still(folder.get(), name, expected)) return std::nullopt;
    auto part = make_part(source, folder, path, options);
    // Both names change places, so what somebody wrote in this very moment is in our hands and goes back.
    if (::renameat2(folder.get(), part.name.c_str(), folder.get(), name.c_str(), RENAME_EXCHANGE) != 0) {
        if (errno == ENOENT) return std::nullopt;
        throw system_error("replace " + printable(path));
    }
    if (!is_still(folder.get(), part.name, expected)) {
        if (::renameat2(folder.get(), part.name.c_str(), folder.get(), name.c_str(), RENAME_EXCHANGE) != 0) {
            part.kept = true; // under its temporary name rather than lost
            throw system_error("put back " + printable(path));
        }
        return std::nullopt;
    }
    return part.state(); // the destructor removes the old file, which has the temporary name now
}

bool FileTree::remove(const std::string& path, const LocalFile& expected) const
{
    try {
        const auto [parent, name] = split_path(path);
        const auto folder = open_folder(parent, false);
        if (!is_still(folder.get(), name, expected)) return false;
        const auto aside = std::string(kPartPrefix) + random_text(12);
        if (::renameat(folder.get(), name.c_str(), folder.get(), aside.c_str()) != 0) return false;
        if (is_still(folder.get(), aside, expected)) return ::unlinkat(folder.get(), aside.c_str(), 0) == 0;
        rename_without_replacing(folder.get(), aside, name);
        return false;
    } catch (const Error& error) {
        if (error.code() == Errc::NotFound) return false;
        throw;
    }
}

bool FileTree::remove_link(const std::string& path, const std::string& target) const
{
    try {
        const auto [parent, name] = split_path(path);
        const auto folder = open_folder(parent, false);
        std::string now(target.size() + 1, '\0');
        const auto size = ::readlinkat(folder.get(), name.c_str(), now.data(), now.size());
        if (size != ssize_t(target.size()) || now.compare(0, target.size(), target) != 0) return false;
        return ::unlinkat(folder.get(), name.c_str(), 0) == 0;
    } catch (const Error&) {
        return false;
    }
}

bool FileTree::remove_folder(const std::string& path) const
{
    try {
        const auto [parent, name] = split_path(path);
        return ::unlinkat(open_folder(parent, false).get(), name.c_str(), AT_REMOVEDIR) == 0;
    } catch (const Error&) {
        return false;
    }
}

std::optional<LocalFile> FileTree::set_mode(const std::string& path, std::int64_t mode) const
{
    const auto file = open_file(path);
    if (!file || ::fchmod(file.get(), mode_t(mode & 0777)) != 0) return std::nullopt;
    struct ::stat info {};
    ::fstat(file.get(), &info);
    return to_local_file(info);
}

bool FileTree::put_link(const std::string& path, const std::string& target) const
{
    const auto [parent, name] = split_path(path);
    const auto folder = open_folder(parent, true);
    if (::symlinkat(target.c_str(), folder.get(), name.c_str()) != 0) {
        if (errno == EEXIST) return false;
        throw system_error("link " + printable(path));
    }
    return ::fchownat(folder.get(), name.c_str(), uid_, gid_, AT_SYMLINK_NOFOLLOW) == 0;
}

void FileTree::make_folder(const std::string& path, std::int64_t mode) const
{
    const auto folder = open_folder(path, true);
    if (::fchmod(folder.get(), mode_t(mode & 0777)) != 0)
        throw system_error("set the mode of " + printable(path));
}

} // namespace berth
