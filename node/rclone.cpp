#include "node/rclone.hpp"

#include "controller/base/log.hpp"
#include "node/fd.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace berth {

namespace {

/// What the child may see of our environment: nothing that is a secret or that changes what it does.
std::vector<std::string> child_environment()
{
    std::vector<std::string> environment{"RCLONE_CONFIG=", "HOME=/nonexistent"};
    for (const char* name : {"PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
             "https_proxy", "http_proxy", "no_proxy", "TMPDIR"})
        if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
    return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts)
{
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

/// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment, int parent)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::setpgid(0, 0); // a Ctrl-C at the terminal is ours to handle
    const int null = ::open("/dev/null", O_RDWR);
    for (int number : {0, 1, 2}) ::dup2(null, number);
    ::sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvpe(program, arguments, environment);
    ::_exit(127);
}

HttpClientOptions client_options()
{
    HttpClientOptions options;
    options.max_body = 1u << 30; // a list of a bucket with millions of objects
    options.max_idle = 4;
    return options;
}

Endpoint unix_endpoint(const std::string& path)
{
    return {.kind = Endpoint::Kind::Unix, .host = "", .port = 0, .path = path};
}

} // namespace

Rclone::Rclone(Executor executor, Clock& clock, RcloneOptions options)
    : executor_(std::move(executor)),
      clock_(clock),
      options_(std::move(options)),
      socket_(options_.folder + "/rclone.sock"),
      http_(executor_, clock_, unix_endpoint(socket_), client_options())
{}

Rclone::~Rclone() { end_child(); }

void Rclone::start()
{
    ::unlink(socket_.c_str());
    std::vector<std::string> arguments{options_.program, "rcd", "--rc-addr", "unix://" + socket_,
        "--rc-no-auth", "--config", "", "--log-level", "ERROR", "--cache-dir",
        options_.folder + "/rclone-cache", "--rc-job-expire-duration", "10s"};
    auto environment = child_environment();
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);
    const int parent = ::getpid();
    const int child = ::fork();
    if (child < 0) throw system_error("start rclone");
    if (child == 0) become(options_.program.c_str(), argv.data(), envp.data(), parent);
    pid_ = child;
    pid_handle_ = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
}

void Rclone::end_child()
{
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    if (pid_handle_ >= 0) ::close(pid_handle_);
    pid_ = pid_handle_ = -1;
    http_.drop_idle();
}

awaitable<> Rclone::wait_for_end()
{
    constexpr Duration kLook{250};
    int status = 0;
    if (pid_handle_ >= 0) {
        asio::posix::stream_descriptor handle(executor_, std::exchange(pid_handle_, -1)); // closes it
        co_await handle.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
        ::waitpid(pid_, &status, 0);
    } else { // a kernel or a seccomp profile without pidfd_open
        while (::waitpid(pid_, &status, WNOHANG) == 0) co_await clock_.sleep(kLook);
    }
    pid_ = -1;
    http_.drop_idle();
    log::warning("rclone ended", {{"status", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)}});
}

awaitable<> Rclone::run()
{
    constexpr Duration kMaxDelay = std::chrono::seconds{10};
    Duration delay{200};
    while (true) {
        const auto started = clock_.tick();
        std::exception_ptr failure;
        try {
            start();
            log::info("rclone started", {{"pid", pid_}});
            co_await wait_for_end();
        } catch (const Error& error) {
            log::error("rclone does not start", {{"error", error.what()}});
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) {
            end_child();
            std::rethrow_exception(failure);
        }
        delay = clock_.tick() - started > std::chrono::minutes{1} ? Duration{200}
                                                                  : std::min(delay * 2, kMaxDelay);
        co_await clock_.sleep(delay);
    }
}

awaitable<json::object> Rclone::call(std::string method, json::object parameters, Duration deadline)
{
    HttpRequest request;
    request.method = "POST";
    request.target = "/" + method;
    request.headers.set("Content-Type", "application/json");
    request.body = json::serialize(parameters);
    request.deadline = deadline;
    const auto response = co_await http_.send(std::move(request));
    const auto reply = parse_json(response.body, {.max_bytes = 1u << 30, .max_depth = 32});
    if (!reply.is_object()) throw Error{Errc::Internal, "rclone answered with something odd"};
    if (response.status == 200) co_return reply.get_object();
    // The reply to a failed call repeats the call with its credentials: only its "error" goes on.
    const auto* error = reply.get_object().if_contains("error");
    const bool missing = response.status == 404;
    throw Error{missing ? Errc::NotFound : Errc::Internal,
        error && error->is_string() ? std::string(error->get_string()) : "rclone failed"};
}

} // namespace berth
