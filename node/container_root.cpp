#include "node/container_root.hpp"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <sys/stat.h>

namespace berth {

namespace {

constexpr std::size_t kLongestDescription = 256 << 10;

bool same_file(const struct ::stat& a, const struct ::stat& b)
{
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

} // namespace

ContainerRoot::ContainerRoot(const std::string& proc, std::int64_t pid, const std::string& netns)
{
    const auto path = proc + "/" + std::to_string(pid);
    process_.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!process_) throw system_error("look at process " + std::to_string(pid));
    struct ::stat expected {};
    struct ::stat found {};
    if (::stat(netns.c_str(), &expected) != 0) throw system_error("look at a network namespace");
    if (::fstatat(process_.get(), "ns/net", &found, 0) != 0)
        throw system_error("look at the network namespace of process " + std::to_string(pid));
    if (!same_file(expected, found))
        throw Error{Errc::NotFound, "process " + std::to_string(pid) + " is not the container's"};
    root_.reset(::openat(process_.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root_) throw system_error("open the root of process " + std::to_string(pid));
}

std::string ContainerRoot::about_process(const char* name) const
{
    const Fd file(::openat(process_.get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) throw system_error(std::string("look at a process's ") + name);
    return read_text(file, kLongestDescription);
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

std::string read_text(const Fd& file, std::size_t most)
{
    std::string text;
    std::array<char, 4096> part{};
    while (text.size() < most) {
        const auto got = ::read(file.get(), part.data(), std::min(part.size(), most - text.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw system_error("read a file of the kernel");
        if (got == 0) break;
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
}

} // namespace berth
