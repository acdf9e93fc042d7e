// The reading helpers of BodyStream: they need no network, so that a fake stream behaves the same.
// g++ 12 makes wrong code for co_await behind && or ||, so conditions are taken apart here.
#include "controller/base/http_client.hpp"

namespace berth {

awaitable<bool> BodyStream::fill()
{
    if (ended_) co_return false;
    auto piece = co_await receive();
    if (!piece) {
        ended_ = true;
        co_return false;
    }
    buffer_ += *piece;
    co_return true;
}

awaitable<std::optional<std::string>> BodyStream::read_line()
{
    for (;;) {
        const auto end = buffer_.find('\n', scanned_);
        if (std::min(end, buffer_.size()) > max_line)
            throw Error{Errc::Internal, "a line is longer than " + std::to_string(max_line) + " bytes"};
        if (end != std::string::npos) {
            std::string line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            scanned_ = 0;
            if (line.ends_with('\r')) line.pop_back();
            co_return line;
        }
        scanned_ = buffer_.size();
        const bool more = co_await fill();
        if (more) continue;
        scanned_ = 0;
        if (buffer_.empty()) co_return std::nullopt;
        co_return std::exchange(buffer_, {});
    }
}

awaitable<std::optional<std::string>> BodyStream::read_some()
{
    if (buffer_.empty()) {
        const bool more = co_await fill();
        if (!more) co_return std::nullopt;
    }
    scanned_ = 0;
    co_return std::exchange(buffer_, {});
}

awaitable<std::optional<std::string>> BodyStream::read_exactly(std::size_t size)
{
    while (buffer_.size() < size) {
        const bool more = co_await fill();
        if (more) continue;
        if (buffer_.empty()) co_return std::nullopt;
        throw Error{Errc::Timeout, "the stream ended in the middle of a frame"};
    }
    std::string bytes = buffer_.substr(0, size);
    buffer_.erase(0, size);
    scanned_ = 0;
    co_return bytes;
}

awaitable<std::string> BodyStream::read_all(std::size_t limit)
{
    while (buffer_.size() <= limit) {
        const bool more = co_await fill();
        if (!more) break;
    }
    if (buffer_.size() > limit)
        throw Error{Errc::Internal, "the body is larger than " + std::to_string(limit) + " bytes"};
    scanned_ = 0;
    co_return std::exchange(buffer_, {});
}

} // namespace berth
