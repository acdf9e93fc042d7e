#include "controller/runtime/manager.hpp"

#include "controller/base/log.hpp"

namespace berth {

namespace {

/// How often a start that waits for Docker says so.
constexpr Duration kWaitingNote{10'000};

awaitable<> wait_for(std::shared_ptr<Signal> signal) { co_await signal->wait(); }

} // namespace

Manager::Manager(Store& store, docker::Observed& observed, Clock& clock, Metrics& metrics, Executor executor,
    ManagerOptions options)
    : parts_{store, clock, metrics, executor},
      observed_(observed),
      options_(options),
      sources_(executor),
      workers_(executor),
      changed_(std::make_shared<Signal>(executor))
{
    observed_.on_relist([signal = changed_] { signal->notify_all(); });
}

Manager::~Manager() = default;

void Manager::add_core(std::shared_ptr<ControllerCore> core)
{
    // The store and Observed may outlive the manager, and callbacks can't be taken back.
    const std::weak_ptr<ControllerCore> weak = core;
    parts_.store.on_commit([weak](const Change& change) {
        if (const auto alive = weak.lock()) alive->on_commit(change);
    });
    observed_.on_change([weak](const docker::ObservedChange& change) {
        if (const auto alive = weak.lock()) alive->on_observed(change);
    });
    controllers_.push_back(std::move(core));
}

void Manager::every(std::string name, Duration period, std::function<awaitable<>()> work)
{
    periodic_.push_back({std::move(name), period, std::move(work)});
}

ControllerCore* Manager::controller(std::string_view name) const
{
    for (const auto& core : controllers_)
        if (core->name() == name) return core.get();
    return nullptr;
}

awaitable<> Manager::run()
{
    std::exception_ptr failure;
    try {
        co_await start_and_wait();
    } catch (...) {
        failure = std::current_exception();
    }
    // What was started must be joined also when this coroutine has been cancelled.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await finish(failure != nullptr);
    if (failure) std::rethrow_exception(failure);
}

void Manager::stop()
{
    stopping_ = true;
    changed_->notify_all();
}

awaitable<> Manager::start_and_wait()
{
    if (!stopping_) sources_.spawn("observed", observed_.run());
    co_await wait_for_docker();
    if (!stopping_) {
        for (const auto& core : controllers_) {
            core->enqueue_all();
            sources_.spawn(core->name() + " resync", core->resync());
            sources_.spawn(core->name() + " watchdog", core->watchdog());
            for (std::size_t i = 0; i < core->options().workers; ++i)
                workers_.spawn(core->name() + " worker", core->work());
        }
        for (const auto& periodic : periodic_) workers_.spawn(periodic.name, repeat(periodic));
        started_ = true;
        log::info("controllers started", {{"controllers", controllers_.size()}});
    }
    while (!stopping_) co_await changed_->wait();
}

/// Without it a reconciler would take "not seen yet" for "not there".
awaitable<> Manager::wait_for_docker()
{
    while (!stopping_ && !observed_.synced()) {
        bool quiet = false;
        try {
            co_await with_timeout(parts_.clock, kWaitingNote, wait_for(changed_), "waiting for Docker");
        } catch (const Error& error) {
            if (error.code() != Errc::Timeout) throw;
            quiet = true;
        }
        if (quiet) log::warning("waiting for Docker: nothing is reconciled until it has been listed once");
    }
}

awaitable<> Manager::repeat(Periodic periodic)
{
    while (!stopping_) {
        std::exception_ptr failure;
        try {
            co_await periodic.work();
        } catch (...) {
            failure = std::current_exception();
        }
        co_await detail::throw_if_cancelled();
        if (failure)
            log::warning("periodic work failed", {{"work", periodic.name}, {"error", describe(failure)}});
        if (!stopping_) co_await pause(periodic.period);
    }
}

/// Sleeps, but not past stop().
awaitable<> Manager::pause(Duration duration)
{
    const auto until = parts_.clock.tick() + duration;
    while (!stopping_ && parts_.clock.tick() < until) {
        try {
            co_await with_timeout(parts_.clock, until - parts_.clock.tick(), wait_for(changed_), "pause");
        } catch (const Error& error) {
            if (error.code() != Errc::Timeout) throw;
        }
    }
}

awaitable<> Manager::finish(bool cancelled)
{
    stopping_ = true;
    for (const auto& core : controllers_) core->queue().close();
    changed_->notify_all();
    if (!cancelled) {
        std::exception_ptr failure;
        try {
            co_await with_timeout(parts_.clock, options_.grace, workers_.join(), "stopping");
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) log::warning("cancelling what still runs", {{"reason", describe(failure)}});
    }
    workers_.cancel();
    co_await workers_.join();
    sources_.cancel();
    co_await sources_.join();
    started_ = false;
}

} // namespace berth
