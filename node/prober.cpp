#include "node/prober.hpp"

#include "controller/base/log.hpp"
#include "node/netns.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

namespace berth {

namespace {

using asio::ip::tcp;

/// The status of the reply to a GET, 0 when it is no HTTP.
awaitable<int> http_status(tcp::socket& socket, std::string path)
{
    const auto request =
        "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: berth-node\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
    std::array<char, 64> start{};
    std::size_t have = 0;
    while (have < 12) {
        const auto room = asio::buffer(start.data() + have, start.size() - have);
        have += co_await socket.async_read_some(room, asio::use_awaitable);
    }
    const std::string_view line(start.data(), have);
    if (!line.starts_with("HTTP/1.") || line[8] != ' ') co_return 0;
    int status = 0;
    for (char c : line.substr(9, 3)) status = c >= '0' && c <= '9' ? status * 10 + (c - '0') : 1000;
    co_return status < 1000 ? status : 0;
}

enum class Want { Healthz, Http, Connection };

awaitable<int> get(tcp::socket socket, std::string address, unsigned short port, std::string path)
{
    const tcp::endpoint target(asio::ip::make_address_v4(address), port);
    co_await socket.async_connect(target, asio::use_awaitable);
    co_return co_await http_status(socket, std::move(path));
}

awaitable<bool> check(tcp::socket socket, std::string address, unsigned short port, Want want)
{
    if (want == Want::Connection) {
        const tcp::endpoint target(asio::ip::make_address_v4(address), port);
        co_await socket.async_connect(target, asio::use_awaitable);
        co_return true;
    }
    const std::string path = want == Want::Healthz ? "/healthz" : "/vnc.html";
    const int status = co_await get(std::move(socket), std::move(address), port, path);
    co_return want == Want::Healthz ? status == 200 : status >= 100 && status < 500;
}

/// What `work` gives; T{} for anything that goes wrong but our own cancellation.
template <class T> awaitable<T> in_time(Clock& clock, awaitable<T> work, Duration limit)
{
    try {
        co_return co_await with_timeout(clock, limit, std::move(work), "probe");
    } catch (const Error&) {
        co_return T{};
    } catch (const boost::system::system_error& error) {
        if (is_cancelled(error)) throw;
        co_return T{};
    }
}

awaitable<HealthChecks> check_all(Clock& clock, std::vector<tcp::socket> sockets, std::string address,
    std::array<unsigned short, 3> ports, Duration limit)
{
    HealthChecks checks;
    checks.codeServer =
        co_await in_time(clock, check(std::move(sockets[0]), address, ports[0], Want::Healthz), limit);
    checks.vnc = co_await in_time(clock, check(std::move(sockets[1]), address, ports[1], Want::Http), limit);
    checks.webServer =
        co_await in_time(clock, check(std::move(sockets[2]), address, ports[2], Want::Connection), limit);
    co_return checks;
}

/// Made in the container's network namespace; none when it can't be entered.
awaitable<std::vector<tcp::socket>> sockets_inside(Executor work, std::string netns_path, std::size_t count)
{
    auto executor = co_await asio::this_coro::executor;
    std::vector<tcp::socket> sockets;
    try {
        auto enter = [&netns_path, count] { return sockets_in_namespace(netns_path, count); };
        for (auto& socket : co_await offload(work, enter))
            sockets.emplace_back(executor, tcp::v4(), socket.release());
    } catch (const Error& error) {
        log::debug("a container's network can't be entered", {{"error", error.what()}});
    }
    co_return sockets;
}

} // namespace

awaitable<HealthChecks> probe_namespace(Executor work, Clock& clock, std::string netns_path, Duration limit)
{
    auto sockets = co_await sockets_inside(work, netns_path, 3);
    if (sockets.empty()) co_return HealthChecks{};
    co_return co_await check_all(
        clock, std::move(sockets), "127.0.0.1", {kCodeServerPort, kVncPort, kWebPort}, limit);
}

awaitable<> open_editor(Executor work, Clock& clock, std::string netns_path, Duration limit)
{
    const std::array<std::string, 2> pages{"/", "/?folder=/workspace"}; // what a browser asks for first
    auto sockets = co_await sockets_inside(work, netns_path, pages.size());
    for (std::size_t i = 0; i < sockets.size(); ++i)
        co_await in_time(clock, get(std::move(sockets[i]), "127.0.0.1", kCodeServerPort, pages[i]), limit);
}

awaitable<HealthChecks> probe_ports(Clock& clock, std::string address, unsigned short code_server,
    unsigned short vnc, unsigned short web, Duration limit)
{
    auto executor = co_await asio::this_coro::executor;
    std::vector<tcp::socket> sockets;
    for (int i = 0; i < 3; ++i) sockets.emplace_back(executor, tcp::v4());
    co_return co_await check_all(clock, std::move(sockets), address, {code_server, vnc, web}, limit);
}

namespace {

constexpr std::size_t kRounds = 10;
constexpr Duration kSameRound = std::chrono::seconds{5};

void remember(std::vector<ProbeRecord>& history, ProbeRecord round)
{
    const bool same = !history.empty() && history.back().checks == round.checks && history.back().at &&
                      *round.at - *history.back().at < kSameRound;
    if (same) return;
    history.push_back(round);
    if (history.size() > kRounds) history.erase(history.begin());
}

} // namespace

Health next_health(const Health& before, const HealthChecks& checks, Time now, int misses_allowed)
{
    Health health = before;
    health.lastCheck = now;
    health.checks = checks;
    remember(health.history, {now, checks});
    if (checks.codeServer && checks.vnc) {
        health.status = HealthState::healthy;
        health.misses = 0;
    } else if (before.status != HealthState::starting) {
        ++health.misses;
        if (health.misses >= misses_allowed) health.status = HealthState::unhealthy;
    }
    return health;
}

} // namespace berth
