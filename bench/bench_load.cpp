// A closed-loop HTTP load: CLIENTS connections, each sends its next request when the last one is answered.
// Usage: bench_load HOST PORT METHOD TARGET CLIENTS SECONDS [HEADER: VALUE]... [@BODY]
// "{n}" in target or body becomes eight digits that no other request of this run has (always eight, so that
// lengths are known and text around it can be base64). Prints one JSON line:
// {"requests","per_second","p50_us","p99_us","statuses":{"201":N}}. One thread. Loopback only.

#include "controller/base/async.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using Steady = std::chrono::steady_clock;

namespace {

struct Plan {
    tcp::endpoint server;
    http::verb method;
    std::string target;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    Steady::time_point end;
    std::uint64_t next = 0;
};

struct Tally {
    std::vector<double> micros;
    std::map<int, std::uint64_t> statuses;
};

std::string numbered(std::string text, std::uint64_t number)
{
    auto digits = std::to_string(number);
    digits.insert(0, digits.size() < 8 ? 8 - digits.size() : 0, '0');
    for (auto at = text.find("{n}"); at != std::string::npos; at = text.find("{n}"))
        text.replace(at, 3, digits);
    return text;
}

berth::awaitable<> client(Plan* plan, Tally* tally)
{
    beast::tcp_stream stream{co_await asio::this_coro::executor};
    co_await stream.async_connect(plan->server, asio::use_awaitable);
    stream.socket().set_option(tcp::no_delay(true));
    beast::flat_buffer buffer;
    while (Steady::now() < plan->end) {
        const auto number = plan->next++;
        http::request<http::string_body> request{plan->method, numbered(plan->target, number), 11};
        request.set(http::field::host, "localhost");
        for (const auto& [name, value] : plan->headers) request.set(name, value);
        request.body() = numbered(plan->body, number);
        request.prepare_payload();
        const auto start = Steady::now();
        co_await http::async_write(stream, request, asio::use_awaitable);
        http::response<http::string_body> response;
        co_await http::async_read(stream, buffer, response, asio::use_awaitable);
        tally->micros.push_back(std::chrono::duration<double, std::micro>(Steady::now() - start).count());
        ++tally->statuses[int(response.result_int())];
    }
}

void add_argument(Plan& plan, const std::string& text)
{
    if (text.starts_with('@')) {
        plan.body = text.substr(1);
        return;
    }
    const auto colon = text.find(": ");
    if (colon == std::string::npos) std::exit(2);
    plan.headers.emplace_back(text.substr(0, colon), text.substr(colon + 2));
}

void print(Tally& tally, double seconds)
{
    auto& micros = tally.micros;
    if (micros.empty()) std::exit(1);
    std::sort(micros.begin(), micros.end());
    boost::json::object statuses;
    for (const auto& [status, count] : tally.statuses) statuses[std::to_string(status)] = count;
    std::cout << boost::json::serialize(boost::json::object{{"requests", micros.size()},
                     {"per_second", double(micros.size()) / seconds}, {"p50_us", micros[micros.size() / 2]},
                     {"p99_us", micros[micros.size() * 99 / 100]}, {"statuses", statuses}})
              << "\n";
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 7) return 2;
    const auto address = asio::ip::make_address(argv[1]);
    if (!address.is_loopback()) return 2;
    const int clients = std::atoi(argv[5]);
    const double seconds = std::atof(argv[6]);
    Plan plan{{address, std::uint16_t(std::atoi(argv[2]))}, http::string_to_verb(argv[3]), argv[4], "", {},
        Steady::now() + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(seconds))};
    for (int i = 7; i < argc; ++i) add_argument(plan, argv[i]);

    asio::io_context io{1};
    berth::TaskGroup tasks{io.get_executor()};
    Tally tally;
    for (int i = 0; i < clients; ++i) tasks.spawn("client", client(&plan, &tally));
    io.run();
    print(tally, seconds);
    return 0;
}
