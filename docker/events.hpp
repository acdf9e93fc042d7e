#pragma once
// The engine's event stream, kept alive. An event only says where to look; what is true is read afterwards.

#include "controller/base/async.hpp"
#include "docker/client.hpp"

#include <deque>
#include <set>
#include <string>

namespace berth::docker {

/// A reason to look. `resync`: anything may have happened (a fresh connection, lost events); `event` is then empty.
struct Hint {
    bool resync = false;
    Event event{};
};

struct EventStreamOptions {
    Filters filters{}; ///< say {"type", {"service", "node", "network"}}
    /// How often the stream is checked on a second connection: does the engine answer, and has every event that it
    /// remembers from the last period come through the stream? A half-open stream is noticed within
    /// check_interval + check_deadline.
    Duration check_interval = std::chrono::seconds{5};
    Duration check_deadline = std::chrono::seconds{5};
    Duration backoff_min = std::chrono::milliseconds{100};
    Duration backoff_max = std::chrono::seconds{5};
    std::size_t max_queue = 1024; ///< hints that nobody took; more become one resync
};

/// Owned next to its Client, on the I/O thread. Spawn run() in a task group; take hints with next(). Events may be lost
/// or doubled; after a loss that can be noticed there is a resync. The first hint of every connection is a resync.
class EventStream {
public:
    EventStream(Executor executor, Clock& clock, Client& client, EventStreamOptions options = {});

    /// Connects, reads, checks and reconnects until it is cancelled.
    awaitable<> run();
    /// Waits for the next hint.
    awaitable<Hint> next();
    bool connected() const noexcept { return connected_; }
    /// How often it was connected, for metrics.
    std::uint64_t connections() const noexcept { return connections_; }

private:
    awaitable<> connection();
    awaitable<> read(BodyStream& body);
    awaitable<> check();
    awaitable<> check_once();
    void push(Hint hint);
    void remember(const Event& event);

    Clock& clock_;
    Client& client_;
    EventStreamOptions options_;
    Signal arrived_;
    std::deque<Hint> queue_;
    std::deque<std::int64_t> seen_order_;
    std::set<std::int64_t> seen_; // timeNano of recent events: unique enough within one engine
    std::int64_t checked_until_ = 0;
    bool connected_ = false;
    std::uint64_t connections_ = 0;
};

} // namespace berth::docker
