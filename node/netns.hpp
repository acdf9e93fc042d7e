#pragma once
// Sockets inside a container's network namespace, without ever moving one of our threads there for good.

#include "node/fd.hpp"

#include <functional>
#include <string>
#include <vector>

namespace berth {

/// Runs `work` on a thread of its own inside the namespace behind `path`, and waits for it. Throws Error, and
/// what `work` throws.
void visit_namespace(const std::string& path, const std::function<void()>& work);

/// Makes `count` TCP sockets (IPv4, non-blocking) that live in the namespace behind `path`. A thread of its
/// own enters it and ends there: no thread that does anything else ever sees the wrong network. Blocking
/// (about a millisecond); for the work pool. Throws Error.
std::vector<Fd> sockets_in_namespace(const std::string& path, std::size_t count);

/// Names the network namespace behind `path` as nothing else was named since this machine's first boot:
/// "<boot id> <cookie>". A process inside can tell the same of its own. Blocking like the above. Throws Error
/// (Linux before 5.14 has no cookies).
std::string namespace_mark(const std::string& path);

} // namespace berth
