// How a session answers: errors as replies, headers that every reply has, compression, streams.

#include "api/http/session.hpp"

#include "controller/base/log.hpp"
#include "metrics/metrics.hpp"

#include <boost/system/system_error.hpp>

#include <charconv>

namespace berth::detail {

namespace {

constexpr std::size_t kOffloadCompression = 256 * 1024;
constexpr auto kInternalError = "internal error";

bool has_header(const HeaderList& headers, std::string_view name)
{
    return std::any_of(headers.begin(), headers.end(), [name](const auto& header) {
        return boost::beast::iequals(header.first, {name.data(), name.size()});
    });
}

std::string hex(std::size_t value)
{
    char text[16];
    const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
    return {text, end};
}

} // namespace

/// The open end of a chunked reply (or, in HTTP/1.0, of one that ends with the connection).
class ChunkedStream final : public Stream {
public:
    ChunkedStream(Session& session, bool chunked)
        : session_(session),
          chunked_(chunked),
          idle_(session.state_->io)
    {}

    awaitable<> write(std::string piece) override
    {
        if (piece.empty()) co_return;
        while (busy_) co_await idle_.wait();
        busy_ = true;
        const std::shared_ptr<void> leave{nullptr, [this](void*) {
                                              busy_ = false;
                                              idle_.notify_all();
                                          }};
        sent_ += piece.size();
        std::string head;
        if (chunked_) {
            head = hex(piece.size()) + "\r\n";
            piece += "\r\n";
        }
        if (!co_await session_.write_all(head, piece)) throw Error{Errc::Unavailable, "the client is gone"};
    }
    bool busy() const noexcept override { return busy_; }
    std::size_t sent() const noexcept { return sent_; }

private:
    Session& session_;
    bool chunked_;
    bool busy_ = false;
    std::size_t sent_ = 0;
    Signal idle_;
};

/// False when the connection is to be closed.
awaitable<bool> Session::send(Exchange& exchange, Reply reply)
{
    bool keep_alive = exchange.head.keep_alive && !state_->draining;
    const bool body_skipped = co_await skip_body(exchange);
    if (!body_skipped || reply.status == 408) keep_alive = false;
    expired_ = false;
    auto headers = co_await finish_headers(exchange, reply, keep_alive);
    if (reply.stream && exchange.head.method != "HEAD")
        co_return co_await send_stream(exchange, std::move(reply), std::move(headers));
    const auto head = wire::format_head(reply.status, exchange.head.http11, headers);
    activity_ = Activity::Writing;
    const bool whole =
        co_await write_all(head, exchange.head.method == "HEAD" ? std::string_view{} : reply.body);
    record(exchange, reply.status, reply.body.size());
    activity_ = Activity::Idle;
    deadline_in(state_->options.idle_timeout);
    if (whole && !body_skipped) co_await linger();
    co_return whole&& keep_alive;
}

awaitable<HeaderList> Session::finish_headers(Exchange& exchange, Reply& reply, bool keep_alive)
{
    co_await compress(exchange.head, reply);
    auto headers = std::move(reply.headers);
    headers.emplace_back("Date", std::string(state_->date()));
    headers.emplace_back("X-Request-Id", exchange.request_id);
    headers.emplace_back("X-Content-Type-Options", "nosniff");
    if (exchange.rate)
        for (auto& header : rate_headers(*exchange.rate)) headers.push_back(std::move(header));
    if (!has_header(headers, "Cache-Control")) headers.emplace_back("Cache-Control", "no-store");
    if (!reply.content_type.empty() && reply.status != 204 && reply.status != 304)
        headers.emplace_back("Content-Type", reply.content_type);
    if (reply.stream) {
        // A proxy in front must not collect what is meant to arrive at once.
        headers.emplace_back("X-Accel-Buffering", "no");
        if (exchange.head.http11)
            headers.emplace_back("Transfer-Encoding", "chunked");
        else
            keep_alive = exchange.head.keep_alive = false;
    } else if (reply.status != 204 && reply.status != 304) {
        headers.emplace_back("Content-Length", std::to_string(reply.body.size()));
    }
    if (!keep_alive)
        headers.emplace_back("Connection", "close");
    else if (!exchange.head.http11)
        headers.emplace_back("Connection", "keep-alive");
    co_return headers;
}

awaitable<> Session::compress(const wire::Head& head, Reply& reply)
{
    const auto& options = state_->options;
    if (reply.stream || reply.body.size() < options.compress_from ||
        !wire::is_compressible(reply.content_type) || has_header(reply.headers, "Content-Encoding"))
        co_return;
    reply.headers.emplace_back("Vary", "Accept-Encoding");
    if (!wire::accepts_gzip(head.header("Accept-Encoding"))) co_return;
    if (options.work && reply.body.size() >= kOffloadCompression) {
        auto work = [body = std::move(reply.body)] { return wire::gzip(body); };
        reply.body = co_await offload(*options.work, std::move(work));
    } else {
        reply.body = wire::gzip(reply.body);
    }
    reply.headers.emplace_back("Content-Encoding", "gzip");
    // The same object, but not the same bytes: the tag becomes a weak one.
    for (auto& [name, value] : reply.headers)
        if (name == "ETag" && value.starts_with('"')) value.insert(0, "W/");
}

awaitable<bool> Session::send_stream(Exchange& exchange, Reply reply, HeaderList headers)
{
    const bool chunked = exchange.head.http11;
    activity_ = Activity::Waiting;
    if (!co_await write_all(wire::format_head(reply.status, chunked, headers), {})) co_return false;
    ChunkedStream stream{*this, chunked};
    auto [order, failure, gone_failure, drain_failure] =
        co_await asio::experimental::make_parallel_group(
            asio::co_spawn(state_->io, reply.stream(stream), asio::deferred),
            asio::co_spawn(state_->io, client_gone(), asio::deferred),
            asio::co_spawn(state_->io, drain_called(), asio::deferred))
            .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    no_deadline();
    co_await throw_if_cancelled();
    record(exchange, reply.status, stream.sent());
    bool whole = !broken_ && order[0] != 1;
    if (order[0] == 0 && failure) {
        // The status is out already; cutting the stream short is the only way left to say that it is not
        // complete.
        if (!broken_)
            log::warning(
                "stream ended early", {{"path", exchange.head.path()}, {"error", berth::describe(failure)}});
        whole = false;
    }
    if (whole && chunked) whole = co_await write_all("0\r\n\r\n", {});
    activity_ = Activity::Idle;
    deadline_in(state_->options.idle_timeout);
    co_return whole&& exchange.head.keep_alive && !state_->draining;
}

Reply Session::reply_of(const std::exception_ptr& failure, const Exchange& exchange)
{
    const auto log_it = [&](const char* text, const std::string& id) {
        log::error("request failed", {{"method", exchange.head.method}, {"path", exchange.head.path()},
                                         {"request", id}, {"error", text}});
    };
    const auto now = state_->clock.now();
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        if (error.code() == Errc::Internal) log_it(error.what(), exchange.request_id);
        return error_reply(error, now, exchange.head.path());
    } catch (const boost::system::system_error& error) {
        // The connection is broken or we are being cancelled: there is nobody to answer.
        if (error.code() == asio::error::connection_reset || error.code() == asio::error::operation_aborted)
            throw;
        log_it(error.what(), exchange.request_id);
    } catch (const std::exception& error) {
        log_it(error.what(), exchange.request_id);
    }
    return error_reply(Error{Errc::Internal, kInternalError}, now, exchange.head.path());
}

