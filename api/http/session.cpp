#include "api/http/session.hpp"

#include "controller/base/log.hpp"
#include "metrics/metrics.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

namespace berth::detail {

namespace {
constexpr std::size_t kReadSize = 16 * 1024;
/// So much of a body that nobody wants is read to keep the connection.
constexpr std::size_t kSkipBody = 64 * 1024;
constexpr Duration kLinger{2'000};
} // namespace

// ---------------------------------------------------------------------------------------------- life

Session::Session(std::shared_ptr<ServerState> state, tcp::socket socket, std::string remote)
    : state_(std::move(state)),
      socket_(std::move(socket)),
      connection_(std::make_shared<ConnectionState>()),
      buffer_(state_->options.header_limit + 2 * kReadSize),
      drain_(state_->io)
{
    connection_->id = state_->next_connection++;
    connection_->remote = std::move(remote);
    state_->sessions.insert(this);
    ++state_->per_address[connection_->remote];
    if (state_->options.metrics) state_->options.metrics->http_connections->Increment();
    deadline_in(state_->options.header_timeout);
}

Session::~Session()
{
    state_->sessions.erase(this);
    const auto count = state_->per_address.find(connection_->remote);
    if (--count->second == 0) state_->per_address.erase(count);
    if (state_->options.metrics) state_->options.metrics->http_connections->Decrement();
}

awaitable<> Session::run()
{
    while (co_await serve_one()) {
    }
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.close(ignored);
}

void Session::check_deadline(Tick now)
{
    if (now < deadline_) return;
    expired_ = true;
    no_deadline();
    boost::system::error_code ignored;
    socket_.cancel(ignored);
}

void Session::drain()
{
    boost::system::error_code ignored;
    if (activity_ == Activity::Idle)
        socket_.cancel(ignored);
    else
        drain_.notify_all();
}

void Session::deadline_in(Duration limit) { deadline_ = state_->clock.tick() + limit; }

std::string_view Session::buffered() const
{
    const auto data = buffer_.data();
    return {static_cast<const char*>(data.data()), data.size()};
}

// ---------------------------------------------------------------------------------------------- bytes

awaitable<bool> Session::read_some()
{
    boost::system::error_code failure;
    const auto space = buffer_.prepare(std::min(kReadSize, buffer_.max_size() - buffer_.size()));
    const auto size =
        co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, failure));
    buffer_.commit(size);
    co_return !failure;
}

awaitable<bool> Session::write_all(std::string_view head, std::string_view body)
{
    // A big answer to a slow but living reader may take as long as the floor rate allows.
    deadline_in(state_->options.write_timeout +
                std::chrono::seconds(
                    (head.size() + body.size()) / std::max<std::size_t>(1, state_->options.body_floor)));
    boost::system::error_code failure;
    const std::array<asio::const_buffer, 2> pieces{asio::buffer(head), asio::buffer(body)};
    broken_ = true; // until it is known to be whole: a cancellation throws out of the wait
    co_await asio::async_write(socket_, pieces, asio::redirect_error(asio::use_awaitable, failure));
    no_deadline();
    broken_ = static_cast<bool>(failure);
    co_return !broken_;
}

/// A close with unread input would make the kernel discard our answer on its way: read a little first.
awaitable<> Session::linger()
{
    if (broken_) co_return;
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    deadline_in(kLinger);
    for (std::size_t seen = 0; seen < (1 << 20); seen += buffer_.size()) {
        buffer_.consume(buffer_.size());
        if (!co_await read_some()) break;
    }
    no_deadline();
}

/// Returns when the client has closed its side. What it sends meanwhile is kept for the next request.
awaitable<> Session::client_gone()
{
    while (buffer_.size() < state_->options.header_limit)
        if (!co_await read_some()) co_return;
    Signal never{state_->io};
    co_await never.wait();
}

awaitable<> Session::drain_called()
{
    while (!state_->draining) co_await drain_.wait();
}

// ---------------------------------------------------------------------------------------------- one request

awaitable<bool> Session::serve_one()
{
    Exchange exchange;
    std::exception_ptr failure;
    bool complete = false;
    try {
        complete = co_await read_head(exchange);
    } catch (const Error&) {
        failure = std::current_exception();
    }
    if (failure) co_return co_await refuse_head(exchange, failure);
    if (!complete) co_return false;

    no_deadline();
    activity_ = Activity::Answering;
    exchange.started = state_->clock.tick();
    exchange.request_id = request_id(exchange.head);
    auto reply = co_await answer(exchange);
    if (reply.status == 401) state_->failures.failed(connection_->remote, exchange.started);
    if (!co_await send(exchange, std::move(reply))) co_return false;
    co_return !state_->draining;
}

