#include "node/display_idle.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace berth {

namespace {

using Stream = asio::local::stream_protocol::socket;

// X answers in the byte order that the client says; we read it in our own.
static_assert(std::endian::native == std::endian::little);
constexpr std::string_view kHello{
    "l\0\x0b\0\0\0\0\0\0\0\0\0", 12}; // little endian, version 11.0, no authorization
constexpr std::string_view kExtension = "MIT-SCREEN-SAVER";
constexpr unsigned char kQueryExtension = 98;
constexpr std::size_t kReply = 32;
constexpr std::size_t kLongestSetup = 64 * 1024;

template <class T> T number_at(std::string_view bytes, std::size_t at)
{
    T value{};
    if (at + sizeof value > bytes.size()) throw Error{Errc::Internal, "the display's answer is too short"};
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

awaitable<std::string> receive(Stream& stream, std::size_t size)
{
    std::string bytes(size, '\0');
    co_await asio::async_read(stream, asio::buffer(bytes), asio::use_awaitable);
    co_return bytes;
}

awaitable<std::string> ask(Stream& stream, std::string request)
{
    co_await asio::async_write(stream, asio::buffer(request), asio::use_awaitable);
    auto reply = co_await receive(stream, kReply);
    if (reply[0] != 1) throw Error{Errc::Internal, "the display refused a request"};
    co_return reply;
}

/// The first screen's root window, from the server's description of itself.
std::uint32_t root_window(std::string_view setup)
{
    const std::size_t vendor = number_at<std::uint16_t>(setup, 16);
    const std::size_t formats = number_at<std::uint8_t>(setup, 21);
    return number_at<std::uint32_t>(setup, 32 + (vendor + 3) / 4 * 4 + formats * 8);
}

awaitable<std::uint32_t> greet(Stream& stream)
{
    const std::string hello(kHello);
    co_await asio::async_write(stream, asio::buffer(hello), asio::use_awaitable);
    const auto head = co_await receive(stream, 8);
    if (head[0] != 1) throw Error{Errc::Internal, "the display refused the connection"};
    const std::size_t size = std::size_t{number_at<std::uint16_t>(head, 6)} * 4;
    if (size > kLongestSetup) throw Error{Errc::Internal, "the display says too much"};
    co_return root_window(co_await receive(stream, size));
}

awaitable<unsigned char> extension(Stream& stream)
{
    std::string request(8, '\0');
    request[0] = static_cast<char>(kQueryExtension);
    request[2] = static_cast<char>(2 + kExtension.size() / 4);
    request[4] = static_cast<char>(kExtension.size());
    static_assert(kExtension.size() % 4 == 0);
    const auto reply = co_await ask(stream, request.append(kExtension));
    if (reply[8] != 1) throw Error{Errc::Internal, "the display has no screen saver extension"};
    co_return static_cast<unsigned char>(reply[9]);
}

awaitable<Duration> query(Fd socket)
{
    Stream stream(co_await asio::this_coro::executor);
    const asio::local::stream_protocol::endpoint where("/proc/self/fd/" + std::to_string(socket.get()));
    co_await stream.async_connect(where, asio::use_awaitable);
    const auto root = co_await greet(stream);
    const auto major = co_await extension(stream);
    std::string request(8, '\0'); // ScreenSaverQueryInfo
    request[0] = static_cast<char>(major);
    request[1] = 1;
    request[2] = 2;
    std::memcpy(request.data() + 4, &root, sizeof root);
    const auto reply = co_await ask(stream, std::move(request));
    co_return Duration{number_at<std::uint32_t>(reply, 16)};
}

} // namespace

awaitable<Duration> display_idle(Clock& clock, Fd socket, Duration limit)
{
    try {
        co_return co_await with_timeout(clock, limit, query(std::move(socket)), "asking a display");
    } catch (const boost::system::system_error& error) {
        if (is_cancelled(error)) throw;
        throw Error{Errc::Unavailable, "asking a display: " + error.code().message()};
    }
}

} // namespace berth
