// berth-node: the agent of one node. Reads its settings, runs the agent, ends in order on SIGTERM or SIGINT.

#include "controller/base/log.hpp"
#include "controller/base/version.hpp"
#include "node/config.hpp"
#include "node/host_world.hpp"
#include "node/node_agent.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {

using namespace berth;

constexpr std::size_t kWorkThreads = 2;
/// Longest orderly end; the journal makes a hard one safe too.
constexpr auto kPatience = std::chrono::seconds{8};

/// The data folder, for us alone. Two agents on one journal would be wrong, so it is locked.
Fd claim_data_folder(const std::string& folder)
{
    std::filesystem::create_directories(folder + "/ws");
    if (::chmod(folder.c_str(), 0700) != 0) throw system_error("DATA_DIR: protect " + folder);
    Fd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock) throw system_error("DATA_DIR: open " + folder + "/lock");
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        throw Error{Errc::Exists, "DATA_DIR: another berth-node uses " + folder};
    return lock;
}

void raise_file_limit()
{
    ::rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

HttpClientOptions api_options(const NodeConfig& config)
{
    HttpClientOptions options;
    options.headers.set("Authorization", "Bearer " + config.node_key.reveal());
    options.max_line = 8 << 20;
    return options;
}

/// A thread is still in the middle of something (a program that loads a filter may take longer than our patience): the
/// agent is not taken apart under it, and nobody waits for it either.
[[noreturn]] void end_hard()
{
    std::cerr << "berth-node: not everything has ended in time\n";
    std::_Exit(1);
}

int run(const NodeConfig& config)
{
    const auto lock = claim_data_folder(config.data_dir);
    raise_file_limit();
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context io(1);
    asio::thread_pool pool(kWorkThreads);
    SystemClock clock;
    HttpClient docker(io.get_executor(), clock, Endpoint::parse(config.docker_host));
    HttpClient api(io.get_executor(), clock, Endpoint::parse(config.berth_url), api_options(config));
    HostWorld world(io.get_executor(), pool.get_executor(), clock, config);
    NodeAgent agent(io.get_executor(), pool.get_executor(), clock, config, {docker, api, world});
    TaskGroup group(io.get_executor());
    group.spawn("agent", agent.run());
    asio::signal_set signals(io, SIGTERM, SIGINT);
    asio::steady_timer patience(io);
    signals.async_wait([&](const boost::system::error_code& error, int number) {
        if (error) return;
        log::info("ending", {{"signal", number}});
        agent.stop_soon();
        group.cancel();
        patience.expires_after(kPatience);
        patience.async_wait([](const boost::system::error_code& cancelled) {
            if (!cancelled) end_hard();
        });
    });
    auto finish = [&]() -> void {
        signals.cancel();
        patience.cancel();
    };
    auto watch_end = [](TaskGroup& members, std::function<void()> done) -> awaitable<> {
        co_await members.join();
        done();
    };
    asio::co_spawn(io, watch_end(group, finish), [](std::exception_ptr) {});
    io.run();
    pool.stop();
    pool.join();
    log::info("ended");
    return 0;
}

int answer(std::string_view argument)
{
    NodeConfig defaults;
    if (argument == "--help" || argument == "-h")
        std::cout << node_help();
    else if (argument == "--version")
        std::cout << "berth-node " << kVersion << "\n";
    else if (argument == "--env-markdown")
        std::cout << environment_markdown(node_settings(defaults));
    else {
        std::cerr << node_help();
        return 2;
    }
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc > 1) return answer(argv[1]);
    try {
        const auto config = load_node_config(process_environment());
        config.log.start();
        const int status = run(config);
        log::stop();
        return status;
    } catch (const std::exception& error) {
        std::cerr << "berth-node: " << error.what() << "\n";
        log::stop();
        return 1;
    }
}
