#include "node/callback_relay.hpp"

#include "controller/base/log.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <fcntl.h>
#include <sys/stat.h>

namespace berth {

namespace {

namespace http = boost::beast::http;
using asio::local::stream_protocol;

constexpr unsigned kLongestHead = 4096;
constexpr std::uint64_t kLongestBody = 4096;
constexpr Duration kPatience =
    std::chrono::seconds{5}; ///< with one who connected, without the handler's work
/// After each: a program that does nothing else costs little.
constexpr Duration kPause{200};
constexpr ::gid_t kWorkspaceGroup = 1000;

/// By the folder's descriptor: a socket's path has 107 bytes, and volumes may be far down.
stream_protocol::acceptor listen_in(const Executor& executor, const std::string& folder)
{
    const Fd parent(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!parent) throw system_error("open the control volume");
    ::unlinkat(parent.get(), kRelaySocket, 0);
    try {
        stream_protocol::acceptor acceptor(executor, stream_protocol{});
        acceptor.bind(
            stream_protocol::endpoint("/proc/self/fd/" + std::to_string(parent.get()) + "/" + kRelaySocket));
        if (::fchownat(parent.get(), kRelaySocket, 0, kWorkspaceGroup, AT_SYMLINK_NOFOLLOW) != 0 ||
            ::fchmodat(parent.get(), kRelaySocket, 0660, 0) != 0)
            throw system_error("own the agent's socket");
        acceptor.listen(4);
        return acceptor;
    } catch (const boost::system::system_error& error) {
        throw Error{Errc::Internal, "listen in the control volume: " + error.code().message()};
    }
}

std::string bearer(std::string_view header)
{
    constexpr std::string_view kScheme = "Bearer ";
    return std::string(header.starts_with(kScheme) ? header.substr(kScheme.size()) : "");
}

} // namespace

CallbackRelay::CallbackRelay(Executor executor, Clock& clock, const std::string& folder, Handler handler)
    : clock_(clock),
      acceptor_(listen_in(executor, folder)),
      handler_(std::move(handler))
{}

awaitable<> CallbackRelay::serve(Duration limit)
{
    const auto end = clock_.tick() + limit;
    for (auto now = clock_.tick(); now < end; now = clock_.tick()) {
        Stream stream(co_await asio::this_coro::executor);
        const bool came = co_await accept(stream, end - now);
        if (!came) co_return;
        std::exception_ptr failure;
        try {
            co_await talk(std::move(stream));
        } catch (...) {
            failure = std::current_exception();
        }
        const auto state = co_await asio::this_coro::cancellation_state;
        if (failure && state.cancelled() != asio::cancellation_type::none) std::rethrow_exception(failure);
        if (failure) log::debug("a report from inside was not understood", {{"error", describe(failure)}});
        co_await clock_.sleep(kPause);
    }
}

awaitable<bool> CallbackRelay::accept(Stream& stream, Duration limit)
{
    try {
        co_await with_timeout(clock_, limit, acceptor_.async_accept(stream, asio::use_awaitable), "waiting");
        co_return true;
    } catch (const Error& error) {
        if (error.code() != Errc::Timeout) throw;
    }
    co_return false;
}

awaitable<> CallbackRelay::talk(Stream stream)
{
    boost::beast::flat_buffer buffer(kLongestHead + kLongestBody);
    http::request_parser<http::string_body> parser;
    parser.header_limit(kLongestHead);
    parser.body_limit(kLongestBody);
    auto reading = [](Stream& from, auto& bytes, auto& into) -> awaitable<> {
        co_await http::async_read(from, bytes, into, asio::use_awaitable);
    };
    co_await with_timeout(clock_, kPatience, reading(stream, buffer, parser), "a report from inside");
    const auto& message = parser.get();
    RelayAnswer answer{404, R"({"error":"only POST /callback is served here"})"};
    if (message.method() == http::verb::post && message.target() == "/callback") {
        const auto header = message[http::field::authorization];
        RelayRequest request{bearer({header.data(), header.size()}), message.body()};
        answer = co_await handler_(std::move(request));
    }
    http::response<http::string_body> reply(static_cast<http::status>(answer.status), 11);
    reply.set(http::field::content_type, "application/json");
    reply.keep_alive(false);
    reply.body() = std::move(answer.body);
    reply.prepare_payload();
    auto writing = [](Stream& to, auto& what) -> awaitable<> {
        co_await http::async_write(to, what, asio::use_awaitable);
    };
    co_await with_timeout(clock_, kPatience, writing(stream, reply), "an answer to inside");
}

} // namespace berth
