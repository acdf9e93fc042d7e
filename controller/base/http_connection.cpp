#include "controller/base/http_connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <sys/socket.h>

namespace berth {

namespace {

constexpr std::size_t kPiece = 16 << 10;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

template <class Stream>
class ConnectionOf final : public HttpClient::Connection {
public:
    template <class... Arguments>
    explicit ConnectionOf(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...)
    {
    }

    Stream& stream() noexcept { return stream_; }

    awaitable<> write(const Message& message, bool& sent) override
    {
        auto [failure, size] = co_await http::async_write(stream_, message, kTuple);
        if (size > 0) sent = true;
        if (failure) throw boost::system::system_error{failure};
    }

    awaitable<> read_header(Parser& parser) override
    {
        auto [failure, size] = co_await http::async_read_header(stream_, buffer_, parser, kTuple);
        if (failure) throw boost::system::system_error{failure};
    }

    awaitable<std::optional<std::string>> read_some(Parser& parser) override
    {
        std::string piece(kPiece, '\0');
        while (!parser.is_done()) {
            auto& body = parser.get().body();
            body.data = piece.data();
            body.size = piece.size();
            auto [failure, size] = co_await http::async_read_some(stream_, buffer_, parser, kTuple);
            if (failure && failure != http::error::need_buffer) throw boost::system::system_error{failure};
            piece.resize(piece.size() - body.size);
            if (!piece.empty()) co_return piece;
            piece.resize(kPiece);
        }
        co_return std::nullopt;
    }

    bool quiet() override
    {
        char byte = 0;
        const auto size = ::recv(
            boost::beast::get_lowest_layer(stream_).native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return buffer_.size() == 0 && size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }

private:
    Stream stream_;
};

using TlsSocket = asio::ssl::stream<PlainSocket>;

bool is_address(const std::string& host)
{
    boost::system::error_code failure;
    asio::ip::make_address(host, failure);
    return !failure;
}

void use_file(const std::string& file, const char* what, const boost::system::error_code& failure)
{
    if (failure)
        throw Error{Errc::Invalid, "can't use the " + std::string(what) + " " + file + ": " + failure.message()};
}

} // namespace

std::unique_ptr<HttpClient::Connection> make_plain_connection(PlainSocket socket)
{
    return std::make_unique<ConnectionOf<PlainSocket>>(std::move(socket));
}

awaitable<std::unique_ptr<HttpClient::Connection>> make_tls_connection(
    PlainSocket socket, asio::ssl::context& context, std::string host, bool verify)
{
    auto connection = std::make_unique<ConnectionOf<TlsSocket>>(std::move(socket), context);
    auto& stream = connection->stream();
    if (!is_address(host)) SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    if (verify) {
        stream.set_verify_mode(asio::ssl::verify_peer);
        stream.set_verify_callback(asio::ssl::host_name_verification(host));
    } else {
        stream.set_verify_mode(asio::ssl::verify_none);
    }
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    co_return connection;
}

std::shared_ptr<asio::ssl::context> make_tls_context(const TlsOptions& options)
{
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    boost::system::error_code failure;
    if (options.ca_file.empty()) {
        context->set_default_verify_paths(failure);
        use_file("of the system", "certificate authorities", failure);
    } else {
        context->load_verify_file(options.ca_file, failure);
        use_file(options.ca_file, "certificate authorities", failure);
    }
    if (!options.cert_file.empty()) {
        context->use_certificate_chain_file(options.cert_file, failure);
        use_file(options.cert_file, "certificate", failure);
        context->use_private_key_file(options.key_file, asio::ssl::context::pem, failure);
        use_file(options.key_file, "private key", failure);
    }
    return context;
}

} // namespace berth
