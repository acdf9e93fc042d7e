#pragma once
// The HTTP/1.1 server: sockets, limits, deadlines, access, errors. What the API does is in the router's
// handlers.

#include "api/http/auth.hpp"
#include "api/http/router.hpp"
#include "controller/base/async.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace berth {

struct Metrics;
namespace detail {
struct ServerState;
}

/// One answered request, for metrics. `route` is the pattern ("/api/containers/{id}"), empty when none
/// matched.
struct RequestRecord {
    std::string_view method;
    std::string_view route;
    unsigned status = 0;
    Duration took{};
    std::size_t bytes = 0; ///< of the body
};

struct ServerOptions {
    std::string address = "0.0.0.0";
    unsigned short port = 3001; ///< 0: any free one, see Server::port
    std::size_t header_limit =
        16 * 1024; ///< bytes of request line and headers: 431, or 414 for the line alone
    std::size_t target_limit = 8 * 1024;  ///< 414
    Duration header_timeout{10'000};      ///< from the first byte to the end of the headers: 408
    Duration idle_timeout{75'000};        ///< between requests of a connection
    Duration body_grace{10'000};          ///< for the first byte of a body, and then …
    std::size_t body_floor = 8 * 1024;    ///< … at least so many bytes per second on average: 408
    Duration write_timeout{30'000};       ///< for a client that does not read
    Duration drain{10'000};               ///< requests that run when stop() is called may take so long
    std::size_t max_connections = 10'000; ///< more are closed at once
    std::size_t max_per_address = 1'000;
    std::size_t compress_from = 1024;   ///< bytes; smaller replies are not worth it
    /// Calls per key of a person, and failed authentications per address: 429; 0 = none.
    unsigned rate_limit_per_minute = 0;
    std::optional<Executor> work;       ///< compresses large replies; none: the I/O thread does
    Metrics* metrics = nullptr;         ///< counts into http_*
    std::function<void(const RequestRecord&)> on_request;
};

/// Owned by main (or a test); lives on the I/O thread; co_await stop() before it is destroyed. Router,
/// authenticator and clock outlive it.
///
/// A handler's Error becomes the W8 body; anything else that it throws is logged and answered as 500.
/// Requests on one connection are answered in order. Refuses what proxies read differently: Content-Length
/// with Transfer-Encoding, folded headers, bare line feeds, several Host headers.
class Server {
public:
    Server(Executor io, Clock& clock, const Router& router, const Authenticator& authenticator,
        ServerOptions options);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    /// Binds and listens. Throws Error{Unavailable} that names address and port.
    void listen();
    unsigned short port() const;
    /// Accepts connections until stop(). Calls listen() when that has not been done.
    awaitable<> run();
    /// Takes no more connections, ends idle ones, streams and long polls, lets running requests finish for
    /// `options.drain`, then cuts what is left. Returns when no connection is left.
    awaitable<> stop();

    std::size_t connections() const noexcept;

private:
    awaitable<> watch_deadlines();
    void take(boost::asio::ip::tcp::socket socket);

    std::shared_ptr<detail::ServerState> state_;
};

} // namespace berth
