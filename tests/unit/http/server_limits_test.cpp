#include "tests/unit/http/server_fixture.hpp"

namespace berth::test {
namespace {

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

// W35
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

} // namespace
} // namespace berth::test
