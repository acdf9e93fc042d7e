#include "controller/base/http_connection.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/system_error.hpp>

namespace berth {

using boost::system::system_error;

/// One try of a request.
struct HttpClient::Attempt {
    std::unique_ptr<Connection> connection;
    std::unique_ptr<Connection::Parser> parser; // its body reader points into it, so it never moves
    bool sent = false;
};

namespace {

/// Names the call in messages: without the query, which may be long.
std::string name_of(const HttpRequest& request) { return request.method + " " + request.target.substr(0, request.target.find('?')); }

bool broken_protocol(const boost::system::error_code& code)
{
    static const auto& category = http::make_error_code(http::error::end_of_stream).category();
    return code.category() == category && code != http::error::end_of_stream && code != http::error::partial_message;
}

/// Called from a catch block: turns what the network says into an outcome. Cancellation passes through.
[[noreturn]] void rethrow(const std::string& what, bool sent)
{
    const char* outcome = sent ? "; whether it was done is not known" : "; it was not done";
    const auto code = sent ? Errc::Timeout : Errc::Unavailable;
    try {
        throw;
    } catch (const system_error& error) {
        if (is_cancelled(error)) throw;
        if (sent && broken_protocol(error.code()))
            throw Error{Errc::Internal, what + ": not a proper HTTP reply: " + error.code().message()};
        throw Error{code, what + ": " + error.code().message() + outcome};
    } catch (const Error& error) {
        if (error.code() == Errc::Timeout) throw Error{code, std::string(error.what()) + outcome};
        throw;
    }
}

bool has_control_character(std::string_view text)
{
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void add_header(http::fields& fields, const Headers& headers)
{
    for (const auto& [name, value] : headers) {
        if (has_control_character(name) || has_control_character(value))
            throw Error{Errc::Invalid, "a header field has a control character"};
        fields.set(name, value);
    }
}

HttpClient::Connection::Message make_message(HttpRequest& request, const Endpoint& endpoint, const Headers& always)
{
    const auto target = (endpoint.kind == Endpoint::Kind::Unix ? "" : endpoint.path) + request.target;
    if (has_control_character(target) || target.find(' ') != std::string::npos || !target.starts_with('/'))
        throw Error{Errc::Invalid, "not a proper request target"};
    HttpClient::Connection::Message message;
    message.version(11);
    message.method_string(request.method);
    message.target(target);
    message.set(http::field::host, endpoint.authority());
    message.set(http::field::user_agent, "berth");
    add_header(message, always);
    add_header(message, request.headers);
    message.body() = request.body; // kept in the request: it may be sent twice
    message.prepare_payload();
    return message;
}

template <class Endpoints>
awaitable<PlainSocket> connect_first(Executor executor, Endpoints endpoints)
{
    boost::system::error_code failure = asio::error::host_not_found;
    for (const auto& endpoint : endpoints) {
        PlainSocket socket{executor};
        co_await socket.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, failure));
        if (failure == asio::error::operation_aborted) break;
        if (failure) continue;
        if (endpoint.protocol().family() != AF_UNIX) socket.set_option(asio::ip::tcp::no_delay{true});
        co_return socket;
    }
    throw system_error{failure};
}

/// A name lookup can't be cancelled, so it is left to end by itself when nobody waits for it any more.
struct Lookup {
    explicit Lookup(const Executor& executor) : resolver(executor), done(executor) {}
    asio::ip::tcp::resolver resolver;
    Signal done;
    bool finished = false;
    boost::system::error_code failure;
    asio::ip::tcp::resolver::results_type results;
};

awaitable<std::vector<asio::generic::stream_protocol::endpoint>> resolve(Executor executor, Endpoint endpoint)
{
    boost::system::error_code not_an_address;
    const auto address = asio::ip::make_address(endpoint.host, not_an_address);
    std::vector<asio::generic::stream_protocol::endpoint> found;
    if (!not_an_address) {
        found.emplace_back(asio::ip::tcp::endpoint{address, endpoint.port});
        co_return found;
    }
    auto lookup = std::make_shared<Lookup>(executor);
    lookup->resolver.async_resolve(endpoint.host, std::to_string(endpoint.port),
        [lookup](const boost::system::error_code& failure, asio::ip::tcp::resolver::results_type results) {
            lookup->failure = failure;
            lookup->results = std::move(results);
            lookup->finished = true;
            lookup->done.notify_all();
        });
    while (!lookup->finished) co_await lookup->done.wait();
    if (lookup->failure) throw system_error{lookup->failure};
    for (const auto& result : lookup->results) found.emplace_back(result.endpoint());
    co_return found;
}

awaitable<PlainSocket> dial(Executor executor, Endpoint endpoint)
{
    std::vector<asio::generic::stream_protocol::endpoint> targets;
    if (endpoint.kind == Endpoint::Kind::Unix)
        targets.emplace_back(asio::local::stream_protocol::endpoint{endpoint.path});
    else
        targets = co_await resolve(executor, std::move(endpoint));
    co_return co_await connect_first(executor, std::move(targets));
}

awaitable<std::unique_ptr<HttpClient::Connection>> connect_to(
    Executor executor, Endpoint endpoint, asio::ssl::context* tls, bool verify)
{
    auto host = endpoint.host;
    auto socket = co_await dial(executor, std::move(endpoint));
    if (!tls) co_return make_plain_connection(std::move(socket));
    co_return co_await make_tls_connection(std::move(socket), *tls, std::move(host), verify);
}

Headers headers_of(const http::fields& fields)
{
    Headers headers;
    for (const auto& field : fields) headers.add(std::string(field.name_string()), std::string(field.value()));
    return headers;
}

/// A reply whose body is still coming.
class NetworkBody final : public BodyStream {
public:
    NetworkBody(Clock& clock, std::unique_ptr<HttpClient::Connection> connection,
        std::unique_ptr<HttpClient::Connection::Parser> parser, std::string what, std::optional<Duration> idle)
        : clock_(clock), connection_(std::move(connection)), parser_(std::move(parser)), what_(std::move(what)),
          idle_(idle), headers_(headers_of(parser_->get().base()))
    {
    }

