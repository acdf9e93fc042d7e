#include "api/http/server.hpp"

#include "api/http/session.hpp"
#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "metrics/metrics.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

namespace berth {

namespace detail {

namespace {
/// How exactly deadlines are kept.
constexpr Duration kDeadlineGrain{500};
} // namespace

ServerState::ServerState(Executor executor, Clock& the_clock, const Router& table, const Authenticator& keys,
    ServerOptions settings)
    : io(std::move(executor)),
      clock(the_clock),
      router(table),
      authenticator(keys),
      options(std::move(settings)),
      acceptor(io),
      tasks(io),
      housekeeping(io),
      limiter(options.rate_limit_per_minute),
      failures(options.rate_limit_per_minute),
      request_prefix(random_text(6) + "-")
{}

std::string_view ServerState::date()
{
    const auto now = std::chrono::floor<std::chrono::seconds>(clock.now());
    if (date_.empty() || now != date_of_) {
        date_of_ = now;
        date_ = wire::http_date(now);
    }
    return date_;
}

namespace {
/// Owns the session for as long as it runs; a broken connection is its ordinary end.
awaitable<> run_session(std::unique_ptr<Session> session)
{
    try {
        co_await session->run();
    } catch (const boost::system::system_error& error) {
        log::debug("connection ended", {{"error", error.what()}});
    }
}
} // namespace

} // namespace detail

using boost::asio::ip::tcp;

Server::Server(Executor io, Clock& clock, const Router& router, const Authenticator& authenticator,
    ServerOptions options)
    : state_(std::make_shared<detail::ServerState>(
          std::move(io), clock, router, authenticator, std::move(options)))
{}

Server::~Server() = default;

void Server::listen()
{
    const auto& options = state_->options;
    boost::system::error_code failure;
    const auto address = asio::ip::make_address(options.address, failure);
    if (failure) throw Error{Errc::Invalid, "LISTEN_ADDRESS is not an IP address: " + options.address};
    const tcp::endpoint endpoint{address, options.port};
    auto& acceptor = state_->acceptor;
    acceptor.open(endpoint.protocol(), failure);
    if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure) acceptor.bind(endpoint, failure);
    if (!failure) acceptor.listen(asio::socket_base::max_listen_connections, failure);
    if (failure)
        throw Error{Errc::Unavailable, "can't listen on " + options.address + " port " +
                                           std::to_string(options.port) + ": " + failure.message()};
}

unsigned short Server::port() const { return state_->acceptor.local_endpoint().port(); }

std::size_t Server::connections() const noexcept { return state_->sessions.size(); }

awaitable<> Server::run()
{
    auto state = state_; // outlives this object if it is destroyed first
    if (!state->acceptor.is_open()) listen();
    state->housekeeping.spawn("http deadlines", watch_deadlines());
    bool said = false;
    while (!state->draining) {
        tcp::socket socket{state->io};
        boost::system::error_code failure;
        co_await state->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, failure));
        if (state->draining) break;
        if (!failure) {
            said = false;
            take(std::move(socket));
        } else if (failure == asio::error::operation_aborted) {
            co_await detail::throw_if_cancelled();
        } else {
            // Out of file descriptors, most likely: the pending connection would be offered again at once.
            if (!std::exchange(said, true))
                log::warning("can't accept a connection", {{"error", failure.message()}});
            co_await state->clock.sleep(Duration{100});
        }
    }
}

void Server::take(tcp::socket socket)
{
    const auto& options = state_->options;
    boost::system::error_code failure;
    const auto peer = socket.remote_endpoint(failure);
    if (failure) return;
    auto remote = peer.address().to_string();
    const auto same = state_->per_address.find(remote);
    const bool full = state_->sessions.size() >= options.max_connections;
    if (full || (same != state_->per_address.end() && same->second >= options.max_per_address)) {
        if (options.metrics)
            options.metrics->http_rejected.with({full ? "connections" : "connections_per_address"})
                .Increment();
        return; // closes it
    }
    socket.set_option(tcp::no_delay(true), failure);
    auto session = std::make_unique<detail::Session>(state_, std::move(socket), std::move(remote));
    state_->tasks.spawn("http session", detail::run_session(std::move(session)));
}

awaitable<> Server::watch_deadlines()
{
    auto state = state_;
    for (;;) {
        co_await state->clock.sleep(detail::kDeadlineGrain);
        const auto now = state->clock.tick();
        for (auto* session : state->sessions) session->check_deadline(now);
    }
}

awaitable<> Server::stop()
{
    auto state = state_;
    state->draining = true;
    boost::system::error_code ignored;
    state->acceptor.close(ignored);
    for (auto* session : state->sessions) session->drain();
    bool late = false;
    try {
        co_await with_timeout(state->clock, state->options.drain, state->tasks.join());
    } catch (const Error&) {
        late = true;
    }
    if (late) log::warning("connections cut at the end of the drain", {{"count", state->sessions.size()}});
    state->tasks.cancel();
    co_await state->tasks.join();
    state->housekeeping.cancel();
    co_await state->housekeeping.join();
}

} // namespace berth
