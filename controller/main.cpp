// berthd: flags, wiring, signals; nothing else.

#include "controller/app.hpp"
#include "controller/base/version.hpp"
#include "controller/tools.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include <csignal>
#include <iostream>

namespace {

int usage(berth::Config& config)
{
    std::cout << "berthd " << berth::kVersion << ": keeps a Docker Swarm the way its API was told.\n\n"
              << "berthd                    serves\n"
              << berth::kToolsHelp
              << "berthd --help | --version | --env-markdown\n\nEverything is set by environment variables:\n"
              << berth::describe_environment(berth::config_settings(config));
    return 0;
}

/// Runs the app until a signal; gives the exit code.
berth::awaitable<> run(berth::App& app, boost::asio::signal_set& signals, int& code)
{
    std::exception_ptr failure;
    try {
        co_await app.run();
    } catch (...) {
        failure = std::current_exception();
    }
    signals.cancel();
    if (!failure) co_return;
    berth::log::error("berthd ends", {{"error", berth::describe(failure)}});
    code = 1;
}

int serve(const berth::Config& config, std::vector<berth::ConfiguredKey> keys)
{
    namespace asio = boost::asio;
    std::signal(SIGPIPE, SIG_IGN);
    asio::thread_pool db{1};
    asio::thread_pool work{2};
    asio::io_context io{1};
    int code = 0;
    {
        berth::App app{{io.get_executor(), db.get_executor(), work.get_executor()}, config, std::move(keys)};
        asio::signal_set signals{io, SIGTERM, SIGINT};
        signals.async_wait([&](const boost::system::error_code& failure, int) {
            if (!failure) app.stop();
        });
        berth::TaskGroup main{io.get_executor()};
        main.spawn("berthd", run(app, signals, code));
        io.run();
    }
    db.join();
    work.join();
    return code;
}

} // namespace

int main(int argc, char** argv)
{
    const std::string flag = argc > 1 ? argv[1] : "";
    berth::Config config;
    if (flag == "--version") {
        std::cout << "berthd " << berth::kVersion << "\n";
        return 0;
    }
    if (flag == "--env-markdown") {
        std::cout << berth::environment_markdown(berth::config_settings(config));
        return 0;
    }
    if (flag == "--help") return usage(config);
    if (!flag.empty() && !berth::is_tool(flag)) {
        std::cerr << "berthd: unknown argument '" << flag << "'; see berthd --help\n";
        return 2;
    }
    try {
        config = berth::load_config(berth::process_environment());
        if (berth::is_tool(flag)) return berth::run_tool({argv + 1, argv + argc}, config.data_dir);
        auto keys = berth::load_api_keys(
            {config.api_key.reveal(), config.api_keys.reveal(), config.api_keys_file});
        config.log.start();
        const int code = serve(config, std::move(keys));
        berth::log::stop();
        return code;
    } catch (const berth::Error& error) {
        std::cerr << "berthd: " << error.what() << "\n";
        return 2;
    }
}
