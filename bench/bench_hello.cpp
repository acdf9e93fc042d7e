// The anchor for reads: the least a Beast server can do. One thread, keep-alive, a fixed reply of a given
// size. Usage: bench_hello PORT BODY_BYTES [ADDRESS]. Listens on 127.0.0.1, or another loopback address. Ends
// on SIGTERM.

#include "controller/base/async.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <cstdlib>
#include <memory>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {

berth::awaitable<> session(std::unique_ptr<beast::tcp_stream> stream, std::shared_ptr<const std::string> body)
{
    beast::flat_buffer buffer;
    for (;;) {
        http::request<http::string_body> request;
        co_await http::async_read(*stream, buffer, request, asio::use_awaitable);
        http::response<http::string_body> response{http::status::ok, request.version()};
        response.set(http::field::content_type, "application/json");
        response.body() = *body;
        response.keep_alive(request.keep_alive());
        response.prepare_payload();
        co_await http::async_write(*stream, response, asio::use_awaitable);
    }
}

berth::awaitable<> serve(tcp::endpoint at, std::size_t bytes, berth::TaskGroup& sessions)
{
    const auto executor = co_await asio::this_coro::executor;
    tcp::acceptor acceptor{executor, at};
    const auto body = std::make_shared<const std::string>(bytes, 'x');
    for (;;) {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        socket.set_option(tcp::no_delay(true));
        sessions.spawn("session", session(std::make_unique<beast::tcp_stream>(std::move(socket)), body));
    }
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3 || argc > 4) return 2;
    const auto address = asio::ip::make_address(argc == 4 ? argv[3] : "127.0.0.1");
    if (!address.is_loopback()) return 2;
    asio::io_context io{1};
    berth::TaskGroup tasks{io.get_executor()};
    const tcp::endpoint at{address, std::uint16_t(std::atoi(argv[1]))};
    tasks.spawn("serve", serve(at, std::size_t(std::atoi(argv[2])), tasks));
    asio::signal_set signals{io, SIGTERM, SIGINT};
    signals.async_wait([&](auto, int) { tasks.cancel(); });
    io.run();
    return 0;
}
