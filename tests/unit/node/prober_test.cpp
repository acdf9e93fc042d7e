// Probes against real sockets, and sockets in a namespace of our own.

#include "node/netns.hpp"
#include "node/prober.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <sys/stat.h>

namespace berth {
namespace {

using asio::ip::tcp;

/// Answers every connection with `reply` (nothing: silence) until it is destroyed.
awaitable<> serve(tcp::acceptor& acceptor, std::string reply)
{
    std::vector<tcp::socket> silent;
    while (true) {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        std::array<char, 512> request{};
        co_await socket.async_read_some(asio::buffer(request), asio::use_awaitable);
        if (reply.empty())
            silent.push_back(std::move(socket));
        else
            co_await socket.async_write_some(asio::buffer(reply), asio::use_awaitable);
    }
}

struct Server {
    Server(asio::io_context& io, std::string reply) : acceptor(io, {asio::ip::address_v4::loopback(), 0})
    {
        asio::co_spawn(io, serve(acceptor, std::move(reply)), [](std::exception_ptr) {});
    }
    unsigned short port() const { return acceptor.local_endpoint().port(); }
    tcp::acceptor acceptor;
};

HealthChecks probe(asio::io_context& io, unsigned short code, unsigned short vnc, unsigned short web)
{
    SystemClock clock;
    HealthChecks checks;
    auto done = [&](std::exception_ptr failure, HealthChecks result) {
        EXPECT_FALSE(failure);
        checks = result;
        io.stop();
    };
    asio::co_spawn(io, probe_ports(clock, "127.0.0.1", code, vnc, web, Duration{300}), done);
    io.restart();
    io.run_for(std::chrono::seconds{10});
    return checks;
}

TEST(Prober, TellsWhatAnswers)
{
    asio::io_context io;
    Server good(io, "HTTP/1.1 200 OK\r\n\r\n"), missing(io, "HTTP/1.1 404 Not Found\r\n\r\n");
    Server broken(io, "HTTP/1.1 503 Busy\r\n\r\n"), silent(io, ""), odd(io, "hello, this is no HTTP\r\n");
    tcp::acceptor closed(io, {asio::ip::address_v4::loopback(), 0});
    const auto nobody = closed.local_endpoint().port();
    closed.close();
    EXPECT_EQ(probe(io, good.port(), missing.port(), odd.port()), (HealthChecks{true, true, true}));
    EXPECT_EQ(probe(io, missing.port(), broken.port(), nobody), (HealthChecks{false, false, false}));
    EXPECT_EQ(probe(io, silent.port(), odd.port(), silent.port()), (HealthChecks{false, false, true}));
}

TEST(Health, KeepsTheLastTenRoundsAndOneOfThoseThatFollowEachOtherFast)
{
    const HealthChecks good{true, true, false};
    const HealthChecks bad{false, true, false};
    const Time start{std::chrono::hours{1}};
    Health health;
    for (int i = 0; i < 20; ++i) health = next_health(health, {}, start + std::chrono::milliseconds{150 * i});
    EXPECT_EQ(health.history.size(), 1u) << "a start asks often";
    EXPECT_EQ(health.status, HealthState::starting);
    health = next_health(health, good, start + std::chrono::seconds{3});
    EXPECT_EQ(health.history.size(), 2u);
    for (int i = 1; i <= 12; ++i)
        health = next_health(health, i <= 10 ? good : bad, start + std::chrono::seconds{30 * i});
    ASSERT_EQ(health.history.size(), 10u);
    EXPECT_EQ(health.history.front().at, start + std::chrono::seconds{30 * 3});
    EXPECT_EQ(health.history.back().checks, bad);
    EXPECT_EQ(health.history[7].checks, good);
    EXPECT_EQ(health.misses, 2);
    EXPECT_EQ(health.status, HealthState::healthy) << "two misses are no incident";
    health = next_health(health, bad, start + std::chrono::seconds{30 * 13});
    EXPECT_EQ(health.status, HealthState::unhealthy);
}

TEST(Namespace, OurThreadStaysWhereItIs)
{
    struct ::stat before {
    }, after{};
    ASSERT_EQ(::stat("/proc/thread-self/ns/net", &before), 0);
    try {
        EXPECT_EQ(sockets_in_namespace("/proc/self/ns/net", 3).size(), 3u);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::Denied) << error.what(); // entering a namespace takes CAP_SYS_ADMIN
    }
    EXPECT_THROW(sockets_in_namespace("/does/not/exist", 1), Error);
    EXPECT_THROW(sockets_in_namespace("/proc/self/ns/mnt", 1), Error);
    ASSERT_EQ(::stat("/proc/thread-self/ns/net", &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
}

} // namespace
} // namespace berth
