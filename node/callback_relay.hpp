#pragma once
// The one way from inside a workspace to its agent: a Unix socket in the control volume that takes the
// monitor's report (POST /callback, the workspace's own token as bearer, {"reason"}) and nothing else. The
// network stays closed (W33). Whoever connects is a tenant: sizes and times are bounded, and one is served at
// a time.

#include "controller/base/async.hpp"
#include "node/fd.hpp"

#include <functional>
#include <string>

#include <boost/asio/local/stream_protocol.hpp>

namespace berth {

/// Name in the control volume.
inline constexpr const char* kRelaySocket = "agent.sock";

struct RelayRequest {
    std::string token;
    std::string body; ///< as sent: berthd checks it
};

struct RelayAnswer {
    unsigned status = 200;
    std::string body; ///< JSON
};

/// Lives on the I/O thread.
class CallbackRelay {
public:
    using Handler = std::function<awaitable<RelayAnswer>(RelayRequest)>;

    /// Makes the socket in `folder` (a control volume: only we can write there), in place of an old one.
    /// Throws Error.
    CallbackRelay(Executor executor, Clock& clock, const std::string& folder, Handler handler);

    /// Serves whoever comes within `limit`, then returns. Throws only when cancelled or when the socket is
    /// broken.
    awaitable<> serve(Duration limit);

private:
    using Stream = boost::asio::local::stream_protocol::socket;
    awaitable<bool> accept(Stream& stream, Duration limit);
    awaitable<> talk(Stream stream);

    Clock& clock_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    Handler handler_;
};

} // namespace berth
