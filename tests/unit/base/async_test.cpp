#include "controller/base/async.hpp"
#include "controller/base/log.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/system_error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace berth {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Async : public testing::Test {
protected:
    asio::io_context io;
    FakeClock clock;
    std::string log; ///< what the coroutines did, in order

    void settle() { berth::settle(io); }

    /// Starts `work` with a signal that cancels it; the outcome shows up in `log`.
    void start(awaitable<> work, asio::cancellation_signal& cancel)
    {
        auto done = [this](std::exception_ptr failure) { note(failure ? describe_kind(failure) : "done"); };
        asio::co_spawn(io, std::move(work), asio::bind_cancellation_slot(cancel.slot(), std::move(done)));
    }
    void note(const std::string& what) { log += (log.empty() ? "" : " ") + what; }

    static std::string describe_kind(const std::exception_ptr& failure)
    {
        try {
            std::rethrow_exception(failure);
        } catch (const Error& error) {
            return std::string("Error{") + to_string(error.code()) + "}";
        } catch (const std::exception& error) {
            return is_cancelled(error) ? "cancelled" : "exception";
        }
    }
};

/// Leaves a note when the frame that owns it ends.
struct Leaving {
    std::string& log;
    ~Leaving() { log += (log.empty() ? "" : " ") + std::string("left"); }
};

awaitable<int> answer_after(Clock& clock, Duration delay, std::string& log)
{
    Leaving leaving{log};
    co_await clock.sleep(delay);
    co_return 42;
}

awaitable<> fail_with(Errc code)
{
    throw Error{code, "on purpose"};
    co_return;
}

awaitable<> limited(Clock& clock, Duration limit, Duration delay, std::string& log)
{
    const int answer = co_await with_timeout(clock, limit, answer_after(clock, delay, log), "the question");
    log += " " + std::to_string(answer);
}

awaitable<> limited_failure(Clock& clock, Errc code) { co_await with_timeout(clock, 1h, fail_with(code)); }

awaitable<> nested(Clock& clock, std::string& log)
{
    std::exception_ptr inner;
    try {
        co_await with_timeout(clock, 1s, limited(clock, 10s, 5s, log), "outer");
    } catch (...) {
        inner = std::current_exception();
    }
    if (!inner) throw std::runtime_error{"the outer limit did not apply"};
    co_await clock.sleep(1s); // the caller of a timed-out operation goes on unharmed
    std::rethrow_exception(inner);
}

