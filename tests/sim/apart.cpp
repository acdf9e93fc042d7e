#include "tests/sim/apart.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>

namespace berth::sim {

namespace {

struct Child {
    std::size_t number = 0;
    Plan plan;
    ::pid_t pid = 0;
    int end = -1; ///< of the pipe that its result comes through
    std::string text{};
};

void write_all(int to, const std::string& text)
{
    for (std::size_t at = 0; at < text.size();) {
        const auto written = ::write(to, text.data() + at, text.size() - at);
        if (written <= 0) ::_exit(1);
        at += std::size_t(written);
    }
}

Child start(std::size_t number, const Plan& plan)
{
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    std::cout.flush();
    const auto pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork");
    if (pid == 0) {
        ::close(ends[0]);
        const auto result = run(plan);
        std::cout.flush();
        write_all(ends[1], json::serialize(encode(result)));
        ::_exit(0);
    }
    ::close(ends[1]);
    return {number, plan, pid, ends[0]};
}

Result finish(const Child& child)
{
    ::close(child.end);
    int status = 0;
    ::waitpid(child.pid, &status, 0);
    Result result;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return decode<Result>(parse_json(child.text, {std::size_t(64) << 20, 32}), Unknown::Reject);
    result.problem =
        "the program ended by " + (WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                                       : "code " + std::to_string(WEXITSTATUS(status)));
    return result;
}

/// Waits for one of them to end, and takes it out.
Child take_one(std::vector<Child>& children)
{
    while (true) {
        std::vector<::pollfd> ends;
        for (const auto& child : children) ends.push_back({child.end, POLLIN, 0});
        if (::poll(ends.data(), ends.size(), -1) <= 0) continue;
        for (std::size_t i = 0; i < children.size(); ++i) {
            if (!ends[i].revents) continue;
            char piece[65536];
            const auto got = ::read(children[i].end, piece, sizeof piece);
            if (got > 0) {
                children[i].text.append(piece, std::size_t(got));
                continue;
            }
            auto ended = std::move(children[i]);
            children.erase(children.begin() + std::ptrdiff_t(i));
            return ended;
        }
    }
}

} // namespace

Result run_apart(const Plan& plan)
{
    std::vector<Child> one{start(0, plan)};
    return finish(take_one(one));
}

void run_each(unsigned jobs, const std::function<std::optional<Plan>(std::size_t)>& plan,
    const std::function<void(std::size_t, const Plan&, Result)>& done)
{
    std::vector<Child> running;
    std::map<std::size_t, std::pair<Plan, Result>> early; ///< whose turn has not come
    std::size_t next = 0, turn = 0;
    bool more = true;
    while (more || !running.empty()) {
        while (more && running.size() < jobs) {
            if (auto made = plan(next))
                running.push_back(start(next++, *made));
            else
                more = false;
        }
        if (running.empty()) break;
        const auto ended = take_one(running);
        early[ended.number] = {ended.plan, finish(ended)};
        for (auto it = early.find(turn); it != early.end(); it = early.find(++turn)) {
            done(turn, it->second.first, std::move(it->second.second));
            early.erase(it);
        }
    }
}

} // namespace berth::sim
