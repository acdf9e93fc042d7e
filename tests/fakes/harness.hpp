#pragma once
// The machinery of the controller in one process, without threads, sockets or real time: a store in a
// temporary folder, a fake engine behind the real Docker client, and a clock that the test moves.

#include "controller/runtime/manager.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/fake_engine.hpp"
#include "tests/fakes/temporary_folder.hpp"

#include <boost/asio/io_context.hpp>

#include <string>

namespace berth {

/// Use: construct it and the reconcilers, add<K>(reconciler), start(), then put objects, settle(), look.
/// The reconcilers must outlive the harness, or be stopped before with stop().
/// settle() runs what is ready now; nothing that waits for time happens before advance(). A change in the
/// engine is seen after the debounce of a relist: observe().
class Harness {
public:
    explicit Harness(FakeEngineOptions engine_options = {}, ManagerOptions manager_options = {})
        : engine{io.get_executor(), clock, std::move(engine_options)},
          store_{open_store()},
          manager{*store_, observed, clock, metrics, io.get_executor(), manager_options}
    {}
    Harness(const Harness&) = delete;
    Harness& operator=(const Harness&) = delete;
    ~Harness()
    {
        stop();
        run(store_->close());
    }

    template <Kind K, Reconciler<K> R> void add(R& reconciler, ControllerOptions options = {})
    {
        if (options.back_off.seed == 0) options.back_off.seed = 1; // tests replay
        manager.add<K>(reconciler, std::move(options));
    }
    /// Returns when the workers run, or after three seconds of the fake clock (when the engine is away).
    void start()
    {
        running_ = true;
        auto done = [this](std::exception_ptr failure) {
            running_ = false;
            failure_ = failure;
        };
        asio::co_spawn(io, manager.run(), std::move(done));
        settle();
        // An engine without services is believed only when a second list agrees, a second later.
        for (int i = 0; i < 30 && !manager.started(); ++i) advance(std::chrono::milliseconds{100});
    }
    /// An orderly stop, as far as the grace period allows. Idempotent.
    void stop()
    {
        if (!running_) return;
        manager.stop();
        settle();
        if (running_) advance(std::chrono::minutes{1});
    }
    bool running() const noexcept { return running_; }
    /// How Manager::run ended, if by an error.
    const std::exception_ptr& failure() const noexcept { return failure_; }

    void settle() { berth::settle(io); }
    void advance(Duration duration) { clock.run(io, duration); }
    /// Lets the events of the engine arrive and a relist happen.
    void observe() { advance(std::chrono::milliseconds{200}); }

    /// Runs one coroutine to its end. Throws what it throws, and Error{Timeout} when it would need time to
    /// pass.
    template <class T> T run(awaitable<T> work)
    {
        std::optional<std::exception_ptr> failure;
        if constexpr (std::is_void_v<T>) {
            auto done = [&failure](std::exception_ptr thrown) { failure = thrown; };
            asio::co_spawn(io, std::move(work), std::move(done));
            settle_until_ended(failure);
        } else {
            std::optional<T> result;
            auto done = [&failure, &result](std::exception_ptr thrown, std::optional<T> value) {
                failure = thrown;
                result = std::move(value);
            };
            asio::co_spawn(io, detail::wrap_optional(std::move(work)), std::move(done));
            settle_until_ended(failure);
            return std::move(*result);
        }
    }

    /// Creates the object or replaces its spec, labels and annotations, as the API would; `object` is
    /// updated.
    template <Kind K> K put(K object)
    {
        auto write = [object](Txn& tx) mutable {
            if (object.metadata.org.empty()) object.metadata.org = "default";
            if (tx.get<K>(key_of(object))) {
                object.metadata.resourceVersion.clear();
                tx.update(object);
            } else {
                tx.create(object);
            }
            return object;
        };
        return run(store_->transact(std::move(write)));
    }
    /// Runs `body(Txn&)` in a transaction.
    template <class F> auto transact(F body) { return run(store_->transact(std::move(body))); }
    template <Kind K> std::optional<K> find(const std::string& org, const std::string& name) const
    {
        return store_->get<K>({org, name});
    }
    /// Throws Error{NotFound}.
    template <Kind K> K get(const std::string& org, const std::string& name) const
    {
        auto found = find<K>(org, name);
        if (!found) throw Error{Errc::NotFound, "no " + std::string(K::kind().kind) + " " + org + "/" + name};
        return std::move(*found);
    }
    template <Kind K> void remove(const std::string& org, const std::string& name)
    {
        auto body = [key = Key{org, name}](Txn& tx) { tx.remove<K>(key); };
        transact(std::move(body));
    }
    Store& store() noexcept { return *store_; }

    asio::io_context io;
    FakeClock clock;
    Metrics metrics;
    TemporaryFolder folder;
    FakeEngine engine;
    docker::Client docker{engine, clock};
    docker::Observed observed{io.get_executor(), clock, docker};

private:
    std::unique_ptr<Store> open_store()
    {
        StoreOptions options{folder / "store", io.get_executor(), io.get_executor(), clock};
        return run(Store::open(std::move(options)));
    }
    void settle_until_ended(const std::optional<std::exception_ptr>& failure)
    {
        settle();
        if (!failure)
            throw Error{Errc::Timeout, "the coroutine waits for something that does not happen by itself"};
        if (*failure) std::rethrow_exception(*failure);
    }

    std::unique_ptr<Store> store_;
    bool running_ = false;
    std::exception_ptr failure_;

public:
    Manager manager;
};

} // namespace berth
