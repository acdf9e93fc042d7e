#pragma once
// What a handler answers with, and how an error looks on the wire (requirement W8):
//   {"error":{"code":"CONTAINER_NOT_FOUND","message":"…","details":[…]},"timestamp":"…","path":"/api/…"}

#include "controller/base/clock.hpp"
#include "controller/base/error.hpp"
#include "controller/base/json.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth {

/// Names and values as they are sent. Values must not hold control characters: such a header is dropped and
/// logged.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// The open end of a streaming reply. Owned by the server, valid while the producer runs; I/O thread.
class Stream {
public:
    virtual ~Stream() = default;
    /// Sends one piece and returns when the system has taken it, so a slow reader slows the producer down
    /// (and loses its connection after the write time-out). May be called from several coroutines: pieces do
    /// not mix. Throws Error{Unavailable} when the client is gone.
    virtual awaitable<> write(std::string piece) = 0;
    /// A piece is on its way: a keep-alive has no purpose now.
    virtual bool busy() const noexcept = 0;
};

/// Produces the body of a streaming reply. Is cancelled (operation_aborted out of its co_await) when the
/// client goes away or the server drains. Takes what it needs by value or owns it: it outlives the handler's
/// frame.
using Producer = std::function<awaitable<>(Stream&)>;

struct Reply {
    unsigned status = 200;
    HeaderList headers;
    std::string body;
    std::string content_type = "application/json";
    Producer stream; ///< when set: sent chunked, without `body`, never compressed

    static Reply json_text(unsigned status, std::string body);
    static Reply json(unsigned status, const json::value& body);
    static Reply text(
        unsigned status, std::string body, std::string content_type = "text/plain; charset=utf-8");
    static Reply empty(unsigned status = 204);
    static Reply streaming(std::string content_type, Producer producer);
    Reply&& with(std::string name, std::string value) &&;
};

/// A typed answer with a status or headers of its own: `co_return Answer<Out>{out, 201, {{"Location", …}}}`.
template <class T> struct Answer {
    T value;
    unsigned status = 0; ///< 0: the route's Doc::success
    HeaderList headers = {};
};

/// An error whose status does not follow from its Errc: 413, 415, 422, 429, … Prefer Error (and Error::as).
class HttpError : public Error {
public:
    HttpError(unsigned status, std::string wire_code, const std::string& message, HeaderList headers = {});
    unsigned status() const noexcept { return status_; }
    const HeaderList& headers() const noexcept { return headers_; }

private:
    unsigned status_;
    HeaderList headers_;
};

/// Status and code of an error:
/// Invalid 400 VALIDATION_FAILED · Denied 403 FORBIDDEN · NotFound 404 NOT_FOUND · Exists, Conflict 409
/// CONFLICT · Gone 410 EXPIRED · Quota 503 RESOURCE_LIMIT_EXCEEDED · Unavailable 503 UNAVAILABLE · Timeout
/// 504 TIMEOUT · Internal 500 INTERNAL_ERROR. Quota and Unavailable carry Retry-After.
unsigned http_status(const Error& error) noexcept;
std::string wire_code(const Error& error);

/// The W8 body. The message of an Internal error is replaced by a general one.
json::object error_body(const Error& error, Time now, std::string_view path);
Reply error_reply(const Error& error, Time now, std::string_view path);

} // namespace berth
