#pragma once
// A running container's file system as its own processes see it (devices and sockets included), looked at
// from outside through the host's /proc. What is in there belongs to a tenant: every path is walked part by
// part without following a symbolic link, and what is found is checked before it is used. Blocking; for the
// work pool.

#include "node/fd.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace berth {

class ContainerRoot {
public:
    /// `proc`: the host's /proc as seen from here; `pid`: the container's first process as the engine tells
    /// it; `netns`: the path of the container's network namespace, by which the process is recognised as the
    /// container's (a process id may be somebody else's by now). Throws Error{NotFound} when it is not.
    ContainerRoot(const std::string& proc, std::int64_t pid, const std::string& netns);

    /// Opens "a/b/c" below the root. An Fd that holds nothing when a part is missing, is a symbolic link, or
    /// can't be opened.
    Fd open(std::string_view path, int flags) const;
    /// What the kernel tells of the first process: "cgroup", "mountinfo". Throws Error when it has ended.
    std::string about_process(const char* name) const;

private:
    Fd process_; ///< this very process: when it has ended, nothing can be opened through it any more
    Fd root_;
};

/// The content of a file, which is cut after `most` bytes. Throws Error.
std::string read_text(const Fd& file, std::size_t most);

} // namespace berth