std::string Session::request_id(const wire::Head& head)
{
    const auto given = head.header("X-Request-Id");
    const bool usable =
        !given.empty() && given.size() <= 64 && std::all_of(given.begin(), given.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '-' || c == '_' || c == '.';
        });
    if (usable) return std::string(given);
    return state_->request_prefix + std::to_string(state_->next_request++);
}

void Session::record(const Exchange& exchange, unsigned status, std::size_t bytes)
{
    const auto took = state_->clock.tick() - exchange.started;
    const std::string_view pattern =
        exchange.route ? std::string_view(exchange.route->pattern) : std::string_view{};
    // A method that no route has is a word of the client's: not for a label.
    const std::string_view method = exchange.route ? std::string_view(exchange.head.method) : "other";
    if (log::enabled(log::Level::Debug))
        log::debug("request", {{"method", exchange.head.method}, {"path", exchange.head.path()},
                                  {"status", status}, {"took_ms", took.count()}, {"bytes", bytes},
                                  {"remote", connection_->remote}, {"request", exchange.request_id}});
    const auto& options = state_->options;
    if (options.metrics) {
        const auto code = std::to_string(status);
        options.metrics->http_requests.with({method, pattern, code}).Increment();
        options.metrics->http_request_duration.with({method, pattern})
            .Observe(std::chrono::duration<double>(took).count());
    }
    if (options.on_request) options.on_request({method, pattern, status, took, bytes});
}

} // namespace berth::detail
