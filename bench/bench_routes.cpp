// The path from a committed workspace to Traefik, with Berth's own store, cache, route table, page of stopped
// workspaces and server, and nothing else. Usage: bench_routes FOLDER PORT KEY ADDRESS. Serves
// /api/v1/traefik/config on 127.0.0.1:PORT for the bearer KEY; every workspace gets ADDRESS (an IP address)
// as that of its container. Commands on standard input, one answer line each:
//   fill N   adds workspaces until there are N     {"workspaces":N}
//   add      adds one                              {"id":"w0000042","committed_ns":T}   (CLOCK_MONOTONIC)
//   table    the table as Traefik would get it     {"http":{…}}
// Ends at the end of its input.

#include "api/actions/routes.hpp"
#include "api/actions/workspace_page.hpp"
#include "api/http/server.hpp"
#include "bench/bench_support.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>

#include <iostream>
#include <unistd.h>

namespace {

using namespace berth;

struct Arguments {
    std::string folder;
    unsigned short port;
    std::string key;
    std::string address;
};

struct Parts {
    Parts(Executor io, Clock& clock, Store& store, const Arguments& arguments)
        : workspaces(store),
          routes(workspaces, io, clock, route_settings(arguments)),
          page(workspaces, {}),
          authenticator(parse_api_keys("traefik:proxy:" + arguments.key, "the arguments")),
          server(io, clock, router, authenticator, options(arguments))
    {
        routes.mount(router);
        page.mount(router);
    }
    /// As an install has it: hosts that nobody has lead to the page, which this program answers too.
    static RouteSettings route_settings(const Arguments& arguments)
    {
        RouteSettings settings;
        settings.api_url = "http://127.0.0.1:" + std::to_string(arguments.port);
        return settings;
    }
    static ServerOptions options(const Arguments& arguments)
    {
        ServerOptions options;
        options.address = "127.0.0.1";
        options.port = arguments.port;
        return options;
    }
    WorkspaceCache workspaces;
    RouteTable routes;
    WorkspacePage page;
    Router router;
    Authenticator authenticator;
    Server server;
};

/// As the API and the reconciler write them: first what is wanted, then what is seen.
awaitable<> add(Store& store, std::int64_t first, std::int64_t end, std::string address)
{
    auto create = [first, end](Txn& txn) {
        for (auto number = first; number < end; ++number) {
            auto workspace = bench::make_workspace(number, Phase::pending);
            txn.create(workspace);
        }
    };
    co_await store.transact(create);
    auto route = [first, end, address](Txn& txn) {
        for (auto number = first; number < end; ++number)
            txn.put_status(bench::make_workspace(number, Phase::running, address));
    };
    co_await store.transact(route);
}

awaitable<std::string> obey(std::string command, Store& store, Parts& parts, const std::string& address)
{
    const auto have = std::int64_t(store.count(Workspace::kind().plural));
    if (command == "table") co_return parts.routes.text();
    if (command == "add") {
        co_await add(store, have, have + 1, address);
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        co_return json::serialize(json::object{{"id", bench::workspace_name(have)},
            {"committed_ns", std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()}});
    }
    if (!command.starts_with("fill ")) throw Error{Errc::Invalid, "unknown command " + command};
    const auto wanted = std::atoll(command.c_str() + 5);
    for (auto at = have; at < wanted; at += 500)
        co_await add(store, at, std::min<std::int64_t>(wanted, at + 500), address);
    co_return json::serialize(json::object{{"workspaces", store.count(Workspace::kind().plural)}});
}

awaitable<> serve(Executor io, Executor db, Arguments arguments)
{
    SystemClock clock;
    StoreOptions options{arguments.folder, io, db, clock}; // named: g++ 12 destroys such a temporary twice
    auto store = co_await Store::open(std::move(options));
    Parts parts{io, clock, *store, arguments};
    parts.server.listen();
    TaskGroup tasks{io};
    tasks.spawn("server", parts.server.run());

    asio::posix::stream_descriptor input{io, ::dup(STDIN_FILENO)};
    std::string buffer;
    for (;;) {
        boost::system::error_code failure;
        const auto size = co_await asio::async_read_until(
            input, asio::dynamic_buffer(buffer), '\n', asio::redirect_error(asio::use_awaitable, failure));
        if (failure) break;
        const auto answer = co_await obey(buffer.substr(0, size - 1), *store, parts, arguments.address);
        buffer.erase(0, size);
        std::cout << answer << std::endl;
    }
    co_await parts.server.stop();
    tasks.cancel();
    co_await tasks.join();
    co_await store->close();
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 5) return 2;
    const Arguments arguments{argv[1], static_cast<unsigned short>(std::atoi(argv[2])), argv[3], argv[4]};
    auto main = [&](Executor io, Executor db) { return serve(io, db, arguments); };
    return berth::bench::run(main);
}
