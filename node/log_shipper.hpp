#pragma once
// Follows the output of the workspaces' containers on this node and sends it to berthd.

#include "controller/base/http_client.hpp"
#include "node/inventory.hpp"
#include "node/log_lines.hpp"

#include <memory>
#include <set>

namespace berth {

/// Lives on the I/O thread; start it in a task group that ends before it is destroyed. Bounded in everything:
/// lines that wait are few (the oldest are dropped and counted), and a container that writes faster than they
/// are sent is read more slowly; its program never waits for us. Sends again after a restart of either side,
/// and berthd skips what it knows.
class LogShipper {
public:
    LogShipper(Executor executor, Clock& clock, docker::Client& docker, Transport& api);

    void start(TaskGroup& group);
    /// The node's containers were looked at.
    void look(const std::map<std::string, LocalParts>& all);
    std::size_t following() const noexcept { return tails_.size(); }

private:
    struct Tail {
        explicit Tail(const Executor& executor) : wake(executor), room(executor) {}
        std::string target;
        std::string container;
        std::int64_t incarnation = 0;
        LogQueue queue;
        std::string read_until;
        std::size_t unsent = 0; ///< bytes read since something was sent
        bool ended = false;     ///< nothing more will be read
        bool refused = false;   ///< berthd wants nothing of it
        bool ask = false;       ///< whether berthd still has what was sent
        Signal wake;            ///< of the sender
        Signal room;            ///< of the reader
    };
    using TailPtr = std::shared_ptr<Tail>;

    void add(const LocalParts& parts);
    awaitable<> read(TailPtr tail);
    awaitable<> read_stream(TailPtr tail);
    awaitable<> send(TailPtr tail);
    awaitable<bool> send_batch(TailPtr tail);
    awaitable<> again(TailPtr tail);
    awaitable<> post(TailPtr tail, const LogBatch& batch);
    awaitable<> watch_berthd();
    awaitable<std::int64_t> uptime();

    Executor executor_;
    Clock& clock_;
    docker::Client& docker_;
    Transport& api_;
    TaskGroup* group_ = nullptr;
    std::map<std::string, TailPtr> tails_; ///< by container
    std::set<std::string> done_;           ///< containers whose output berthd has whole
};

} // namespace berth
