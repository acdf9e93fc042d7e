#pragma once
// Owns the controllers: starts them in order, wakes them, and stops them without cutting a run in half.

#include "controller/runtime/controller.hpp"

#include <memory>

namespace berth {

struct ManagerOptions {
    Duration grace{10'000}; ///< what running keys get to finish after stop(), before they are cancelled
};

/// run(): first the sources (it runs Observed itself and waits for its first relist), then everything stored
/// is queued as background work, then the workers start. stop(): the queues close, running keys finish within
/// the grace period, then they are cancelled; the sources end last. All on the I/O thread. Add every
/// controller before run(); the manager outlives run().
class Manager {
public:
    Manager(Store& store, docker::Observed& observed, Clock& clock, Metrics& metrics, Executor executor,
        ManagerOptions options = {});
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;
    ~Manager();

    /// A kind with a reconciler. The reconciler belongs to the caller.
    template <Kind K, Reconciler<K> R> void add(R& reconciler, ControllerOptions options = {})
    {
        auto controller = std::make_shared<Controller<K, R>>(reconciler, parts_, std::move(options));
        add_core(std::shared_ptr<ControllerCore>(controller, &controller->core()));
        kinds_.push_back(K::kind());
    }
    /// A kind without behaviour.
    template <Kind K> void add() { kinds_.push_back(K::kind()); }
    /// Work of the install as a whole, every so often from the moment that Docker has been observed. An error
    /// is logged and the next round comes as usual.
    void every(std::string name, Duration period, std::function<awaitable<>()> work);

    /// Returns after stop() when nothing of it runs any more. Cancelled from outside: the same without grace.
    awaitable<> run();
    void stop();

    /// The workers are running: what is stored and what is in Docker are both known.
    bool started() const noexcept { return started_; }
    const std::vector<KindInfo>& kinds() const noexcept { return kinds_; }
    ControllerCore* controller(std::string_view name) const;

private:
    struct Periodic {
        std::string name;
        Duration period;
        std::function<awaitable<>()> work;
    };
    void add_core(std::shared_ptr<ControllerCore> core);
    awaitable<> start_and_wait();
    awaitable<> wait_for_docker();
    awaitable<> repeat(Periodic periodic);
    awaitable<> pause(Duration duration);
    awaitable<> finish(bool cancelled);

    RuntimeParts parts_;
    docker::Observed& observed_;
    ManagerOptions options_;
    std::vector<std::shared_ptr<ControllerCore>> controllers_;
    std::vector<Periodic> periodic_;
    std::vector<KindInfo> kinds_;
    TaskGroup sources_;
    TaskGroup workers_;
    std::shared_ptr<Signal> changed_; ///< stop() or a relist; shared with callbacks that may outlive us
    bool stopping_ = false;
    bool started_ = false;
};

} // namespace berth
