#pragma once
// HTTP/1.1 as bytes: reading heads and chunked bodies strictly, writing heads, compressing. Pure; any thread.

#include "api/http/reply.hpp"

#include <boost/beast/http/fields.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::wire {

namespace http = boost::beast::http;

/// Request line and headers, checked.
struct Head {
    std::string method;
    std::string target; ///< origin form: starts with '/'
    http::fields fields;
    bool http11 = true;
    bool keep_alive = true;
    bool chunked = false;
    bool expects_continue = false;
    std::optional<std::uint64_t> length; ///< Content-Length

    bool has_body() const noexcept { return chunked || length.value_or(0) > 0; }
    std::string_view path() const;
    std::string_view query() const;
    std::string_view header(std::string_view name) const;
};

/// Where the head ends (after its empty line), npos when it is not complete. `from` may skip what was
/// searched before.
std::size_t find_head_end(std::string_view data, std::size_t from);
/// `block` ends with the empty line. Throws Error{Invalid} and HttpError (417, 501, 505) for what is
/// malformed or what another server in front could read differently.
Head parse_head(std::string_view block);

/// Takes a chunked body apart. Extensions and trailers are dropped.
class ChunkDecoder {
public:
    explicit ChunkDecoder(std::size_t limit) : limit_(limit) {}
    /// Appends what `data` holds of the body to `out` and returns how much of `data` was used. Throws
    /// Error{Invalid} and HttpError 413.
    std::size_t feed(std::string_view data, std::string& out);
    bool done() const noexcept { return state_ == State::Done; }

private:
    enum class State { Size, Data, DataEnd, Trailer, Done };
    void take_line(std::string& out);

    std::size_t limit_;
    State state_ = State::Size;
    std::uint64_t left_ = 0;
    std::string line_;
    std::size_t trailer_bytes_ = 0;
};

[[noreturn]] void too_large(std::size_t limit);
std::string_view reason(unsigned status) noexcept;
/// Status line and headers up to and with the empty line. A header with control characters is left out.
std::string format_head(unsigned status, bool http11, const HeaderList& headers);
/// "Sat, 21 Nov 2026 08:34:00 GMT".
std::string http_date(Time time);

/// Whether an Accept-Encoding lets us answer with gzip.
bool accepts_gzip(std::string_view accept_encoding);
bool is_compressible(std::string_view content_type);
std::string gzip(std::string_view body);

} // namespace berth::wire
