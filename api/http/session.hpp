#pragma once
// One TCP connection of the server, and what all of them share. Internal to api/http.

#include "api/http/rate_limit.hpp"
#include "api/http/server.hpp"
#include "api/http/wire.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <set>
#include <unordered_map>

namespace berth::detail {

using boost::asio::ip::tcp;
class Session;

struct ServerState {
    ServerState(Executor io, Clock& clock, const Router& router, const Authenticator& authenticator,
        ServerOptions options);

    Executor io;
    Clock& clock;
    const Router& router;
    const Authenticator& authenticator;
    ServerOptions options;
    tcp::acceptor acceptor;
    TaskGroup tasks;        ///< sessions
    TaskGroup housekeeping; ///< the deadline watch
    std::set<Session*> sessions;
    std::unordered_map<std::string, std::size_t> per_address;
    RateLimiter limiter;
    FailureGuard failures;
    bool draining = false;
    std::uint64_t next_connection = 1;
    std::uint64_t next_request = 1;
    std::string request_prefix; ///< of request ids, different in each process

    std::string_view date(); ///< for the Date header, made once per second

private:
    std::string date_;
    Time date_of_{};
};

/// Lives in ServerState::tasks; I/O thread.
class Session {
public:
    Session(std::shared_ptr<ServerState> state, tcp::socket socket, std::string remote);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// Answers requests until the connection ends.
    awaitable<> run();
    /// Ends what is pending when its deadline has passed. Called by the deadline watch.
    void check_deadline(Tick now);
    /// Ends an idle connection, a stream or a long poll; a running request goes on and is the last one.
    void drain();

private:
    friend class ChunkedStream;
    enum class Activity { Idle, Reading, Answering, Waiting, Writing };
    /// What is known of the request at hand.
    struct Exchange {
        wire::Head head;
        Tick started{};
        const Route* route = nullptr;
        std::string request_id;
        std::optional<RateDecision> rate; ///< of the key, for the answer's headers
        bool body_read = false;
    };

    awaitable<bool> serve_one();
    awaitable<bool> read_head(Exchange& exchange);
    awaitable<bool> refuse_head(Exchange& exchange, std::exception_ptr failure);
    awaitable<Reply> answer(Exchange& exchange);
    const Route& admit(Exchange& exchange, Call& call);
    void check_access(const Route& route, Exchange& exchange, Call& call);
    void identify(const Exchange& exchange, Call& call);
    void check_body(const Route& route, const wire::Head& head);
    awaitable<> read_body(Exchange& exchange, std::size_t limit, std::string& body);
    awaitable<bool> skip_body(Exchange& exchange);
    awaitable<Reply> wait_for(awaitable<Reply> work);
    awaitable<bool> send(Exchange& exchange, Reply reply);
    awaitable<bool> send_stream(Exchange& exchange, Reply reply, HeaderList headers);
    awaitable<HeaderList> finish_headers(Exchange& exchange, Reply& reply, bool keep_alive);
    awaitable<> compress(const wire::Head& head, Reply& reply);
    awaitable<> linger();

    /// False when the peer has closed its side or the connection is broken.
    awaitable<bool> read_some();
    awaitable<bool> write_all(std::string_view head, std::string_view body);
    awaitable<> client_gone();
    awaitable<> drain_called();
    void deadline_in(Duration limit);
    void no_deadline() { deadline_ = Tick::max(); }
    std::string_view buffered() const;
    Reply reply_of(const std::exception_ptr& failure, const Exchange& exchange);
    std::string request_id(const wire::Head& head);
    void record(const Exchange& exchange, unsigned status, std::size_t bytes);

    std::shared_ptr<ServerState> state_;
    tcp::socket socket_;
    std::shared_ptr<ConnectionState> connection_;
    boost::beast::flat_buffer buffer_;
    Signal drain_;
    Activity activity_ = Activity::Idle;
    Tick deadline_ = Tick::max();
    bool expired_ = false;
    bool broken_ = false; ///< a write failed or was cut: nothing more can be said
    std::string accepted_; ///< name of the key that this connection used last
};

} // namespace berth::detail
