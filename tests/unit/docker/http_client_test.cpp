#include "controller/base/http_client.hpp"

#include "tests/unit/docker/scripted_server.hpp"
#include "tests/fakes/run.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <gtest/gtest.h>

#include <filesystem>

namespace berth {
namespace {

using namespace std::chrono_literals;
using SidePtr = std::shared_ptr<ServerSide>;

// Scripts are plain functions: a spawned coroutine must not be a capturing lambda.

awaitable<> answer_all(SidePtr side)
{
    const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Test: yes\r\n\r\nok";
    for (;;) {
        const bool asked = co_await side->read_request();
        if (!asked) co_return;
        co_await side->say(reply);
    }
}
awaitable<> answer_once(SidePtr side)
{
    co_await side->read_request();
    co_await side->say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); // keep-alive, and yet it closes
}
awaitable<> answer_once_then_close_on_request(SidePtr side)
{
    co_await side->read_request();
    co_await side->say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    co_await side->read_request();
}
awaitable<> say_nothing(SidePtr side) { co_await side->wait_for_close(); }
awaitable<> drip(SidePtr side)
{
    co_await side->read_request();
    SystemClock clock;
    for (char c : std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) {
        co_await side->say(std::string(1, c));
        co_await clock.sleep(20ms);
    }
}

class HttpClientTest : public testing::Test {
protected:
    void serve(ScriptedServer::Script script)
    {
        server_ = std::make_unique<ScriptedServer>(io_, std::move(script));
        connect(server_->url());
    }
    /// One connection that answers each request with `reply`, word for word, and closes.
    void serve_reply(std::string reply)
    {
        serve([reply = std::move(reply)](SidePtr side) { return say_reply(std::move(side), reply); });
    }
    static awaitable<> say_reply(SidePtr side, std::string reply)
    {
        co_await side->read_request();
        co_await side->say(std::move(reply));
    }
    void connect(const std::string& url)
    {
        client_ = std::make_unique<HttpClient>(io_.get_executor(), clock_, Endpoint::parse(url), options_);
    }
    static HttpRequest request(std::string method, std::string target, std::string body = "")
    {
        HttpRequest request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = std::move(body);
        return request;
    }
    HttpResponse send(HttpRequest request) { return run_to_end(io_, client_->send(std::move(request))); }
    std::unique_ptr<BodyStream> stream(HttpRequest request) { return run_to_end(io_, client_->stream(std::move(request))); }
    Errc failure(HttpRequest request)
    {
        try {
            const auto response = send(std::move(request));
            ADD_FAILURE() << "answered " << response.status << " " << response.body;
        } catch (const Error& error) {
            message_ = error.what();
            return error.code();
        }
        return Errc::Quota; // never thrown by the client
    }
    void TearDown() override
    {
        client_.reset();
        if (server_) run_to_end(io_, server_->stop());
    }