    unsigned status() const override { return parser_->get().result_int(); }
    const Headers& headers() const override { return headers_; }

protected:
    awaitable<std::optional<std::string>> receive() override
    {
        try {
            auto more = connection_->read_some(*parser_);
            if (idle_) co_return co_await with_timeout(clock_, *idle_, std::move(more), what_);
            co_return co_await std::move(more);
        } catch (...) {
            rethrow(what_, true);
        }
    }

private:
    Clock& clock_;
    std::unique_ptr<HttpClient::Connection> connection_;
    std::unique_ptr<HttpClient::Connection::Parser> parser_;
    std::string what_;
    std::optional<Duration> idle_;
    Headers headers_;
};

} // namespace

HttpClient::HttpClient(Executor executor, Clock& clock, Endpoint endpoint, HttpClientOptions options)
    : executor_(std::move(executor)), clock_(clock), endpoint_(std::move(endpoint)), options_(std::move(options))
{
}

HttpClient::~HttpClient() = default;

void HttpClient::drop_idle() { idle_.clear(); }

std::unique_ptr<HttpClient::Connection> HttpClient::take_idle()
{
    while (!idle_.empty()) {
        auto idle = std::move(idle_.back());
        idle_.pop_back();
        if (clock_.tick() - idle.since > options_.idle_time) idle_.clear(); // the others are older still
        else if (idle.connection->quiet()) return std::move(idle.connection);
    }
    return nullptr;
}

void HttpClient::keep(std::unique_ptr<Connection> connection)
{
    idle_.push_back({std::move(connection), clock_.tick()});
    if (idle_.size() > options_.max_idle) idle_.pop_front();
}

awaitable<std::unique_ptr<HttpClient::Connection>> HttpClient::connect()
{
    if (endpoint_.kind == Endpoint::Kind::Tls && !tls_) tls_ = make_tls_context(options_.tls);
    auto* tls = static_cast<asio::ssl::context*>(tls_.get());
    co_return co_await with_timeout(clock_, options_.connect_timeout,
        connect_to(executor_, endpoint_, tls, options_.tls.verify), "connecting to " + host());
}

/// Sends the request and reads the header of the reply, on the attempt's connection.
awaitable<> HttpClient::open(HttpRequest& request, Attempt& attempt)
{
    const auto message = make_message(request, endpoint_, options_.headers);
    co_await attempt.connection->write(message, attempt.sent);
    do {
        attempt.parser = std::make_unique<Connection::Parser>();
        attempt.parser->header_limit(static_cast<std::uint32_t>(options_.max_header));
        attempt.parser->body_limit(boost::none);
        attempt.parser->skip(request.method == "HEAD");
        co_await attempt.connection->read_header(*attempt.parser);
    } while (attempt.parser->get().result_int() / 100 == 1 && attempt.parser->get().result_int() != 101);
}

awaitable<> HttpClient::request_header(HttpRequest& request, Attempt& attempt)
{
    const bool harmless = request.method == "GET" || request.method == "HEAD";
    attempt.connection = take_idle();
    if (attempt.connection) {
        try {
            co_await open(request, attempt);
            co_return;
        } catch (const system_error& error) {
            // The server may have closed the idle connection at the same moment.
            const bool answered = attempt.parser && attempt.parser->got_some();
            if (is_cancelled(error) || answered || (attempt.sent && !harmless)) throw;
        }
        attempt.parser.reset();
        attempt.sent = false;
    }
    attempt.connection = co_await connect();
    co_await open(request, attempt);
}

awaitable<HttpResponse> HttpClient::exchange(HttpRequest& request, Attempt& attempt)
{
    co_await request_header(request, attempt);
    HttpResponse response;
    response.status = attempt.parser->get().result_int();
    response.headers = headers_of(attempt.parser->get().base());
    while (auto piece = co_await attempt.connection->read_some(*attempt.parser)) {
        response.body += *piece;
        if (response.body.size() > options_.max_body)
            throw Error{Errc::Internal,
                name_of(request) + ": the reply is larger than " + std::to_string(options_.max_body) + " bytes"};
    }
    if (attempt.parser->get().keep_alive()) keep(std::move(attempt.connection));
    co_return response;
}

awaitable<HttpResponse> HttpClient::send(HttpRequest request)
{
    Attempt attempt;
    const auto what = name_of(request);
    try {
        co_return co_await with_timeout(
            clock_, request.deadline.value_or(options_.deadline), exchange(request, attempt), what);
    } catch (...) {
        rethrow(what, attempt.sent);
    }
}

awaitable<std::unique_ptr<BodyStream>> HttpClient::stream(HttpRequest request)
{
    Attempt attempt;
    const auto what = name_of(request);
    try {
        co_await with_timeout(
            clock_, request.deadline.value_or(options_.deadline), request_header(request, attempt), what);
    } catch (...) {
        rethrow(what, attempt.sent);
    }
    auto body = std::make_unique<NetworkBody>(
        clock_, std::move(attempt.connection), std::move(attempt.parser), what, request.idle);
    body->max_line = options_.max_line;
    co_return body;
}

} // namespace berth
