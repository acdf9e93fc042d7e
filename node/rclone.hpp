#pragma once
// One `rclone rcd` child for the whole node, spoken to over a Unix socket in a folder that only we can enter.
// It is started again when it dies. Credentials travel inside the calls only: never in its arguments,
// environment or log.

#include "controller/base/async.hpp"
#include "controller/base/http_client.hpp"
#include "controller/base/json.hpp"

#include <string>

namespace berth {

struct RcloneOptions {
    std::string program = "rclone";
    std::string folder; ///< for the socket; must exist with mode 0700
};

/// Lives on the I/O thread. Spawn run() in a task group: it keeps the child alive until cancelled, then ends
/// it.
class Rclone {
public:
    Rclone(Executor executor, Clock& clock, RcloneOptions options);
    ~Rclone();
    Rclone(const Rclone&) = delete;

    awaitable<> run();
    /// Calls a method such as "operations/list". Throws Error{Unavailable} while the child is away, Timeout
    /// when it went away in the middle, Internal with rclone's own text when the call failed.
    awaitable<json::object> call(std::string method, json::object parameters, Duration deadline);
    /// The process, -1 while there is none (for tests).
    int pid() const noexcept { return pid_; }

private:
    void start();
    void end_child();
    awaitable<> wait_for_end();

    Executor executor_;
    Clock& clock_;
    RcloneOptions options_;
    std::string socket_;
    HttpClient http_;
    int pid_ = -1;
    int pid_handle_ = -1;
};

} // namespace berth
