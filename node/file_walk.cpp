#include "node/file_copy.hpp"
#include "node/file_tree.hpp"
#include "node/filters.hpp"

#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace berth {

namespace {

/// Beyond this the agent's memory would be a tenant's to fill.
constexpr std::size_t kMaxEntries = 1'000'000;
constexpr std::string_view kCacheTag = "Signature: 8a477f597d28d172789f06886806bc55";

struct FolderCloser {
    void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, FolderCloser>;

class Walker {
public:
    Walker(const std::atomic<bool>& stop, const std::function<void(int)>& opened)
        : stop_(stop),
          opened_(opened)
    {}

    /// Walks the folder that `descriptor` refers to; takes it over.
    void folder(Fd descriptor, const std::string& path)
    {
        if (opened_) opened_(descriptor.get());
        if (!path.empty() && announces_cache(descriptor.get())) return hide(path);
        const Folder handle(::fdopendir(descriptor.get()));
        if (!handle) return unreadable(path);
        const int fd = descriptor.release();
        errno = 0;
        while (const auto* entry = ::readdir(handle.get())) {
            if (stop_) throw Error{Errc::Unavailable, "the agent is ending"};
            const std::string name = entry->d_name;
            if (name != "." && name != "..") one(fd, path.empty() ? name : path + "/" + name, name);
            errno = 0;
        }
        if (errno != 0) unreadable(path);
    }

    TreeWalk take() { return std::move(walk_); }

private:
    void one(int parent, const std::string& path, const std::string& name)
    {
        if (walk_.files.size() + walk_.links.size() + walk_.folders.size() >= kMaxEntries) {
            if (walk_.complete) skip(path, "more than a million files");
            walk_.complete = false;
            return;
        }
        struct ::stat info {};
        if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT) unreadable(path);
            return;
        }
        const bool is_folder = S_ISDIR(info.st_mode);
        if (is_folder && is_filtered_folder(name)) return hide(path);
        if (!is_folder && is_filtered_path(path)) return;
        // Sockets, pipes and devices mean something only to the programs that made them.
        if (!is_folder && !S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return;
        if (const auto problem = path_problem(path)) {
            skip(path, *problem);
            if (is_folder) hide(path);
            return;
        }
        if (is_folder)
            enter(parent, path, name, info);
        else if (S_ISREG(info.st_mode))
            file(path, info);
        else
            link(parent, path, name);
    }

    void enter(int parent, const std::string& path, const std::string& name, const struct ::stat& info)
    {
        walk_.folders[path] = info.st_mode & 0777;
        Fd next(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (next) return folder(std::move(next), path);
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) unreadable(path);
    }

    void file(const std::string& path, const struct ::stat& info)
    {
        walk_.files.emplace(path, to_local_file(info));
        walk_.bytes += info.st_size;
    }

    void link(int parent, const std::string& path, const std::string& name)
    {
        std::array<char, 4096> target{};
        const auto size = ::readlinkat(parent, name.c_str(), target.data(), target.size());
        if (size <= 0) return;
        std::string text(target.data(), static_cast<std::size_t>(size));
        if (text.size() < target.size())
            walk_.links.emplace(path, std::move(text));
        else
            skip(path, "a link to a name that is too long");
    }

    static bool announces_cache(int descriptor)
    {
        struct ::stat info {};
        if (::fstatat(descriptor, "pyvenv.cfg", &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
            return true;
        const Fd tag(::openat(descriptor, "CACHEDIR.TAG", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
        std::array<char, kCacheTag.size()> start{};
        if (!tag || ::read(tag.get(), start.data(), start.size()) != ssize_t(start.size())) return false;
        return std::string_view(start.data(), start.size()) == kCacheTag;
    }

    void hide(const std::string& path)
    {
        walk_.folders.erase(path);
        walk_.opaque.push_back(path);
    }
    void unreadable(const std::string& path)
    {
        skip(path, std::strerror(errno));
        walk_.complete = false;
    }
    void skip(const std::string& path, std::string reason)
    {
        ++walk_.skipped_count;
        if (walk_.skipped.size() < TreeWalk::kMaxSkipped)
            walk_.skipped.push_back({printable(path), std::move(reason)});
    }

    const std::atomic<bool>& stop_;
    const std::function<void(int)>& opened_;
    TreeWalk walk_;
};

} // namespace

TreeWalk FileTree::walk(const std::atomic<bool>& stop, const std::function<void(int)>& folder_opened) const
{
    Walker walker(stop, folder_opened);
    Fd root(::openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) throw system_error("open the workspace's folder");
    walker.folder(std::move(root), "");
    return walker.take();
}

} // namespace berth
