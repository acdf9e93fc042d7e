#include "node/firewall.hpp"

#include "node/fd.hpp"
#include "node/netns.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace berth {

namespace {

constexpr int kProgramMs = 10'000;
/// Which of the two a kernel has can only be tried.
constexpr std::array kBackends{"nft", "legacy"};

struct Result {
    int status = 0; ///< exit code; -1: killed, or it could not be started
    std::string output;
};

Fd memory_file(const std::string& content)
{
    Fd file(::memfd_create("berth-filter", MFD_CLOEXEC));
    if (!file) throw system_error("make a file in memory");
    std::string_view rest = content;
    while (!rest.empty()) {
        const auto written = ::write(file.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw system_error("write a file in memory");
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(file.get(), 0, SEEK_SET);
    return file;
}

std::string content_of(const Fd& file)
{
    std::string text;
    ::lseek(file.get(), 0, SEEK_SET);
    for (std::array<char, 4096> part{};;) {
        const auto count = ::read(file.get(), part.data(), part.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return text;
        text.append(part.data(), static_cast<std::size_t>(count));
    }
}

/// The exit code, -1 when it did not end by itself in time.
int wait_for(::pid_t pid)
{
    const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ::pollfd ended{handle.get(), POLLIN, 0};
    if (handle && ::poll(&ended, 1, kProgramMs) == 0) ::kill(pid, SIGKILL);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Runs a program in the namespace of the calling thread: no shell, no environment but a path.
Result run_program(std::vector<std::string> arguments, const std::string& input)
{
    const Fd in = memory_file(input);
    const Fd out = memory_file("");
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in.get(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, out.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, out.get(), 2);
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::array<char*, 2> environment{path.data(), nullptr};
    ::pid_t pid = 0;
    const int failed = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return {-1, arguments[0] + ": " + std::strerror(failed)};
    const int status = wait_for(pid);
    return {status, content_of(out)};
}

/// Whether anything but loopback has an IPv6 address in the namespace of the calling thread.
bool has_ipv6()
{
    std::ifstream addresses("/proc/thread-self/net/if_inet6");
    for (std::string line; std::getline(addresses, line);)
        if (!line.ends_with(" lo")) return true;
    return false;
}

std::string one_line(std::string text)
{
    std::ranges::replace(text, '\n', ' ');
    return text.substr(0, 200);
}

void restore(const std::string& family, const std::string& backend, const std::string& rules)
{
    const auto program = family + "-" + backend + "-restore";
    const auto result = run_program({program, "-w", "5"}, rules);
    if (result.status != 0) throw Error{Errc::Unavailable, program + ": " + one_line(result.output)};
}

std::string saved(const std::string& family, const std::string& backend)
{
    const auto program = family + "-" + backend + "-save";
    const auto result = run_program({program, "-t", "filter"}, "");
    if (result.status != 0) throw Error{Errc::Unavailable, program + ": " + one_line(result.output)};
    return without_counters(result.output);
}

/// In the namespace. A kernel without filters for IPv6 is fine as long as nothing there speaks it.
void restore_both(const std::string& backend, const FilterText& text)
{
    restore("iptables", backend, text.v4);
    try {
        restore("ip6tables", backend, text.v6);
    } catch (const Error&) {
        if (has_ipv6()) throw;
    }
}

std::string saved_both(const std::string& backend)
{
    auto text = saved("iptables", backend);
    try {
        text += saved("ip6tables", backend);
    } catch (const Error&) {
        if (has_ipv6()) throw;
        text += "no IPv6\n";
    }
    return text;
}

} // namespace

std::string Firewall::load(const std::string& netns, const FilterText& text)
{
    const auto attempt = [&](const std::string& backend) {
        restore_both(backend, text);
        if (!last_saved_.empty() && last_ == text) return;
        last_saved_ = saved_both(backend);
        last_ = text;
    };
    visit_namespace(netns, [&] {
        std::string problems;
        for (const std::string backend : kBackends) {
            if (!backend_.empty() && backend != backend_) continue;
            try {
                attempt(backend);
                backend_ = backend;
                return;
            } catch (const Error& error) {
                problems += (problems.empty() ? "" : "; ") + std::string(error.what());
            }
        }
        throw Error{Errc::Unavailable, problems};
    });
    return last_saved_;
}

std::string Firewall::fingerprint(const std::string& netns)
{
    if (backend_.empty()) throw Error{Errc::Unavailable, "no filter was loaded yet"};
    std::string now;
    visit_namespace(netns, [&] { now = saved_both(backend_); });
    return now;
}

} // namespace berth
