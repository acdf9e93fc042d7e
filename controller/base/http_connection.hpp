#pragma once
// One connection of HttpClient. Only for http_client.cpp and http_connection.cpp.

#include "controller/base/http_client.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace berth {

namespace http = boost::beast::http;

/// Throws boost::system::system_error for what the network says.
class HttpClient::Connection {
public:
    using Message = http::request<http::string_body>;
    using Parser = http::response_parser<http::buffer_body>;

    virtual ~Connection() = default;
    /// `sent` becomes true when the peer may have got at least one byte.
    virtual awaitable<> write(const Message& message, bool& sent) = 0;
    virtual awaitable<> read_header(Parser& parser) = 0;
    /// At least one byte of the body; nullopt at its end.
    virtual awaitable<std::optional<std::string>> read_some(Parser& parser) = 0;
    /// False when the peer has closed, or sent what nobody asked for.
    virtual bool quiet() = 0;

protected:
    boost::beast::flat_buffer buffer_; // what came after what was parsed
};

using PlainSocket = asio::generic::stream_protocol::socket;

std::unique_ptr<HttpClient::Connection> make_plain_connection(PlainSocket socket);
/// Makes the TLS handshake.
awaitable<std::unique_ptr<HttpClient::Connection>> make_tls_connection(
    PlainSocket socket, asio::ssl::context& context, std::string host, bool verify);
/// Throws Error{Invalid} that names the file which can't be used.
std::shared_ptr<asio::ssl::context> make_tls_context(const TlsOptions& options);

} // namespace berth
