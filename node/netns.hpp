#pragma once
// Sockets inside a container's network namespace, without ever moving one of our threads there for good.

#include "node/fd.hpp"

#include <string>
#include <vector>

namespace berth {

/// Makes `count` TCP sockets (IPv4, non-blocking) that live in the namespace behind `path`. A thread of its
/// own enters it and ends there: no thread that does anything else ever sees the wrong network. Blocking
/// (about a millisecond); for the work pool. Throws Error.
std::vector<Fd> sockets_in_namespace(const std::string& path, std::size_t count);

} // namespace berth
