#pragma once
// Many small signed requests to S3 at the same time, on one thread of their own (libcurl), with connections
// that are kept and shared by all workspaces of the node. Bodies go from and to files, so memory stays small.

#include "controller/base/async.hpp"
#include "node/s3_sign.hpp"

#include <memory>
#include <string>
#include <vector>

namespace berth {

struct S3Call {
    std::string method; ///< GET, PUT, HEAD, DELETE
    std::string url;
    std::map<std::string, std::string> headers{}; ///< names in lower case
    std::string body{};                           ///< of a PUT without a file
    std::string file{};        ///< PUT: what is sent. GET: where the body of a 2xx answer goes
    std::int64_t size = 0;     ///< of the file; for GET what is expected (for the time limit)
    std::string body_sha256{}; ///< of the file that is sent
};

struct S3Answer {
    long status = 0; ///< 0: no answer came
    std::string body{};
    std::map<std::string, std::string> headers{}; ///< names in lower case
    std::string problem{};                        ///< what broke, when there was no (whole) answer
    bool ok() const noexcept { return problem.empty() && status >= 200 && status < 300; }
    std::string header(const std::string& name) const
    {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
};

struct S3ClientOptions {
    std::size_t per_batch = 16; ///< requests of one send() at the same time
    std::size_t in_all = 64;
    Duration base_limit = std::chrono::seconds{60}; ///< for a request without a body
    std::int64_t slowest = 128 << 10;               ///< bytes per second that are still waited for
    std::string ca_file{};
};

/// Owned by NodeAgent, outlives all users. send() on the I/O thread.
class S3Client {
public:
    explicit S3Client(Clock& clock, S3ClientOptions options = {});
    ~S3Client(); ///< what is under way ends with a problem
    S3Client(const S3Client&) = delete;

    /// Sends all of them, some at the same time, and gives their answers in the same order. Never throws for
    /// an answer; only cancellation throws.
    awaitable<std::vector<S3Answer>> send(std::vector<S3Call> calls, S3Keys keys);

private:
    struct Worker;
    std::unique_ptr<Worker> worker_;
};

} // namespace berth