/// False when the connection ended before there was a request. Throws Error for one that can't be understood.
awaitable<bool> Session::read_head(Exchange& exchange)
{
    const auto& options = state_->options;
    std::size_t searched = 0;
    bool first_byte = false;
    for (;;) {
        while (buffered().starts_with("\r\n") && !first_byte) buffer_.consume(2); // RFC 9112 2.2
        if (!first_byte && buffer_.size() > 0 && buffered() != "\r") {
            first_byte = true;
            activity_ = Activity::Reading;
            deadline_in(options.header_timeout);
        }
        const auto end = wire::find_head_end(buffered(), searched);
        if (end != std::string_view::npos && end <= options.header_limit) {
            exchange.head = wire::parse_head(buffered().substr(0, end));
            buffer_.consume(end);
            co_return true;
        }
        if (buffer_.size() > options.header_limit) {
            if (buffered().substr(0, options.header_limit).find('\n') == std::string_view::npos)
                throw HttpError{414, "URI_TOO_LONG", "the request line is too long"};
            throw HttpError{431, "HEADERS_TOO_LARGE",
                "the headers are larger than " + std::to_string(options.header_limit) + " bytes"};
        }
        searched = buffer_.size();
        if (state_->draining && !first_byte) co_return false;
        if (co_await read_some()) continue;
        if (expired_ && first_byte)
            throw HttpError{408, "REQUEST_TIMEOUT", "the headers did not arrive in time"};
        co_return false;
    }
}

awaitable<bool> Session::refuse_head(Exchange& exchange, std::exception_ptr failure)
{
    expired_ = false;
    exchange.started = state_->clock.tick();
    exchange.request_id = request_id({});
    exchange.head.keep_alive = false;
    exchange.head.target = "/";
    exchange.body_read = true;
    co_await send(exchange, reply_of(failure, exchange));
    if (state_->options.metrics) state_->options.metrics->http_rejected.with({"malformed"}).Increment();
    co_await linger();
    co_return false;
}

awaitable<Reply> Session::answer(Exchange& exchange)
{
    std::exception_ptr failure;
    try {
        Call call;
        const auto& route = admit(exchange, call);
        if (exchange.head.has_body()) co_await read_body(exchange, route.doc.max_body, call.body);
        exchange.body_read = true;
        if (state_->options.metrics) state_->options.metrics->http_requests_in_flight->Increment();
        const std::shared_ptr<void> leave{
            nullptr, [state = state_](void*) {
                if (state->options.metrics) state->options.metrics->http_requests_in_flight->Decrement();
            }};
        auto work = route.handler(std::move(call));
        if (route.doc.long_poll) co_return co_await wait_for(std::move(work));
        co_return co_await std::move(work);
    } catch (...) {
        failure = std::current_exception();
    }
    co_return reply_of(failure, exchange);
}

/// Everything that can be said before the body is read.
const Route& Session::admit(Exchange& exchange, Call& call)
{
    auto& head = exchange.head;
    if (head.target.size() > state_->options.target_limit)
        throw HttpError{414, "URI_TOO_LONG",
            "the request target is longer than " + std::to_string(state_->options.target_limit) + " bytes"};
    auto match = state_->router.find(head.method, head.path());
    if (!match) throw Error{Errc::NotFound, "there is nothing at this path"};
    if (!match->route)
        throw HttpError{
            405, "METHOD_NOT_ALLOWED", "this path knows " + match->allow, {{"Allow", match->allow}}};
    const auto& route = *match->route;
    exchange.route = &route;
    check_access(route, exchange, call);
    check_body(route, head);
    Router::read_query(route, head.query(), call);
    for (std::size_t i = 0; i < match->values.size(); ++i)
        call.path_params[route.param_names[i]] = std::move(match->values[i]);
    call.method = head.method == "HEAD" ? "GET" : head.method;
    call.path = std::string(head.path());
    call.headers = head.fields;
    call.remote = connection_->remote;
    call.request_id = exchange.request_id;
    call.connection = connection_;
    return route;
}

void Session::check_access(const Route& route, Exchange& exchange, Call& call)
{
    const bool presented = !exchange.head.header("Authorization").empty();
    if (presented || !route.doc.open) identify(exchange, call);
    if (!route.doc.open && call.principal.anonymous())
        throw HttpError{401, "AUTHENTICATION_FAILED", "authentication failed"};
    exchange.rate = state_->limiter.take(call.principal, exchange.started);
    if (exchange.rate && !exchange.rate->allowed)
        throw HttpError{429, "RATE_LIMITED", "too many requests with this key",
            {{"Retry-After", retry_seconds(exchange.rate->retry)}}};
    if (!route.allows(call.principal)) throw Error{Errc::Denied, "this key may not do that"};
}