    asio::io_context io_;
    SystemClock clock_;
    HttpClientOptions options_{.connect_timeout = 2s, .deadline = 2s};
    std::unique_ptr<ScriptedServer> server_;
    std::unique_ptr<HttpClient> client_;
    std::string message_;
};

TEST_F(HttpClientTest, ReusesItsConnection)
{
    serve(answer_all);
    const auto first = send(request("GET", "/a?b=c"));
    EXPECT_EQ(first.status, 200u);
    EXPECT_EQ(first.body, "ok");
    EXPECT_EQ(first.headers.get("x-test"), "yes");
    EXPECT_EQ(send(request("POST", "/b", "{}")).status, 200u);
    EXPECT_EQ(server_->connections, 1);
    EXPECT_EQ(server_->requests, (std::vector<std::string>{"GET /a?b=c", "POST /b {}"}));
}

TEST_F(HttpClientTest, NoticesThatAnIdleConnectionWasClosed)
{
    serve(answer_once);
    EXPECT_EQ(send(request("GET", "/")).status, 200u);
    EXPECT_EQ(send(request("POST", "/")).status, 200u);
    EXPECT_EQ(server_->connections, 2);
}

TEST_F(HttpClientTest, TriesHarmlessRequestsAgainWhenAReusedConnectionBreaks)
{
    serve(answer_once_then_close_on_request);
    EXPECT_EQ(send(request("GET", "/1")).status, 200u);
    EXPECT_EQ(send(request("GET", "/2")).status, 200u);
    EXPECT_EQ(server_->requests.size(), 3u) << "/1, /2 without an answer, /2 again";
}

TEST_F(HttpClientTest, DoesNotRepeatAPostThatMayHaveBeenDone)
{
    serve(answer_once_then_close_on_request);
    EXPECT_EQ(send(request("POST", "/1")).status, 200u);
    EXPECT_EQ(failure(request("POST", "/2")), Errc::Timeout);
    EXPECT_EQ(server_->requests.size(), 2u);
}

TEST_F(HttpClientTest, ConnectionRefusedIsNotDone)
{
    serve(answer_all);
    const auto url = server_->url();
    run_to_end(io_, server_->stop());
    server_.reset();
    connect(url);
    EXPECT_EQ(failure(request("POST", "/x")), Errc::Unavailable);
    connect("unix:///nonexistent/docker.sock");
    EXPECT_EQ(failure(request("POST", "/x")), Errc::Unavailable);
}

TEST_F(HttpClientTest, SilenceIsAnUnknownOutcomeAfterTheDeadline)
{
    serve(say_nothing);
    auto call = request("POST", "/x");
    call.deadline = 100ms;
    const auto before = clock_.tick();
    EXPECT_EQ(failure(std::move(call)), Errc::Timeout);
    EXPECT_LT(clock_.tick() - before, 1s);
    EXPECT_NE(message_.find("POST /x"), std::string::npos) << message_;
}

TEST_F(HttpClientTest, ASlowDripDoesNotPutTheDeadlineOff)
{
    serve(drip);
    auto call = request("GET", "/");
    call.deadline = 150ms;
    EXPECT_EQ(failure(std::move(call)), Errc::Timeout);
    EXPECT_EQ(send(request("GET", "/")).body, "ok") << "and with enough time it is read";
}

TEST_F(HttpClientTest, ATruncatedBodyIsAnUnknownOutcome)
{
    serve_reply("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    EXPECT_EQ(failure(request("POST", "/")), Errc::Timeout);
    EXPECT_EQ(client_->idle_connections(), 0u);
}

TEST_F(HttpClientTest, RefusesRepliesOverTheLimits)
{
    options_.max_body = 1000;
    options_.max_header = 2000;
    serve_reply("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'));
    EXPECT_EQ(failure(request("GET", "/")), Errc::Internal);
    run_to_end(io_, server_->stop());
    serve_reply("HTTP/1.1 200 OK\r\nX-Long: " + std::string(3000, 'x') + "\r\n\r\n");
    EXPECT_EQ(failure(request("GET", "/")), Errc::Internal);
}

TEST_F(HttpClientTest, RefusesWhatIsNotHttp)
{
    serve_reply("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    EXPECT_EQ(failure(request("GET", "/")), Errc::Internal);
}

TEST_F(HttpClientTest, ReadsBodiesOfEveryFraming)
{
    serve_reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    EXPECT_EQ(send(request("GET", "/")).body, "abcde");
    run_to_end(io_, server_->stop());
    serve_reply("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    EXPECT_EQ(send(request("GET", "/")).body, "until the end");
    run_to_end(io_, server_->stop());
    serve_reply("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(send(request("POST", "/")).status, 204u);
    run_to_end(io_, server_->stop());
    serve_reply("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
    EXPECT_EQ(send(request("HEAD", "/")).headers.get("Content-Length"), "500");
}

TEST_F(HttpClientTest, RefusesToSendWhatWouldBecomeAnotherRequest)
{
    serve(answer_all);
    auto call = request("GET", "/");
    call.headers.set("X-Name", "a\r\nX-Evil: 1");
    EXPECT_EQ(failure(std::move(call)), Errc::Invalid);
    EXPECT_EQ(failure(request("GET", "/a b")), Errc::Invalid);
    EXPECT_EQ(server_->requests.size(), 0u);
}

TEST_F(HttpClientTest, StreamsLines)
{
    serve_reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n6\r\ntwo\r\nt\r\n4\r\nhree\r\n0\r\n\r\n");
    auto lines = stream(request("GET", "/"));
    EXPECT_EQ(lines->status(), 200u);
    EXPECT_EQ(run_to_end(io_, lines->read_line()), "one");
    EXPECT_EQ(run_to_end(io_, lines->read_line()), "two");
    EXPECT_EQ(run_to_end(io_, lines->read_line()), "three");
    EXPECT_EQ(run_to_end(io_, lines->read_line()), std::nullopt);
    EXPECT_EQ(run_to_end(io_, lines->read_line()), std::nullopt);
}

Errc line_failure(asio::io_context& io, BodyStream& lines)
{
    try {
        const auto line = run_to_end(io, lines.read_line());
        ADD_FAILURE() << "read " << line.value_or("the end");
    } catch (const Error& error) {
        return error.code();
    }
    return Errc::Quota;
}

TEST_F(HttpClientTest, AStreamTellsABreakFromAnEnd)
{
    serve_reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n6\r\ntw");
    auto lines = stream(request("GET", "/"));
    EXPECT_EQ(run_to_end(io_, lines->read_line()), "one");
    EXPECT_EQ(line_failure(io_, *lines), Errc::Timeout);
}

TEST_F(HttpClientTest, AStreamHasALimitForLines)
{
    options_.max_line = 100;
    serve_reply("HTTP/1.1 200 OK\r\n\r\nshort\n" + std::string(5000, 'x') + "\n");
    auto lines = stream(request("GET", "/"));
    EXPECT_EQ(run_to_end(io_, lines->read_line()), "short");
    EXPECT_EQ(line_failure(io_, *lines), Errc::Internal);
}

awaitable<> one_line_then_silence(SidePtr side)
{
    co_await side->read_request();
    co_await side->say("HTTP/1.1 200 OK\r\n\r\none\n");
    co_await side->wait_for_close();
}

TEST_F(HttpClientTest, AStreamCanHaveALimitForSilence)
{
    serve(one_line_then_silence);
    auto call = request("GET", "/");
    call.idle = 100ms;
    auto lines = stream(std::move(call));
    EXPECT_EQ(run_to_end(io_, lines->read_line()), "one");
    EXPECT_EQ(line_failure(io_, *lines), Errc::Timeout);
}

TEST_F(HttpClientTest, CanBeCancelled)
{
    serve(say_nothing);
    TaskGroup group{io_.get_executor()};
    struct Call {
        static awaitable<> run(HttpClient& client)
        {
            HttpRequest request; // named: g++ 12 destroys such a temporary twice when the call throws
            co_await client.send(std::move(request));
        }
    };
    group.spawn("call", Call::run(*client_));
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (server_->connections == 0 && std::chrono::steady_clock::now() < end) io_.run_one_for(100ms);
    const auto before = clock_.tick();
    group.cancel();
    run_to_end(io_, group.join());
    EXPECT_LT(clock_.tick() - before, 1s);
    EXPECT_EQ(group.size(), 0u);
}

awaitable<> serve_unix(asio::local::stream_protocol::acceptor& acceptor)
{
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    boost::beast::flat_buffer buffer;
    boost::beast::http::request<boost::beast::http::string_body> request;
    co_await boost::beast::http::async_read(socket, buffer, request, asio::use_awaitable);
    const std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix";
    co_await asio::async_write(socket, asio::buffer(reply), asio::use_awaitable);
}

TEST_F(HttpClientTest, SpeaksOverAUnixSocket)
{
    const auto path = std::filesystem::temp_directory_path() / ("berth-http-" + std::to_string(getpid()) + ".sock");
    std::filesystem::remove(path);
    asio::local::stream_protocol::acceptor acceptor{io_, asio::local::stream_protocol::endpoint{path.string()}};
    TaskGroup group{io_.get_executor()};
    group.spawn("serve", serve_unix(acceptor));
    connect("unix://" + path.string());
    EXPECT_EQ(send(request("GET", "/_ping")).body, "unix");
    run_to_end(io_, group.join());
    std::filesystem::remove(path);
}

TEST(Endpoint, IsParsed)
{
    const auto socket = Endpoint::parse("unix:///run/docker.sock");
    EXPECT_EQ(socket.kind, Endpoint::Kind::Unix);
    EXPECT_EQ(socket.path, "/run/docker.sock");
    EXPECT_EQ(socket.authority(), "localhost");
    EXPECT_EQ(Endpoint::parse("http://berthd:3001/").authority(), "berthd:3001");
    EXPECT_EQ(Endpoint::parse("https://example.org/base/").path, "/base");
    EXPECT_EQ(Endpoint::parse("https://example.org").port, 443);
    EXPECT_EQ(Endpoint::parse("tcp://[::1]:2376").authority(), "[::1]:2376");
    EXPECT_EQ(Endpoint::parse("tcp://h").port, 2375);
    for (const char* bad : {"", "docker.sock", "ftp://x", "unix://relative", "http://", "http://h:0", "http://h:70000",
             "http://h:1x", "http://u:p@h", "http://[::1", "http://h/x?y"})
        EXPECT_THROW(Endpoint::parse(bad), Error) << bad;
}

TEST(Headers, CompareNamesWithoutCase)
{
    Headers headers{{"Content-Type", "a"}, {"content-type", "b"}};
    EXPECT_EQ(headers.get("CONTENT-TYPE"), "a");
    headers.set("CONTENT-type", "c");
    EXPECT_EQ(std::distance(headers.begin(), headers.end()), 1);
    EXPECT_EQ(headers.get("missing"), "");
    EXPECT_EQ(url_encode("a/b c=ü"), "a%2Fb%20c%3D%C3%BC");
}

} // namespace
} // namespace berth
