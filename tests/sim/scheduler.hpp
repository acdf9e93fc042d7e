#pragma once
// One thread that plays every thread of every program. What is ready waits in lanes; which lane goes next is
// drawn from the seed, and time moves only when nothing is ready.

#include "controller/base/async.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <boost/asio/io_context.hpp>

#include <deque>
#include <memory>
#include <random>
#include <set>

namespace berth::sim {

/// Chance, from the seed of the run alone.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : random(seed) {}
    /// Dice of their own for one purpose: how often others are thrown does not matter to them.
    Dice(std::uint64_t seed, std::string_view purpose) : random(seed)
    {
        for (const unsigned char letter : purpose) random.seed(random() ^ letter);
    }
    /// A number below `limit`.
    std::uint64_t below(std::uint64_t limit) { return random() % limit; }
    bool chance(unsigned per_mille) { return below(1000) < per_mille; }
    Duration between(Duration least, Duration most)
    {
        return least + Duration{Duration::rep(below(std::uint64_t((most - least).count()) + 1))};
    }
    std::mt19937_64 random;
};

/// A piece of work that is run once.
class Work {
public:
    template <class F> explicit Work(F body) : body_(new Model<F>(std::move(body))) {}
    void run() { std::exchange(body_, nullptr)->run(); }

private:
    struct Body {
        virtual ~Body() = default;
        virtual void run() = 0;
    };
    template <class F> struct Model final : Body {
        explicit Model(F f) : work(std::move(f)) {}
        void run() override { std::move(work)(); }
        F work;
    };
    std::unique_ptr<Body> body_;
};

/// What one thread (or one pool) of a program has to do, in the order in which it came; a pool takes it in
/// any order. A closed lane drops what is handed to it: nobody runs it any more.
class Lane {
public:
    enum class Order { Arrival, Any };
    Lane(asio::io_context& context, Order order) : context_(context), order_(order) {}

    void add(Work work)
    {
        if (open_) ready_.push_back(std::move(work));
    }
    bool empty() const noexcept { return ready_.empty(); }
    /// Takes one out and runs it.
    void run_one(std::mt19937_64& random);
    void close();
    /// The calling code is work of this lane.
    bool running() const noexcept { return running_; }
    asio::io_context& context() const noexcept { return context_; }

private:
    asio::io_context& context_;
    Order order_;
    bool open_ = true;
    bool running_ = false;
    std::deque<Work> ready_;
};

/// Hands work to a lane; an executor in Asio's sense. As with an io_context, dispatch() from within the lane
/// runs at once (a coroutine that is spawned begins before its spawner goes on), post() never does.
class LaneExecutor {
public:
    explicit LaneExecutor(Lane& lane) noexcept : lane_(&lane) {}
    template <class F> void execute(F&& work) const
    {
        if (at_once_ && lane_->running())
            std::decay_t<F>(std::forward<F>(work))();
        else
            lane_->add(Work(std::decay_t<F>(std::forward<F>(work))));
    }
    asio::execution_context& query(asio::execution::context_t) const noexcept { return lane_->context(); }
    asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept
    {
        if (at_once_) return asio::execution::blocking.possibly;
        return asio::execution::blocking.never;
    }
    LaneExecutor require(asio::execution::blocking_t::never_t) const noexcept { return {*lane_, false}; }
    LaneExecutor require(asio::execution::blocking_t::possibly_t) const noexcept { return {*lane_, true}; }
    friend bool operator==(const LaneExecutor& a, const LaneExecutor& b) noexcept
    {
        return a.lane_ == b.lane_ && a.at_once_ == b.at_once_;
    }
    friend bool operator!=(const LaneExecutor& a, const LaneExecutor& b) noexcept { return !(a == b); }

private:
    LaneExecutor(Lane& lane, bool at_once) noexcept : lane_(&lane), at_once_(at_once) {}
    Lane* lane_;
    bool at_once_ = true;
};

class Scheduler;

/// The threads of one program. When it is destroyed before its coroutines have ended, they vanish where they
/// stand, as after kill -9: call kill() before the objects that they use are destroyed.
class Program {
public:
    Program(Scheduler& scheduler, std::string name);
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program();

    Executor io() { return Executor{LaneExecutor{io_}}; }
    Executor db() { return Executor{LaneExecutor{db_}}; }
    Executor work() { return Executor{LaneExecutor{work_}}; }
    const std::string& name() const noexcept { return name_; }
    /// Starts a coroutine of its own; an error is the end of the run.
    void spawn(awaitable<> work);
    void kill();

private:
    friend class Scheduler;
    /// What asio::io_context does when it is destroyed, while its services can still be used.
    struct Context : asio::io_context {
        using asio::io_context::shutdown;
    };
    Scheduler& scheduler_;
    std::string name_;
    Context context_;
    Lane io_{context_, Lane::Order::Arrival};
    Lane db_{context_, Lane::Order::Arrival};
    Lane work_{context_, Lane::Order::Any};
    bool killed_ = false;
};

/// Owned by the run. Not thread-safe: there is only one thread. Its dice are for what is next, and for how
/// long things last; faults and people have their own.
class Scheduler : public Dice {
public:
    explicit Scheduler(std::uint64_t seed) : Dice(seed) {}

    /// Runs one piece of what is ready; false when there is none.
    bool step();
    /// Until nothing is ready and nobody wakes before `end`; then it is `end`. Stops early when `enough` says
    /// so.
    void run_until(Tick end);

    FakeClock clock;
    std::uint64_t steps = 0;
    std::function<void()> after_step = [] {};
    std::exception_ptr failure; ///< of a program's coroutine

private:
    friend class Program;
    void poll();
    std::vector<Program*> programs_; ///< in the order in which they were made
};

} // namespace berth::sim
