#pragma once
// A server on a real loopback port with a store in a temporary folder, a clock that stands still, and clients
// that write and read raw bytes. Everything runs on one io_context that the test polls.

#include "api/http/resource.hpp"
#include "api/http/server.hpp"
#include "controller/base/random.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/temporary_folder.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {

using boost::asio::ip::tcp;

struct CaseLess {
    bool operator()(const std::string& left, const std::string& right) const
    {
        return strcasecmp(left.c_str(), right.c_str()) < 0;
    }
};

struct Response {
    unsigned status = 0;
    std::map<std::string, std::string, CaseLess> headers;
    std::string body;
    /// Kept, so that references into it live as long as the response.
    const json::value& json() const
    {
        if (!parsed) parsed = std::make_shared<json::value>(json::parse(body));
        return *parsed;
    }
    std::string code() const { return std::string(json().at("error").at("code").as_string()); }
    std::string header(const std::string& name) const
    {
        const auto found = headers.find(name);
        return found == headers.end() ? "" : found->second;
    }
    mutable std::shared_ptr<const json::value> parsed;
};

/// Waits for a condition while the event loop runs; false after ten seconds of real time.
inline bool eventually(asio::io_context& io, const std::function<bool()>& condition)
{
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (std::chrono::steady_clock::now() < deadline) {
        io.restart();
        io.poll();
        if (condition()) return true;
        io.restart();
        io.run_one_for(std::chrono::milliseconds{20});
    }
    return false;
}

/// One connection. Reads all the time (unless told not to) into `received`.
class Client {
public:
    Client(asio::io_context& io, unsigned short port, bool reading = true, int receive_buffer = 0)
        : io_(io),
          socket_(io)
    {
        socket_.open(tcp::v4());
        if (receive_buffer > 0) socket_.set_option(asio::socket_base::receive_buffer_size(receive_buffer));
        socket_.connect({asio::ip::address_v4::loopback(), port});
        if (reading) read_more();
    }
    ~Client()
    {
        boost::system::error_code ignored;
        socket_.close(ignored);
        io_.restart();
        io_.poll();
    }
    void send(std::string text)
    {
        auto kept = std::make_shared<std::string>(std::move(text));
        asio::async_write(socket_, asio::buffer(*kept), [kept](boost::system::error_code, std::size_t) {});
        io_.restart();
        io_.poll();
    }
    void close()
    {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }
    bool wait_for(std::string_view text)
    {
        return eventually(io_, [&] { return received.find(text) != std::string::npos; });
    }
    bool wait_closed()
    {
        return eventually(io_, [&] { return closed; });
    }
    /// The next complete response. `head`: of a HEAD request, so without body.
    Response read(bool head = false)
    {
        Response response;
        if (!eventually(io_, [&] { return take(response, head); }))
            ADD_FAILURE() << "no complete response: " << received;
        return response;
    }
    Response ask(const std::string& method, const std::string& target, const std::string& key = "",
        const std::string& body = "", const std::string& more = "")
    {
        std::string text = method + " " + target + " HTTP/1.1\r\nHost: test\r\n";
        if (!key.empty()) text += "Authorization: Bearer " + key + "\r\n";
        if (!body.empty()) {
            if (more.find("Content-Type") == std::string::npos) text += "Content-Type: application/json\r\n";
            text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
        }
        send(text + more + "\r\n" + body);
        return read(method == "HEAD");
    }

    std::string received;
    bool closed = false;

private:
    void read_more()
    {
        socket_.async_read_some(
            asio::buffer(piece_), [this](boost::system::error_code failure, std::size_t size) {
                received.append(piece_.data(), size);
                if (failure == asio::error::operation_aborted) return;
                if (failure)
                    closed = true;
                else
                    read_more();
            });
    }
    bool take(Response& response, bool head)
    {
        const auto end = received.find("\r\n\r\n");
        if (end == std::string::npos) return false;
        response = {};
        std::istringstream lines(received.substr(0, end));
        std::string line;
        std::getline(lines, line);
        response.status = static_cast<unsigned>(std::stoul(line.substr(9, 3)));
        while (std::getline(lines, line)) {
            if (line.ends_with('\r')) line.pop_back();
            const auto colon = line.find(": ");
            response.headers[line.substr(0, colon)] = line.substr(colon + 2);
        }
        const bool empty = head || response.status == 204 || response.status == 304 || response.status == 100;
        const auto size = empty ? 0 : std::stoul("0" + response.header("Content-Length"));
        if (received.size() < end + 4 + size) return false;
        response.body = received.substr(end + 4, size);
        received.erase(0, end + 4 + size);
        return true;
    }