/// The key is always looked up, also for an address that is not told the outcome: the time says nothing either.
void Session::identify(const Exchange& exchange, Call& call)
{
    auto principal = state_->authenticator.authenticate(exchange.head.header("Authorization"));
    const std::string name = principal ? principal->name : "";
    const auto& remote = connection_->remote;
    if (const auto wait = state_->failures.refusal(remote, name, exchange.started))
        throw HttpError{429, "RATE_LIMITED", "too many failed authentications from this address",
            {{"Retry-After", retry_seconds(*wait)}}};
    if (!principal) return;
    if (name != accepted_) state_->failures.succeeded(remote, name, exchange.started);
    accepted_ = name;
    call.principal = std::move(*principal);
}

void Session::check_body(const Route& route, const wire::Head& head)
{
    if (!head.has_body()) return;
    auto type = head.header("Content-Type");
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    const auto same = [type](const std::string& accepted) {
        return boost::beast::iequals(accepted, {type.data(), type.size()});
    };
    if (std::none_of(route.doc.accepts.begin(), route.doc.accepts.end(), same)) {
        std::string expected;
        for (const auto& accepted : route.doc.accepts)
            expected += (expected.empty() ? "" : " or ") + accepted;
        throw HttpError{
            415, "UNSUPPORTED_MEDIA_TYPE", "expected Content-Type " + expected, {{"Accept", expected}}};
    }
    if (!head.header("Content-Encoding").empty())
        throw HttpError{415, "UNSUPPORTED_MEDIA_TYPE", "compressed bodies are not understood"};
    if (head.length.value_or(0) > route.doc.max_body) wire::too_large(route.doc.max_body);
}

awaitable<> Session::read_body(Exchange& exchange, std::size_t limit, std::string& body)
{
    const auto& options = state_->options;
    if (exchange.head.expects_continue && buffer_.size() == 0) {
        constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!co_await write_all(kContinue, {}))
            throw boost::system::system_error{asio::error::connection_reset};
    }
    wire::ChunkDecoder chunks{limit};
    const auto length = exchange.head.length.value_or(0);
    const auto begun = state_->clock.tick();
    std::size_t received = 0;
    activity_ = Activity::Reading;
    for (;;) {
        std::size_t used = 0;
        if (exchange.head.chunked) {
            used = chunks.feed(buffered(), body);
        } else {
            used = std::min<std::size_t>(length - body.size(), buffer_.size());
            body.append(buffered().substr(0, used));
        }
        buffer_.consume(used);
        received += used;
        if (exchange.head.chunked ? chunks.done() : body.size() == length) break;
        deadline_ = begun + options.body_grace +
                    Duration(received * 1000 / std::max<std::size_t>(1, options.body_floor));
        if (co_await read_some()) continue;
        if (!expired_) throw boost::system::system_error{asio::error::connection_reset};
        expired_ = false;
        throw HttpError{408, "REQUEST_TIMEOUT", "the body did not arrive in time"};
    }
    no_deadline();
    activity_ = Activity::Answering;
}

/// After a refusal: true when the body is out of the way and the connection can go on.
awaitable<bool> Session::skip_body(Exchange& exchange)
{
    auto& head = exchange.head;
    if (exchange.body_read || !head.has_body()) co_return true;
    if (head.chunked || *head.length > kSkipBody || head.expects_continue) co_return false;
    std::size_t left = *head.length;
    deadline_in(kLinger);
    for (;;) {
        const auto used = std::min(left, buffer_.size());
        buffer_.consume(used);
        left -= used;
        if (left == 0) break;
        if (!co_await read_some()) co_return false;
    }
    no_deadline();
    co_return true;
}

/// A handler that may wait for long: cancelled when the client goes away or the server drains.
awaitable<Reply> Session::wait_for(awaitable<Reply> work)
{
    activity_ = Activity::Waiting;
    auto [order, failure, reply, gone_failure, drain_failure] =
        co_await asio::experimental::make_parallel_group(
            asio::co_spawn(state_->io, std::move(work), asio::deferred),
            asio::co_spawn(state_->io, client_gone(), asio::deferred),
            asio::co_spawn(state_->io, drain_called(), asio::deferred))
            .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    co_await throw_if_cancelled();
    activity_ = Activity::Answering;
    if (order[0] == 1) throw boost::system::system_error{asio::error::connection_reset};
    if (order[0] == 2) throw Error{Errc::Unavailable, "the server is stopping"};
    if (failure) std::rethrow_exception(failure);
    co_return std::move(reply);
}

} // namespace berth::detail