TEST_F(Async, WithTimeoutGivesTheResult)
{
    asio::cancellation_signal cancel;
    start(limited(clock, 10s, 3s, log), cancel);
    clock.run(io, 3s);
    EXPECT_EQ(log, "left 42 done");
    EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(Async, WithTimeoutEndsWorkThatTakesTooLong)
{
    asio::cancellation_signal cancel;
    start(limited(clock, 3s, 10s, log), cancel);
    clock.run(io, 2999ms);
    EXPECT_EQ(log, "");
    clock.run(io, 1ms);
    EXPECT_EQ(log, "left Error{timeout}"); // the work had unwound before the error came out
    EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(Async, WithTimeoutLetsErrorsThroughAtOnce)
{
    for (const auto code : {Errc::Invalid, Errc::Unavailable, Errc::Internal}) {
        log.clear();
        asio::cancellation_signal cancel;
        start(limited_failure(clock, code), cancel);
        settle(); // no time passes
        EXPECT_EQ(log, std::string("Error{") + to_string(code) + "}");
    }
    EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(Async, WithTimeoutPassesCancellationOnAndDoesNotCallItATimeout)
{
    asio::cancellation_signal cancel;
    start(limited(clock, 10s, 5s, log), cancel);
    clock.run(io, 1s);
    cancel.emit(asio::cancellation_type::terminal);
    settle();
    EXPECT_EQ(log, "left cancelled");
    EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(Async, TheTighterOfTwoTimeoutsCounts)
{
    asio::cancellation_signal cancel;
    start(nested(clock, log), cancel);
    clock.run(io, 1s);
    EXPECT_EQ(log, "left");
    clock.run(io, 1s);
    EXPECT_EQ(log, "left Error{timeout}");
}

TEST_F(Async, TheMessageOfATimeoutSaysWhatAndHowLong)
{
    std::string text;
    auto done = [&text](std::exception_ptr failure) { text = describe(failure); };
    asio::co_spawn(io, limited(clock, 90s, 1h, log), std::move(done));
    clock.run(io, 90s);
    EXPECT_EQ(text, "the question took longer than 90s");
}

TEST_F(Async, AFreshTimeoutWorksAfterOneHasFired)
{
    for (int i = 0; i < 3; ++i) {
        asio::cancellation_signal cancel;
        log.clear();
        start(limited(clock, 1s, 2s, log), cancel);
        clock.run(io, 5s);
        EXPECT_EQ(log, "left Error{timeout}");
    }
}

awaitable<> sleep_and_note(Clock& clock, Duration delay, std::string& log)
{
    Leaving leaving{log};
    co_await clock.sleep(delay);
    log += " slept";
}

awaitable<> join(TaskGroup& group, std::string& log)
{
    co_await group.join();
    log += " joined";
}

TEST_F(Async, TaskGroupJoinsWhatItSpawned)
{
    TaskGroup group{io.get_executor()};
    group.spawn("short", sleep_and_note(clock, 1s, log));
    group.spawn("long", sleep_and_note(clock, 2s, log));
    EXPECT_EQ(group.size(), 2u);
    EXPECT_EQ(log, ""); // starts from the event loop
    asio::cancellation_signal cancel;
    start(join(group, log), cancel);
    clock.run(io, 1s);
    EXPECT_EQ(group.size(), 1u);
    EXPECT_EQ(log, " slept left");
    clock.run(io, 1s);
    EXPECT_EQ(log, " slept left slept left joined done");
}

TEST_F(Async, TaskGroupCancelsEveryMember)
{
    TaskGroup group{io.get_executor()};
    group.spawn("running", sleep_and_note(clock, 1h, log));
    settle();
    group.spawn("not yet started", sleep_and_note(clock, 1h, log));
    group.cancel();
    group.cancel();
    group.spawn("too late", sleep_and_note(clock, 1h, log));
    asio::cancellation_signal cancel;
    start(join(group, log), cancel);
    settle();
    EXPECT_EQ(group.size(), 0u);
    EXPECT_THAT(log, HasSubstr("joined"));
    EXPECT_THAT(log, testing::Not(HasSubstr("slept")));
    EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(Async, AnEmptyTaskGroupJoinsAtOnce)
{
    TaskGroup group{io.get_executor()};
    asio::cancellation_signal cancel;
    start(join(group, log), cancel);
    settle();
    EXPECT_EQ(log, " joined done");
}

TEST_F(Async, TaskGroupLogsTheErrorOfAMemberAndGoesOn)
{
    testing::internal::CaptureStderr();
    TaskGroup group{io.get_executor()};
    group.spawn("the faulty one", fail_with(Errc::Internal));
    group.spawn("the other", sleep_and_note(clock, 1s, log));
    clock.run(io, 1s);
    const auto logged = testing::internal::GetCapturedStderr();
    EXPECT_THAT(logged, HasSubstr("the faulty one"));
    EXPECT_THAT(logged, HasSubstr("on purpose"));
    EXPECT_EQ(log, " slept left");
    EXPECT_EQ(group.size(), 0u);
}

TEST_F(Async, TaskGroupDoesNotLogMembersThatEndBecauseTheyWereAskedTo)
{
    testing::internal::CaptureStderr();
    TaskGroup group{io.get_executor()};
    group.spawn("obedient", sleep_and_note(clock, 1h, log));
    settle();
    group.cancel();
    settle();
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(group.size(), 0u);
}

awaitable<> wait_and_note(Signal& signal, std::string& log)
{
    co_await signal.wait();
    log += "woken,";
}

TEST_F(Async, SignalWakesAllWhoWaitAndKeepsNothing)
{
    Signal signal{io.get_executor()};
    asio::cancellation_signal one, two, three;
    signal.notify_all(); // nobody waits
    start(wait_and_note(signal, log), one);
    start(wait_and_note(signal, log), two);
    settle();
    EXPECT_EQ(log, "");
    signal.notify_all();
    settle();
    EXPECT_EQ(log, "woken, donewoken, done");
    log.clear();
    start(wait_and_note(signal, log), three);
    settle();
    EXPECT_EQ(log, "");
    three.emit(asio::cancellation_type::terminal);
    settle();
    EXPECT_EQ(log, "cancelled");
}

awaitable<> offload_and_note(Executor where, std::thread::id home, std::string& log)
{
    auto work = [payload = std::make_unique<int>(7)] {
        return std::pair{std::make_unique<int>(*payload), std::this_thread::get_id()};
    };
    auto [value, thread] = co_await offload(where, std::move(work));
    log += "value " + std::to_string(*value);
    if (thread != home) log += ", worked elsewhere";
    if (std::this_thread::get_id() == home) log += ", resumed at home";
}

awaitable<> offload_failure(Executor where)
{
    auto work = [] { throw Error{Errc::Denied, "no"}; };
    co_await offload(where, std::move(work));
}

awaitable<> offload_then_sleep(Executor where, Clock& clock, std::string& log)
{
    co_await offload_and_note(where, std::this_thread::get_id(), log);
    co_await clock.sleep(1h);
}

TEST_F(Async, OffloadRunsElsewhereAndResumesHere)
{
    asio::thread_pool pool{1};
    asio::cancellation_signal cancel;
    start(offload_and_note(pool.get_executor(), std::this_thread::get_id(), log), cancel);
    io.run(); // returns only when the work has come back
    EXPECT_EQ(log, "value 7, worked elsewhere, resumed at home done");
    pool.join();
}

TEST_F(Async, OffloadToTheOwnExecutorWorksToo)
{
    asio::cancellation_signal cancel;
    start(offload_and_note(io.get_executor(), std::this_thread::get_id(), log), cancel);
    settle();
    EXPECT_EQ(log, "value 7, resumed at home done");
}

TEST_F(Async, OffloadBringsTheExceptionBack)
{
    asio::thread_pool pool{1};
    asio::cancellation_signal cancel;
    start(offload_failure(pool.get_executor()), cancel);
    io.run();
    EXPECT_EQ(log, "Error{denied}");
    pool.join();
}

TEST_F(Async, OffloadedWorkIsWaitedForAlsoWhenItsCallerIsCancelled)
{
    asio::io_context elsewhere; // runs when the test says so
    asio::cancellation_signal cancel;
    start(offload_then_sleep(elsewhere.get_executor(), clock, log), cancel);
    settle();
    cancel.emit(asio::cancellation_type::terminal);
    settle();
    EXPECT_EQ(log, "");
    berth::settle(elsewhere);
    settle();
    EXPECT_EQ(
        log, "value 7, resumed at home cancelled"); // its result is not lost; the next step does not begin
}

TEST(Describe, NamesAnyException)
{
    EXPECT_EQ(describe(nullptr), "no error");
    EXPECT_EQ(describe(std::make_exception_ptr(Error{Errc::Invalid, "text"})), "text");
    EXPECT_EQ(describe(std::make_exception_ptr(5)), "unknown exception");
}

TEST(IsCancelled, KnowsOnlyTheAbortedOperation)
{
    using boost::system::system_error;
    EXPECT_TRUE(is_cancelled(system_error{asio::error::operation_aborted}));
    EXPECT_FALSE(is_cancelled(system_error{asio::error::eof}));
    EXPECT_FALSE(is_cancelled(std::runtime_error{"aborted"}));
}

TEST(SystemClockTest, SleepsUntilATickThatHasPassedWithoutWaiting)
{
    asio::io_context io;
    SystemClock clock;
    bool done = false;
    auto finish = [&done](std::exception_ptr failure) { done = !failure; };
    asio::co_spawn(io, clock.sleep_until(clock.tick() - 1h), std::move(finish));
    const auto before = clock.tick();
    io.run();
    EXPECT_TRUE(done);
    EXPECT_LT(clock.tick() - before, 10s);
}

} // namespace
} // namespace berth
