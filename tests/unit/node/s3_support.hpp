#pragma once
// An S3Store against a server that answers what a test wants.

#include "node/s3_store.hpp"
#include "tests/fakes/run.hpp"
#include "tests/unit/node/node_support.hpp"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <boost/asio/ip/tcp.hpp>

namespace berth {

inline std::string list_of(const std::string& inside)
{
    return "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\">" + inside + "</ListBucketResult>";
}
inline std::string object(
    const std::string& key, const std::string& size = "1", const std::string& etag = "&quot;e&quot;")
{
    return "<Contents><Key>" + key + "</Key><Size>" + size + "</Size><ETag>" + etag +
           "</ETag><LastModified>2026-11-21T08:34:00.000Z</LastModified></Contents>";
}

namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;
using Answer = std::function<Response(const Request&)>;

inline Response response(unsigned status, std::string body = "")
{
    Response answer{http::status(status), 11};
    answer.body() = std::move(body);
    answer.prepare_payload();
    return answer;
}

struct S3StoreTest : ::testing::Test {
    asio::io_context io;
    SystemClock clock;
    TemporaryFolder temp;
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    std::vector<Request> seen;
    Answer answer = [](const Request&) { return response(500); };
    S3Client client{clock};
    Rclone rclone{io.get_executor(), clock, {.folder = temp.path()}};
    S3Servers servers{io.get_executor()};
    std::unique_ptr<S3Store> store;
    TaskGroup group{io.get_executor()};

    S3StoreTest()
    {
        S3Source source;
        source.bucket = "bucket";
        source.prefix = "p";
        source.endpoint = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
        source.accessKeyId = "key";
        source.secretAccessKey = Secret{"secret"};
        store = std::make_unique<S3Store>(client, rclone, servers, source);
        group.spawn("server", accept(*this));
    }
    ~S3StoreTest() override
    {
        group.cancel();
        run_to_end(io, group.join());
    }
    static awaitable<> accept(S3StoreTest& test)
    {
        while (true) {
            auto socket = co_await test.acceptor.async_accept(asio::use_awaitable);
            test.group.spawn("connection", serve(test, std::move(socket)));
        }
    }
    static awaitable<> serve(S3StoreTest& test, tcp::socket socket)
    {
        boost::beast::flat_buffer buffer;
        try {
            while (true) {
                Request request;
                co_await http::async_read(socket, buffer, request, asio::use_awaitable);
                test.seen.push_back(request);
                auto reply = test.answer(request);
                co_await http::async_write(socket, reply, asio::use_awaitable);
            }
        } catch (const boost::system::system_error&) {
            co_return; // the client left
        }
    }
    template <class T> T run(awaitable<T> work) { return run_to_end(io, std::move(work)); }
    std::string failure(awaitable<Listing> work)
    {
        try {
            run(std::move(work));
        } catch (const Error& error) {
            return error.what();
        }
        return "";
    }
};

} // namespace berth
