#include "controller/runtime/queue.hpp"

#include "tests/fakes/fake_clock.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class QueueTest : public testing::Test {
protected:
    static Key key(const std::string& name) { return {"org", name}; }
    /// The names of everything that is due, taken out and given back at once.
    std::vector<std::string> drain(Queue& queue)
    {
        std::vector<std::string> names;
        while (auto item = queue.try_next()) {
            names.push_back(item->key.name);
            queue.done(item->key, Verdict::rest());
        }
        return names;
    }

    asio::io_context io;
    FakeClock clock;
    Queue queue{io.get_executor(), clock, {.base = 1s, .cap = 8s, .jitter = 0}};
};

TEST_F(QueueTest, FirstComeFirstServedAndEachKeyOnce)
{
    for (const char* name : {"b", "a", "b", "c", "a"}) queue.add(key(name));
    EXPECT_EQ(queue.ready(), 3u);
    EXPECT_EQ(queue.adds(), 5u);
    EXPECT_THAT(drain(queue), ElementsAre("b", "a", "c"));
    EXPECT_EQ(queue.try_next(), std::nullopt);
}

TEST_F(QueueTest, TheEarliestTimeWins)
{
    queue.add(key("a"), Priority::User, 10s);
    queue.add(key("a"), Priority::User, 5s);
    queue.add(key("a"), Priority::User, 20s);
    EXPECT_EQ(queue.delayed(), 1u);
    clock.advance(4999ms);
    EXPECT_THAT(drain(queue), ElementsAre());
    clock.advance(1ms);
    EXPECT_THAT(drain(queue), ElementsAre("a"));
    clock.advance(1h);
    EXPECT_THAT(drain(queue), ElementsAre());
}

TEST_F(QueueTest, AKeyNeverRunsTwiceAtTheSameTimeButOnceMoreAfterwards)
{
    queue.add(key("a"));
    ASSERT_TRUE(queue.try_next());
    queue.add(key("a"));
    queue.add(key("a"));
    EXPECT_EQ(queue.try_next(), std::nullopt);
    EXPECT_EQ(queue.running(), 1u);
    queue.done(key("a"), Verdict::rest());
    EXPECT_THAT(drain(queue), ElementsAre("a"));
    EXPECT_THAT(drain(queue), ElementsAre());
}

TEST_F(QueueTest, UserWorkGoesFirstAndBackgroundWorkIsNotStarved)
{
    for (int i = 0; i < 3; ++i) queue.add(key("background" + std::to_string(i)), Priority::Background);
    for (int i = 0; i < 40; ++i) queue.add(key("user" + std::to_string(i)), Priority::User);
    const auto order = drain(queue);
    ASSERT_EQ(order.size(), 43u);
    EXPECT_EQ(order[0], "user0");
    EXPECT_EQ(order[15], "user15");
    EXPECT_EQ(order[16], "background0");
    EXPECT_EQ(order[17], "user16");
    EXPECT_EQ(order[33], "background1");
    EXPECT_EQ(order[42], "background2");
}

TEST_F(QueueTest, AChangeMakesAWaitingBackgroundKeyUrgent)
{
    queue.add(key("a"), Priority::Background);
    queue.add(key("b"), Priority::Background);
    queue.add(key("b"), Priority::User);
    queue.add(key("a"), Priority::User, 1h); // later, so it does not make it more urgent now
    EXPECT_THAT(drain(queue), ElementsAre("b", "a"));
}

TEST_F(QueueTest, FailuresBackOffExponentiallyUpToACapAndASuccessForgetsThem)
{
    queue.add(key("a"));
    for (const auto delay : {1s, 2s, 4s, 8s, 8s}) {
        ASSERT_TRUE(queue.try_next());
        queue.done(key("a"), Verdict::back_off());
        clock.advance(delay - 1ms);
        EXPECT_EQ(queue.try_next(), std::nullopt);
        clock.advance(1ms);
    }
    auto item = queue.try_next();
    ASSERT_TRUE(item);
    EXPECT_EQ(item->failures, 5u);
    EXPECT_EQ(queue.retries(), 5u);
    queue.done(key("a"), Verdict::again(0s));
    item = queue.try_next();
    EXPECT_EQ(item->failures, 0u);
    queue.done(key("a"), Verdict::back_off());
    clock.advance(1s);
    EXPECT_THAT(drain(queue), ElementsAre("a"));
}

TEST_F(QueueTest, JitterShortensADelayByAPartAndSpreadsKeys)
{
    Queue jittered{io.get_executor(), clock, {.base = 10s, .cap = 60s, .jitter = 0.3, .seed = 1}};
    std::set<Duration> delays;
    for (int i = 0; i < 50; ++i) {
        const auto name = key(std::to_string(i));
        jittered.add(name);
        ASSERT_TRUE(jittered.try_next());
        jittered.done(name, Verdict::back_off());
        Duration waited{0};
        for (; !jittered.try_next(); waited += 100ms) clock.advance(100ms);
        jittered.done(name, Verdict::rest());
        delays.insert(waited);
        EXPECT_GE(waited, 7s);
        EXPECT_LE(waited, 10s);
    }
    EXPECT_GT(delays.size(), 10u);
}

