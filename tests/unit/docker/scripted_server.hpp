#pragma once
// A TCP server on loopback whose every connection is a script of the test.

#include "controller/base/async.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace berth {

/// One accepted connection, as the scripts see it.
struct ServerSide {
    asio::ip::tcp::socket socket;
    boost::beast::flat_buffer buffer{};
    std::vector<std::string>* requests = nullptr; // "METHOD target body"

    /// False when the client has closed.
    awaitable<bool> read_request()
    {
        boost::beast::http::request<boost::beast::http::string_body> request;
        boost::system::error_code failure;
        co_await boost::beast::http::async_read(
            socket, buffer, request, asio::redirect_error(asio::use_awaitable, failure));
        if (failure) co_return false;
        requests->push_back(std::string(request.method_string()) + " " + std::string(request.target()) +
                            (request.body().empty() ? "" : " " + request.body()));
        co_return true;
    }
    awaitable<> say(std::string text)
    {
        boost::system::error_code ignored; // the client may have gone
        co_await asio::async_write(
            socket, asio::buffer(text), asio::redirect_error(asio::use_awaitable, ignored));
    }
    /// Reads until the client closes.
    awaitable<> wait_for_close()
    {
        char bytes[256];
        boost::system::error_code failure;
        while (!failure)
            co_await socket.async_read_some(
                asio::buffer(bytes), asio::redirect_error(asio::use_awaitable, failure));
    }
};

/// Lives as long as its io_context is polled; the destructor closes the door, scripts end with their connections.
class ScriptedServer {
public:
    using Script = std::function<awaitable<>(std::shared_ptr<ServerSide>)>;

    ScriptedServer(asio::io_context& io, Script script)
        : acceptor_(io, {asio::ip::address_v4::loopback(), 0}), tasks_(io.get_executor()), script_(std::move(script))
    {
        tasks_.spawn("accept", accept());
    }
    ScriptedServer(const ScriptedServer&) = delete;
    awaitable<> stop()
    {
        tasks_.cancel();
        co_await tasks_.join();
    }

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
    int connections = 0;
    std::vector<std::string> requests;

private:
    awaitable<> accept()
    {
        for (;;) {
            auto side = std::make_shared<ServerSide>(co_await acceptor_.async_accept(asio::use_awaitable));
            side->requests = &requests;
            ++connections;
            tasks_.spawn("connection", script_(std::move(side)));
        }
    }

    asio::ip::tcp::acceptor acceptor_;
    TaskGroup tasks_;
    Script script_;
};

} // namespace berth
