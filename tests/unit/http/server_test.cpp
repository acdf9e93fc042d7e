#include "http_fixture.hpp"

#include <zlib.h>

namespace berth::test {
namespace {

Doc open_doc()
{
    Doc doc;
    doc.summary = "A test";
    doc.open = true;
    return doc;
}

std::string gunzip(const std::string& text)
{
    std::string out(1 << 20, '\0');
    z_stream stream{};
    inflateInit2(&stream, 15 + 16);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

/// What the handlers of these tests share.
struct World {
    asio::io_context& io;
    Clock& clock;
    Signal go{io.get_executor()};
    bool open = false;
    int cancelled = 0;
    int writes = 0;

    awaitable<Reply> echo(Call call) { co_return Reply::text(200, call.body); }
    awaitable<Reply> fail(Call call)
    {
        const auto how = call.query("how").value_or("");
        if (how == "internal") throw Error{Errc::Internal, "the password is 1234"};
        if (how == "std") throw std::runtime_error("the password is 1234");
        if (how == "quota") throw Error{Errc::Quota, "enough"};
        if (how == "named") throw Error{Errc::NotFound, "no such container"}.as("CONTAINER_NOT_FOUND");
        if (how == "gone") throw Error{Errc::Gone, "too old"};
        if (how == "timeout") throw Error{Errc::Timeout, "late"};
        if (how == "conflict") throw Error{Errc::Conflict, "changed"};
        if (how == "direct") throw HttpError{422, "ODD", "odd", {{"X-Odd", "1"}}};
        co_return Reply::empty();
    }
    awaitable<Reply> big(Call)
    {
        co_return Reply::text(200, std::string(200'000, 'x')).with("ETag", "\"7\"");
    }
    awaitable<Reply> wait(Call)
    {
        struct Guard {
            World& world;
            ~Guard() { world.cancelled += world.open ? 0 : 1; }
        } guard{*this};
        while (!open) co_await go.wait();
        co_return Reply::text(200, "went");
    }
    awaitable<> pour(Stream& out)
    {
        struct Guard {
            World& world;
            ~Guard() { ++world.cancelled; }
        } guard{*this};
        for (;;) {
            co_await out.write(std::string(100'000, 'y'));
            ++writes;
            if (!open) co_await go.wait();
        }
    }
    awaitable<Reply> stream(Call)
    {
        co_return Reply::streaming("text/plain", [this](Stream& out) { return pour(out); });
    }
    awaitable<Reply> remember(Call call)
    {
        auto& count = call.connection->memory["count"];
        count += "x";
        co_return Reply::text(200, count);
    }
};

class ServerTest : public HttpTest {
protected:
    ServerTest() : world{io, clock}
    {
        router.get("/hello", open_doc(), &World::echo, &world);
        auto small = open_doc();
        small.max_body = 1000;
        small.accepts = {"text/plain", "application/json"};
        router.post<void>("/echo", small, &World::echo, &world);
        auto failing = open_doc();
        failing.query = {Param::text("how", "")};
        router.get("/fail", failing, &World::fail, &world);
        router.get("/big", open_doc(), &World::big, &world);
        auto waiting = open_doc();
        router.get("/slow", waiting, &World::wait, &world);
        waiting.long_poll = true;
        router.get("/poll", waiting, &World::wait, &world);
        router.get("/stream", open_doc(), &World::stream, &world);
        router.get("/remember", open_doc(), &World::remember, &world);
        for (const auto& [path, roles] :
            std::map<std::string, Roles>{{"/admins", kAdmins}, {"/users", kUsers}}) {
            Doc doc;
            doc.summary = "Only for some";
            doc.roles = roles;
            router.get(path, doc, &World::echo, &world);
        }
    }
    void release()
    {
        world.open = true;
        world.go.notify_all();
    }
    World world;
};

TEST_F(ServerTest, KeepsAConnectionAndAnswersPipelinedRequestsInOrder)
{
    serve();
    auto client = connect();
    EXPECT_EQ(client.ask("GET", "/hello").status, 200u);
    client.send(
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\none"
        "\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\ntwo\r\n0\r\n\r\n");
    EXPECT_EQ(client.read().body, "one");
    EXPECT_EQ(client.read().status, 404u);
    EXPECT_EQ(client.read().body, "two");
    EXPECT_EQ(client.ask("GET", "/remember").body, "x");
    EXPECT_EQ(client.ask("GET", "/remember").body, "xx");
    EXPECT_FALSE(client.closed);
    EXPECT_EQ(ask("GET", "/remember").body, "x");
}

TEST_F(ServerTest, EndsAConnectionWhenAsked)
{
    serve();
    auto client = connect();
    const auto reply = client.ask("GET", "/hello", "", "", "Connection: close\r\n");
    EXPECT_EQ(reply.header("Connection"), "close");
    EXPECT_TRUE(client.wait_closed());
    auto old = connect();
    old.send("GET /hello HTTP/1.0\r\n\r\n");
    EXPECT_EQ(old.read().status, 200u);
    EXPECT_TRUE(old.wait_closed());
}

TEST_F(ServerTest, AnswersHeadWithoutBody)
{
    serve();
    auto client = connect();
    const auto reply = client.ask("HEAD", "/big");
    EXPECT_EQ(reply.status, 200u);
    EXPECT_EQ(reply.header("Content-Length"), "200000");
    EXPECT_EQ(client.ask("GET", "/remember").body, "x");
}

TEST_F(ServerTest, SaysWhatIsWrongInOneShape)
{
    serve();
    const auto missing = ask("GET", "/nothing?x=1");
    EXPECT_EQ(missing.status, 404u);
    EXPECT_EQ(missing.code(), "NOT_FOUND");
    EXPECT_EQ(missing.json().at("path").as_string(), "/nothing");
    EXPECT_TRUE(parse_time(std::string(missing.json().at("timestamp").as_string())));
    const auto method = ask("PUT", "/hello");
    EXPECT_EQ(method.status, 405u);
    EXPECT_EQ(method.header("Allow"), "GET, HEAD");
    EXPECT_EQ(ask("TRACE", "/hello").status, 405u);
    EXPECT_EQ(ask("GET", "/hello?x=1").status, 400u);
    EXPECT_FALSE(missing.header("X-Request-Id").empty());
    EXPECT_EQ(ask("GET", "/hello", "", "", "X-Request-Id: mine-1\r\n").header("X-Request-Id"), "mine-1");
}

TEST_F(ServerTest, MapsErrorsAndKeepsInternalTextToItself)
{
    serve();
    const std::vector<std::tuple<std::string, unsigned, std::string>> table{
        {"internal", 500, "INTERNAL_ERROR"}, {"std", 500, "INTERNAL_ERROR"},
        {"quota", 503, "RESOURCE_LIMIT_EXCEEDED"}, {"named", 404, "CONTAINER_NOT_FOUND"},
        {"gone", 410, "EXPIRED"}, {"timeout", 504, "TIMEOUT"}, {"conflict", 409, "CONFLICT"},
        {"direct", 422, "ODD"}};
    auto client = connect();
    for (const auto& [how, status, code] : table) {
        const auto reply = client.ask("GET", "/fail?how=" + how);
        EXPECT_EQ(reply.status, status) << how;
        EXPECT_EQ(reply.code(), code);
        EXPECT_THAT(reply.body, testing::Not(testing::HasSubstr("1234")));
        EXPECT_EQ(reply.header("Retry-After").empty(), how != "quota");
        EXPECT_EQ(reply.header("X-Odd"), how == "direct" ? "1" : "");
    }
    EXPECT_EQ(client.ask("GET", "/fail").status, 204u);
}

TEST_F(ServerTest, AsksForAKeyAndARole)
{
    serve();
    const auto none = ask("GET", "/admins");
    EXPECT_EQ(none.status, 401u);
    EXPECT_EQ(none.code(), "AUTHENTICATION_FAILED");
    EXPECT_EQ(none.header("WWW-Authenticate"), "Bearer");
    Client client = connect();
    const auto wrong = client.ask("GET", "/admins", std::string(40, 'w'));
    EXPECT_EQ(wrong.status, 401u);
    EXPECT_EQ(wrong.json().at("error"), none.json().at("error"));
    EXPECT_EQ(ask("GET", "/admins", "user").status, 403u);
    EXPECT_EQ(ask("GET", "/admins", "admin").status, 200u);
    EXPECT_EQ(ask("GET", "/users", "user").status, 200u);
    EXPECT_EQ(ask("GET", "/users", "node").status, 403u);
    EXPECT_EQ(ask("GET", "/hello", "viewer").status, 200u);
}

TEST_F(ServerTest, LimitsHeadsAndTargets)
{
    serve();
    const auto refused = [&](const std::string& text) {
        auto client = connect();
        client.send(text);
        const auto reply = client.read();
        EXPECT_TRUE(client.wait_closed() || reply.status == 414);
        return reply.status;
    };
    EXPECT_EQ(refused("GET /hello HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n"), 431u);
    EXPECT_EQ(refused("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), 414u);
    EXPECT_EQ(ask("GET", "/hello?" + std::string(9'000, 'a')).status, 414u);
    EXPECT_EQ(refused("nonsense\r\n\r\n"), 400u);
    EXPECT_EQ(refused(std::string("\x16\x03\x01\x02\x00\x01\x00", 7) + std::string(20'000, 'z')), 414u);
    EXPECT_EQ(refused("GET /hello HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"), 400u);
    EXPECT_EQ(ask("GET", "/hello").status, 200u);
}

TEST_F(ServerTest, LimitsBodies)
{
    serve();
    const std::string type = "Content-Type: text/plain\r\n";
    EXPECT_EQ(ask("POST", "/echo", "", std::string(1000, 'a'), type).status, 200u);
    {
        auto client = connect();
        EXPECT_EQ(client.ask("POST", "/echo", "", std::string(1001, 'a'), type).status, 413u);
        EXPECT_EQ(client.ask("GET", "/hello").status, 200u); // a small body is out of the way already
    }
    {
        // 10 GB are refused by their announcement.
        auto client = connect();
        client.send("POST /echo HTTP/1.1\r\nHost: x\r\n" + type + "Content-Length: 10000000000\r\n\r\naaaa");
        EXPECT_EQ(client.read().status, 413u);
        pass(Duration{3'000});
        EXPECT_TRUE(client.wait_closed());
    }
    {
        auto client = connect();
        client.send(
            "POST /echo HTTP/1.1\r\nHost: x\r\n" + type + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n");
        EXPECT_EQ(client.read().status, 413u);
    }
    EXPECT_EQ(ask("POST", "/echo", "", "<x/>", "Content-Type: application/xml\r\n").status, 415u);
    EXPECT_EQ(ask("POST", "/echo", "", "aa", type + "Content-Encoding: gzip\r\n").status, 415u);
    EXPECT_EQ(ask("POST", "/echo", "", "aa", "Content-Type: TEXT/plain; charset=utf-8\r\n").body, "aa");
}

TEST_F(ServerTest, SaysGoOnToWhoAsksFirst)
{
    serve();
    auto client = connect();
    const std::string head =
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n";
    client.send(head + "Content-Length: 3\r\n\r\n");
    EXPECT_EQ(client.read().status, 100u);
    client.send("abc");
    EXPECT_EQ(client.read().body, "abc");
    client.send(head + "Content-Length: 2000\r\n\r\n");
    EXPECT_EQ(client.read().status, 413u);
}

TEST_F(ServerTest, EndsSlowAndSilentClients)
{
    serve();
    auto silent = connect();
    auto dripping = connect();
    auto bodiless = connect();
    auto idle = connect();
    EXPECT_EQ(idle.ask("GET", "/hello").status, 200u);
    dripping.send("GET /hello HT");
    bodiless.send(
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\n");
    pass(Duration{6'000});
    EXPECT_FALSE(silent.closed || dripping.closed || bodiless.closed);
    dripping.send("T"); // a byte now and then does not help
    bodiless.send("b");
    pass(Duration{6'000});
    EXPECT_TRUE(silent.wait_closed());
    EXPECT_EQ(silent.received, "");
    EXPECT_EQ(dripping.read().status, 408u);
    EXPECT_EQ(bodiless.read().status, 408u);
    EXPECT_EQ(idle.ask("GET", "/hello").status, 200u);
    pass(Duration{80'000});
    EXPECT_TRUE(idle.wait_closed());
    EXPECT_TRUE(eventually(io, [&] { return server->connections() == 0; }));
}

TEST_F(ServerTest, EndsClientsThatDoNotRead)
{
    serve();
    Client client{io, server->port(), false, 4096};
    client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    release(); // pours as fast as it is taken
    EXPECT_TRUE(eventually(io, [&] { return world.writes > 0; }));
    io.restart();
    for (int i = 0; i < 50; ++i) io.poll();
    const int stuck = world.writes;
    pass(Duration{20'000});
    EXPECT_LE(world.writes, stuck + 40); // the socket's buffers are the only ones
    pass(Duration{60'000});
    EXPECT_TRUE(eventually(io, [&] { return world.cancelled == 1 && server->connections() == 0; }));
}

TEST_F(ServerTest, NoticesThatTheClientOfAStreamIsGone)
{
    serve();
    auto client = connect();
    client.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(client.wait_for("yyy"));
    EXPECT_THAT(client.received, testing::HasSubstr("Transfer-Encoding: chunked"));
    client.close();
    EXPECT_TRUE(eventually(io, [&] { return world.cancelled == 1; }));
}

TEST_F(ServerTest, NoticesThatTheClientOfALongPollIsGone)
{
    serve();
    auto client = connect();
    client.send("GET /poll HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(eventually(io, [&] { return server->connections() == 1; }));
    client.close();
    EXPECT_TRUE(eventually(io, [&] { return world.cancelled == 1; }));
    auto other = connect();
    other.send("GET /poll HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    io.restart();
    io.poll();
    release();
    EXPECT_EQ(other.read().body, "went");
    EXPECT_EQ(other.read().status, 200u); // what came meanwhile is not lost
}

TEST_F(ServerTest, CompressesLargeReplies)
{
    serve();
    const auto packed = ask("GET", "/big", "", "", "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
    EXPECT_EQ(packed.header("ETag"), "W/\"7\"");
    EXPECT_EQ(packed.header("Vary"), "Accept-Encoding");
    EXPECT_LT(packed.body.size(), 2'000u);
    EXPECT_EQ(gunzip(packed.body), std::string(200'000, 'x'));
    const auto plain = ask("GET", "/big");
    EXPECT_EQ(plain.body.size(), 200'000u);
    EXPECT_EQ(plain.header("Content-Encoding"), "");
    EXPECT_EQ(ask("GET", "/hello", "", "", "Accept-Encoding: gzip\r\n").header("Content-Encoding"), "");
}

TEST_F(ServerTest, CapsConnections)
{
    settings.max_per_address = 3;
    serve();
    std::vector<std::unique_ptr<Client>> kept;
    for (int i = 0; i < 3; ++i) {
        kept.push_back(std::make_unique<Client>(io, server->port()));
        EXPECT_EQ(kept.back()->ask("GET", "/hello").status, 200u);
    }
    auto more = connect();
    EXPECT_TRUE(more.wait_closed());
    EXPECT_EQ(kept[0]->ask("GET", "/hello").status, 200u);
    kept.pop_back();
    EXPECT_TRUE(eventually(io, [&] { return server->connections() == 2; }));
    EXPECT_EQ(ask("GET", "/hello").status, 200u);
}

TEST_F(ServerTest, LimitsTheRateOfUsers)
{
    settings.rate_limit_per_minute = 5;
    serve();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("GET", "/users", "user").status, 200u);
    const auto refused = ask("GET", "/users", "user");
    EXPECT_EQ(refused.status, 429u);
    EXPECT_EQ(refused.code(), "RATE_LIMITED");
    EXPECT_EQ(refused.header("Retry-After"), "12");
    EXPECT_EQ(ask("GET", "/users", "admin").status, 200u);
    pass(Duration{12'000});
    EXPECT_EQ(ask("GET", "/users", "user").status, 200u);
    EXPECT_EQ(ask("GET", "/users", "user").status, 429u);
}

TEST_F(ServerTest, DrainsInAnOrderlyWay)
{
    serve();
    auto idle = connect();
    EXPECT_EQ(idle.ask("GET", "/hello").status, 200u);
    auto polling = connect();
    polling.send("GET /poll HTTP/1.1\r\nHost: x\r\n\r\n");
    auto streaming = connect();
    streaming.send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    auto running = connect();
    running.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(streaming.wait_for("yyy"));
    ASSERT_TRUE(eventually(io, [&] { return server->connections() == 4; }));
    bool stopped = false;
    asio::co_spawn(io, server->stop(), [&](std::exception_ptr) { stopped = true; });
    EXPECT_TRUE(idle.wait_closed());
    EXPECT_EQ(polling.read().status, 503u);
    EXPECT_TRUE(polling.wait_closed());
    EXPECT_TRUE(streaming.wait_closed());
    EXPECT_THAT(streaming.received, testing::EndsWith("\r\n0\r\n\r\n"));
    EXPECT_FALSE(stopped);
    release();
    const auto reply = running.read();
    EXPECT_EQ(reply.body, "went");
    EXPECT_EQ(reply.header("Connection"), "close");
    EXPECT_TRUE(eventually(io, [&] { return stopped; }));
    EXPECT_EQ(server->connections(), 0u);
}

TEST_F(ServerTest, CutsWhatDoesNotEndInTheDrain)
{
    serve();
    auto running = connect();
    running.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(eventually(io, [&] { return server->connections() == 1; }));
    bool stopped = false;
    asio::co_spawn(io, server->stop(), [&](std::exception_ptr) { stopped = true; });
    pass(Duration{9'000});
    EXPECT_FALSE(stopped);
    pass(Duration{2'000});
    EXPECT_TRUE(eventually(io, [&] { return stopped; }));
    EXPECT_EQ(world.cancelled, 1);
}

TEST_F(ServerTest, ReportsWhatItAnswered)
{
    serve();
    ask("GET", "/hello");
    ask("GET", "/nothing");
    EXPECT_EQ(records, (std::vector<std::pair<std::string, unsigned>>{{"/hello", 200}, {"", 404}}));
}

} // namespace
} // namespace berth::test