TEST_F(QueueTest, AChangeEndsABackOffButNotWithoutAnyPause)
{
    queue.add(key("a"));
    for (int i = 0; i < 4; ++i) { // the next delay is 8 s
        ASSERT_TRUE(queue.try_next());
        queue.done(key("a"), Verdict::back_off());
        clock.advance(8s);
    }
    ASSERT_TRUE(queue.try_next());
    queue.add(key("a")); // changed while it runs
    queue.done(key("a"), Verdict::back_off());
    EXPECT_EQ(queue.try_next(), std::nullopt);
    clock.advance(1s);
    ASSERT_TRUE(queue.try_next());
    queue.done(key("a"), Verdict::back_off());
    queue.add(key("a")); // changed while it waits
    EXPECT_THAT(drain(queue), ElementsAre("a"));
}

TEST_F(QueueTest, AnAgainKeepsThePriorityOfItsRun)
{
    queue.add(key("resync"), Priority::Background);
    ASSERT_TRUE(queue.try_next());
    queue.done(key("resync"), Verdict::again(1s));
    clock.advance(1s);
    queue.add(key("user"), Priority::User);
    EXPECT_THAT(drain(queue), ElementsAre("user", "resync"));
}

TEST_F(QueueTest, WaitedCountsFromWhenTheKeyCouldRun)
{
    queue.add(key("a"), Priority::User, 10s);
    clock.advance(13s);
    EXPECT_EQ(queue.try_next()->waited, 3s);
}

TEST_F(QueueTest, GivingBackWhatDoesNotRunIsABug)
{
    queue.add(key("a"));
    EXPECT_THROW(queue.done(key("a"), Verdict::rest()), Error);
    EXPECT_THROW(queue.done(key("b"), Verdict::rest()), Error);
}

awaitable<> take(Queue& queue, std::string& log)
{
    while (auto item = co_await queue.next()) {
        log += item->key.name + " ";
        queue.done(item->key, Verdict::rest());
    }
    log += "closed ";
}

class QueueWaiting : public QueueTest {
protected:
    void start(asio::cancellation_signal& cancel)
    {
        auto done = [this](std::exception_ptr failure) { log += failure ? "cancelled " : "ended "; };
        asio::co_spawn(io, take(queue, log), asio::bind_cancellation_slot(cancel.slot(), std::move(done)));
        settle(io);
    }
    std::string log;
    asio::cancellation_signal one, two;
};

TEST_F(QueueWaiting, NextWakesForWhatIsAddedAndForWhatBecomesDue)
{
    start(one);
    EXPECT_EQ(log, "");
    queue.add(key("late"), Priority::User, 10s);
    queue.add(key("now"));
    settle(io);
    EXPECT_EQ(log, "now ");
    queue.add(key("sooner"), Priority::User, 3s);
    clock.run(io, 3s);
    EXPECT_EQ(log, "now sooner ");
    clock.run(io, 7s);
    EXPECT_EQ(log, "now sooner late ");
}

TEST_F(QueueWaiting, CloseEndsAllWhoWaitAndDropsTheRest)
{
    queue.add(key("never"), Priority::User, 1h);
    start(one);
    start(two);
    queue.close();
    settle(io);
    EXPECT_EQ(log, "closed ended closed ended ");
    queue.add(key("too late"));
    EXPECT_EQ(queue.ready() + queue.delayed(), 0u);
    EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(QueueWaiting, CloseLetsARunningKeyBeGivenBack)
{
    queue.add(key("a"));
    ASSERT_TRUE(queue.try_next());
    queue.close();
    queue.done(key("a"), Verdict::back_off());
    EXPECT_EQ(queue.running() + queue.ready() + queue.delayed(), 0u);
}

TEST_F(QueueWaiting, CancellationPassesThrough)
{
    queue.add(key("later"), Priority::User, 1h);
    start(one);
    one.emit(asio::cancellation_type::terminal);
    settle(io);
    EXPECT_EQ(log, "cancelled ");
    EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(QueueTest, HoldsAHundredThousandKeys)
{
    constexpr int kKeys = 100'000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kKeys; ++i)
        queue.add(key(std::to_string(i)), Priority::Background, Duration{i % 1000});
    for (int i = 0; i < kKeys; ++i) queue.add(key(std::to_string(i)), Priority::User, Duration{500});
    clock.advance(1s);
    EXPECT_EQ(drain(queue).size(), std::size_t(kKeys));
    // Linear cost per operation would take minutes; the limit leaves room for a slow machine and sanitizers.
    EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
}

} // namespace
} // namespace berth
