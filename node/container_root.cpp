#include "node/container_root.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace berth {

namespace {

bool same_file(const struct ::stat& a, const struct ::stat& b)
{
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

} // namespace

ContainerRoot::ContainerRoot(const std::string& proc, std::int64_t pid, const std::string& netns)
{
    const auto path = proc + "/" + std::to_string(pid);
    // The descriptor means this very process: when it has ended, nothing can be opened through it any more.
    const Fd process(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!process) throw system_error("look at process " + std::to_string(pid));
    struct ::stat expected {};
    struct ::stat found {};
    if (::stat(netns.c_str(), &expected) != 0) throw system_error("look at a network namespace");
    if (::fstatat(process.get(), "ns/net", &found, 0) != 0)
        throw system_error("look at the network namespace of process " + std::to_string(pid));
    if (!same_file(expected, found))
        throw Error{Errc::NotFound, "process " + std::to_string(pid) + " is not the container's"};
    root_.reset(::openat(process.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_) throw system_error("open the root of process " + std::to_string(pid));
}

Fd ContainerRoot::open(std::string_view path, int flags) const
{
    constexpr int kFolder = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Fd folder;
    int at = root_.get();
    for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
        const std::string part(path.substr(0, slash));
        if (part.empty() || part == "..") return Fd{};
        Fd next(::openat(at, part.c_str(), kFolder));
        if (!next) return Fd{};
        folder = std::move(next);
        at = folder.get();
        path.remove_prefix(slash + 1);
    }
    const std::string last(path);
    if (last.empty() || last == "..") return Fd{};
    return Fd{::openat(at, last.c_str(), flags | O_NOFOLLOW | O_CLOEXEC)};
}

} // namespace berth
