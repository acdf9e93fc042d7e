#pragma once
// How long nobody has touched keyboard or pointer of an X server, asked in X's own protocol (extension
// MIT-SCREEN-SAVER). A VNC client that only looks on is no input. The server belongs to a tenant: whatever it
// answers is bounded, and it has little time to do so.

#include "controller/base/async.hpp"
#include "node/fd.hpp"

#include <string_view>

namespace berth {

/// `socket`: a descriptor (O_PATH) of the server's Unix socket. Throws Error{Timeout|Unavailable|Internal},
/// or when cancelled. I/O thread.
awaitable<Duration> display_idle(Clock& clock, Fd socket, Duration limit);

} // namespace berth
