#pragma once
// berthd as a process: the store, the sockets to Docker and the proxy, the server, and Berthd between them; starts and
// stops them in order.

#include "api/http/auth.hpp"
#include "controller/base/async.hpp"
#include "controller/config.hpp"
#include "metrics/metrics.hpp"
#include "storage/store.hpp"

#include <memory>

namespace berth {

/// Where the parts run: `io` owns all state, `db` is RocksDB's one thread, `work` is for what blocks.
struct Executors {
    Executor io;
    Executor db;
    Executor work;
};

/// Owned by main; lives on the I/O thread. The API answers from the start, also while Docker is away: it only
/// records what is wanted.
class App {
public:
    App(Executors executors, Config config, std::vector<ConfiguredKey> keys);
    App(const App&) = delete;
    App& operator=(const App&) = delete;
    ~App();

    /// Returns after stop(), when nothing of it runs any more. Throws Error when it can't start: the store is in
    /// use, the port is taken.
    awaitable<> run();
    /// Idempotent. New requests are refused, running ones and running reconciliations finish within their grace.
    void stop();

private:
    struct Parts;
    awaitable<> open_store();
    awaitable<> close();

    Executors executors_;
    Config config_;
    std::vector<ConfiguredKey> keys_;
    SystemClock clock_;
    Metrics metrics_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Parts> parts_;
    Signal stopped_;
    bool stopping_ = false;
};

} // namespace berth
