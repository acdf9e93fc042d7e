// TLS with a private authority and client certificates, as Docker's TCP port has it.
#include "controller/base/http_client.hpp"

#include "tests/fakes/run.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace berth {
namespace {

using asio::ip::tcp;

/// One self-signed certificate, made with the openssl command, serves as authority, server and client.
class TlsTest : public testing::Test {
protected:
    void SetUp() override
    {
        folder_ = std::filesystem::temp_directory_path() / ("berth-tls-" + std::to_string(getpid()));
        std::filesystem::create_directories(folder_);
        make("server", "IP:127.0.0.1");
        make("stranger", "DNS:elsewhere.example");
        context_.use_certificate_chain_file(file("server.pem"));
        context_.use_private_key_file(file("server.key"), asio::ssl::context::pem);
        context_.load_verify_file(file("server.pem"));
        context_.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    void TearDown() override
    {
        tasks_.cancel();
        run_to_end(io_, tasks_.join());
        std::filesystem::remove_all(folder_);
    }
    void make(const std::string& name, const std::string& alternative)
    {
        const auto command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" +
                             name + " -addext subjectAltName=" + alternative + " -keyout " + file(name + ".key") +
                             " -out " + file(name + ".pem") + " 2>/dev/null";
        ASSERT_EQ(std::system(command.c_str()), 0);
    }
    std::string file(const std::string& name) const { return (folder_ / name).string(); }

    static awaitable<> serve(TlsTest& test)
    {
        for (;;) {
            auto socket = co_await test.acceptor_.async_accept(asio::use_awaitable);
            test.tasks_.spawn("connection", answer(std::move(socket), test.context_));
        }
    }
    static awaitable<> answer(tcp::socket socket, asio::ssl::context& context)
    {
        asio::ssl::stream<tcp::socket> stream{std::move(socket), context};
        boost::system::error_code failure;
        co_await stream.async_handshake(
            asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, failure));
        boost::beast::flat_buffer buffer;
        const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntls";
        while (!failure) {
            boost::beast::http::request<boost::beast::http::string_body> request;
            co_await boost::beast::http::async_read(
                stream, buffer, request, asio::redirect_error(asio::use_awaitable, failure));
            if (!failure)
                co_await asio::async_write(
                    stream, asio::buffer(reply), asio::redirect_error(asio::use_awaitable, failure));
        }
    }
    std::string ask(TlsOptions tls, HttpClientOptions options = {})
    {
        options.tls = std::move(tls);
        const auto url = "https://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
        HttpClient client{io_.get_executor(), clock_, Endpoint::parse(url), options};
        auto body = run_to_end(io_, client.send(HttpRequest{})).body;
        return body + run_to_end(io_, client.send(HttpRequest{})).body;
    }
    Errc refusal(TlsOptions tls)
    {
        try {
            ADD_FAILURE() << "answered " << ask(std::move(tls));
        } catch (const Error& error) {
            return error.code();
        }
        return Errc::Quota;
    }

    asio::io_context io_;
    SystemClock clock_;
    std::filesystem::path folder_;
    asio::ssl::context context_{asio::ssl::context::tls_server};
    tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
    TaskGroup tasks_{io_.get_executor()};
};

TEST_F(TlsTest, BothSidesShowTheirCertificates)
{
    tasks_.spawn("serve", serve(*this));
    EXPECT_EQ(ask({file("server.pem"), file("server.pem"), file("server.key")}), "tlstls");
}

TEST_F(TlsTest, RefusesAServerThatItDoesNotKnow)
{
    tasks_.spawn("serve", serve(*this));
    EXPECT_EQ(refusal({file("stranger.pem"), file("server.pem"), file("server.key")}), Errc::Unavailable);
}

TEST_F(TlsTest, RefusesAServerWithAnotherName)
{
    context_.use_certificate_chain_file(file("stranger.pem"));
    context_.use_private_key_file(file("stranger.key"), asio::ssl::context::pem);
    tasks_.spawn("serve", serve(*this));
    EXPECT_EQ(refusal({file("stranger.pem"), file("server.pem"), file("server.key")}), Errc::Unavailable);
}

TEST_F(TlsTest, NamesAFileThatIsMissing)
{
    tasks_.spawn("serve", serve(*this));
    EXPECT_EQ(refusal({file("nothing.pem"), "", ""}), Errc::Invalid);
}

} // namespace
} // namespace berth
