#pragma once
// Signs that somebody uses a workspace, looked for from outside (W29). An open tab, a probe or a dashboard is
// no sign; what is and why is in docs/IDLE.md. What is found in the container is a tenant's: names are
// bounded and printable, times in the future are of now.

#include "api/types/workspace.hpp"
#include "node/container_root.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth {

/// The newest sign of each kind. Pure; lives with one workspace's agent on the I/O thread.
class ActivityLog {
public:
    /// Keeps it when it is newer than what is known. `now` bounds the time.
    void note(ActivityKind kind, Time at, std::string source, Time now);
    /// This kind can't be looked at: it is told without a time, until it can.
    void missing(ActivityKind kind, const std::string& why);
    void present(ActivityKind kind);
    std::vector<ActivitySignal> signals() const;
    std::optional<Time> newest() const;

private:
    std::map<ActivityKind, ActivitySignal> signs_;
    std::map<ActivityKind, std::string> missing_;
};

/// One pseudo-terminal. Its device's times tell of use: output moves the time of modification, input that of
/// access (in steps of 8 seconds, as the kernel keeps them).
struct Terminal {
    std::string name; ///< "pts/0"
    Time input{};
    Time output{};
};
/// All of the container, at most kMostTerminals of them.
inline constexpr std::size_t kMostTerminals = 256;
std::vector<Terminal> terminals(const ContainerRoot& root);

/// When something was last typed or saved in code-server: the newest change of its backups of unsaved texts
/// and of its history of saved ones. Its heartbeat file is of no use: any open connection keeps it going.
std::optional<Time> editor_use(const ContainerRoot& root);

/// The socket of an X server for display :1; `since` is when the server came up, which is no input.
struct DisplaySocket {
    Fd socket; ///< O_PATH
    Time since{};
};
std::optional<DisplaySocket> display_socket(const ContainerRoot& root);

/// Writes `text` to each of these terminals (names of `terminals`) without ever waiting for one. Gives how
/// many took it.
std::size_t write_to_terminals(
    const ContainerRoot& root, const std::vector<Terminal>& which, std::string_view text);

} // namespace berth
