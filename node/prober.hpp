#pragma once
// Whether the programs inside a workspace answer, asked on the loopback of its own network namespace: no path
// is shared with tenants, and nothing of ours listens for the answer.

#include "api/types/workspace.hpp"
#include "controller/base/async.hpp"

#include <string>

namespace berth {

inline constexpr unsigned short kCodeServerPort = 8080;
inline constexpr unsigned short kVncPort = 6080;
inline constexpr unsigned short kWebPort = 3000;

/// One look: code-server's /healthz says 200, noVNC's web server answers HTTP, the user's web port accepts. A
/// check that takes longer than `limit` has failed. Throws only when cancelled. I/O thread.
awaitable<HealthChecks> probe_namespace(Executor work, Clock& clock, std::string netns_path, Duration limit);
/// Asks code-server for the pages of a first visit, and does not look at the answers: the first one takes it
/// up to a second, later ones a few milliseconds. Nothing but being cancelled is an error. I/O thread.
awaitable<> open_editor(Executor work, Clock& clock, std::string netns_path, Duration limit);
/// The same as probe_namespace for a host whose ports are reachable directly (tests).
awaitable<HealthChecks> probe_ports(Clock& clock, std::string address, unsigned short code_server,
    unsigned short vnc, unsigned short web, Duration limit);

/// The health after one more look. Pure. Before the first success it is "starting" and counts no misses. The
/// history keeps the last 10 rounds; rounds with the same result that follow each other within a few seconds
/// are one.
Health next_health(const Health& before, const HealthChecks& checks, Time now, int misses_allowed = 3);

} // namespace berth
