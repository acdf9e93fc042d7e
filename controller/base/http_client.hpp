#pragma once
// Outgoing HTTP/1.1 over a Unix socket, TCP or TLS. Every call has a deadline and an outcome that can be told apart:
//   a reply (any status), Error{Unavailable} = not done, Error{Timeout} = outcome unknown, Error{Internal} = a reply
//   that breaks the protocol or the limits.

#include "controller/base/async.hpp"
#include "controller/base/http_message.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace berth {

/// Where to connect to.
struct Endpoint {
    enum class Kind { Unix, Tcp, Tls };
    Kind kind = Kind::Tcp;
    std::string host;       ///< name or address, IPv6 without brackets; empty for Unix
    std::uint16_t port = 0; ///< 0 for Unix
    std::string path;       ///< Unix: the socket. Else the path of the URL without a final slash, mostly empty

    /// "unix:///run/x.sock", "http://h[:80]", "https://h[:443]", "tcp://h:2375", "tcp://[::1]:2376". For tcp:// the
    /// caller decides about TLS (`kind`). Throws Error{Invalid}.
    static Endpoint parse(std::string_view text);
    /// For the Host header and for messages: "localhost" for Unix, "host:port" else.
    std::string authority() const;
};

/// The body of a reply as it arrives. Owns its connection, and drops it when destroyed. One reader at a time, on
/// the I/O thread. Errors: Timeout when the connection broke or was silent for too long, Internal for a line or
/// frame over the limit.
class BodyStream {
public:
    virtual ~BodyStream() = default;
    virtual unsigned status() const = 0;
    virtual const Headers& headers() const = 0;
    /// The next line without its end ("\n" or "\r\n"); a last line without an end counts. nullopt: the orderly end.
    awaitable<std::optional<std::string>> read_line();
    /// What has arrived, at least one byte. nullopt: the orderly end.
    awaitable<std::optional<std::string>> read_some();
    /// Exactly `size` bytes; nullopt when the stream ends before the first of them.
    awaitable<std::optional<std::string>> read_exactly(std::size_t size);
    /// The rest, at most `limit` bytes (Error{Internal} when there is more).
    awaitable<std::string> read_all(std::size_t limit);

    /// Longest line that read_line() accepts, in bytes.
    std::size_t max_line = 4 << 20;

protected:
    /// More bytes of the body, at least one; nullopt at the orderly end.
    virtual awaitable<std::optional<std::string>> receive() = 0;

private:
    awaitable<bool> fill();
    std::string buffer_; // received, not yet handed out
    std::size_t scanned_ = 0;
    bool ended_ = false;
};

/// The seam between clients and the network; a test puts a fake behind it.
struct Transport {
    virtual ~Transport() = default;
    virtual awaitable<HttpResponse> send(HttpRequest request) = 0;
    virtual awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) = 0;
    /// For labels of metrics and messages; never a secret.
    virtual std::string host() const = 0;
};

struct TlsOptions {
    std::string ca_file;   ///< PEM; empty: the system's
    std::string cert_file; ///< PEM; empty: no client certificate
    std::string key_file;
    bool verify = true;
};

struct HttpClientOptions {
    Duration connect_timeout = std::chrono::seconds{5}; ///< name lookup, connect and TLS handshake together
    Duration deadline = std::chrono::seconds{30};       ///< of a call that sets none of its own
    std::size_t max_header = 64 << 10;
    std::size_t max_body = 64 << 20; ///< of a plain call; streams are not limited
    std::size_t max_line = 4 << 20;  ///< of streams
    std::size_t max_idle = 8;        ///< connections kept open for reuse
    Duration idle_time = std::chrono::seconds{60};
    TlsOptions tls{};
    Headers headers{}; ///< sent with every request (say Authorization); never logged
};

/// Lives on the I/O thread; outlives its calls, not necessarily its streams. Any number of calls at the same time,
/// each on a connection of its own. A call that fails on a reused connection before anything came back is tried
/// once more on a fresh one when nothing had been sent or the method is GET or HEAD.
class HttpClient final : public Transport {
public:
    HttpClient(Executor executor, Clock& clock, Endpoint endpoint, HttpClientOptions options = {});
    ~HttpClient() override;
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    awaitable<HttpResponse> send(HttpRequest request) override;
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override;
    std::string host() const override { return endpoint_.authority(); }

    /// Closes the connections that wait for reuse.
    void drop_idle();
    std::size_t idle_connections() const noexcept { return idle_.size(); }

    class Connection; // defined in the .cpp

private:
    struct Idle {
        std::unique_ptr<Connection> connection;
        Tick since;
    };
    struct Attempt;
    std::unique_ptr<Connection> take_idle();
    void keep(std::unique_ptr<Connection> connection);
    awaitable<std::unique_ptr<Connection>> connect();
    awaitable<> open(HttpRequest& request, Attempt& attempt);
    awaitable<> request_header(HttpRequest& request, Attempt& attempt);
    awaitable<HttpResponse> exchange(HttpRequest& request, Attempt& attempt);

    Executor executor_;
    Clock& clock_;
    Endpoint endpoint_;
    HttpClientOptions options_;
    std::shared_ptr<void> tls_; // the context, made at the first use
    std::deque<Idle> idle_;     // newest last
};

} // namespace berth