    asio::io_context& io_;
    tcp::socket socket_;
    std::array<char, 65536> piece_{};
};

inline std::string key_of_role(const std::string& role)
{
    return "key-of-" + role + "-0123456789012345678901234567";
}

class HttpTest : public ::testing::Test {
protected:
    HttpTest()
    {
        settings.address = "127.0.0.1";
        settings.port = 0;
        settings.on_request = [this](const RequestRecord& record) {
            records.push_back({std::string(record.route), record.status});
        };
    }

    void SetUp() override
    {
        StoreOptions options{folder / "db", io.get_executor(), io.get_executor(), clock};
        options.keep_changes = 50;
        store = run(Store::open(std::move(options)));
        std::string keys;
        for (const char* role : {"admin", "user", "viewer", "node", "proxy"})
            keys += std::string("name-") + role + ":" + role + ":" + key_of_role(role) + ",";
        auth = std::make_unique<Authenticator>(parse_api_keys(keys, "API_KEYS"), *store);
    }
    void TearDown() override
    {
        if (server) {
            bool stopped = false;
            asio::co_spawn(io, server->stop(), [&](std::exception_ptr) { stopped = true; });
            for (int i = 0; i < 100 && !stopped; ++i) clock.run(io, Duration{1'000});
            EXPECT_TRUE(eventually(io, [&] { return stopped; }));
        }
        run(store->close());
        server.reset();
        store.reset();
    }
    /// Starts the server with what has been mounted.
    void serve()
    {
        server = std::make_unique<Server>(io.get_executor(), clock, router, *auth, settings);
        server->listen();
        asio::co_spawn(io, server->run(), [](std::exception_ptr failure) {
            if (failure) ADD_FAILURE() << describe(failure);
        });
        io.restart();
        io.poll();
    }
    Client connect() { return Client{io, server->port()}; }
    /// One request on a connection of its own.
    Response ask(const std::string& method, const std::string& target, const std::string& role = "",
        const std::string& body = "", const std::string& more = "")
    {
        Client client{io, server->port()};
        return client.ask(method, target, role.empty() ? "" : key_of_role(role), body, more);
    }
    template <class T> T run(awaitable<T> work)
    {
        std::exception_ptr failure;
        bool done = false;
        if constexpr (std::is_void_v<T>) {
            asio::co_spawn(
                io, std::move(work), [&](std::exception_ptr thrown) { failure = thrown, done = true; });
            EXPECT_TRUE(eventually(io, [&] { return done; }));
            if (failure) std::rethrow_exception(failure);
        } else {
            std::optional<T> result;
            asio::co_spawn(io, std::move(work), [&](std::exception_ptr thrown, T value) {
                failure = thrown, done = true;
                if (!thrown) result.emplace(std::move(value));
            });
            EXPECT_TRUE(eventually(io, [&] { return done; }));
            if (failure) std::rethrow_exception(failure);
            return std::move(*result);
        }
    }
    /// Moves the clock step by step, so that what sleeps in between sees it.
    void pass(Duration duration) { clock.run(io, duration); }

    TemporaryFolder folder;
    asio::io_context io;
    FakeClock clock;
    std::unique_ptr<Store> store;
    std::unique_ptr<Authenticator> auth;
    Router router;
    ServerOptions settings;
    std::unique_ptr<Server> server;
    std::vector<std::pair<std::string, unsigned>> records;
};

} // namespace berth::test
