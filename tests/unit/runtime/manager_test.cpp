#include "tests/unit/runtime/gadget.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class ManagerTest : public testing::Test {
protected:
    void TearDown() override { h.stop(); } // while the reconciler is there

    Harness h;
    GadgetReconciler reconciler{h.clock};
};

TEST_F(ManagerTest, WhatIsStoredIsLookedAtAfterTheStart)
{
    for (const char* name : {"a", "b", "c"}) h.put(a_gadget(name));
    h.add<Gadget>(reconciler);
    EXPECT_FALSE(h.manager.started());
    h.start();
    EXPECT_TRUE(h.manager.started());
    EXPECT_THAT(reconciler.calls, ElementsAre("reconcile a", "reconcile b", "reconcile c"));
}

TEST_F(ManagerTest, NothingIsReconciledBeforeDockerHasBeenListed)
{
    h.put(a_gadget("a"));
    h.add<Gadget>(reconciler);
    h.engine.inject({.kind = Fault::Kind::Refuse, .call = "", .times = -1});
    h.start();
    h.advance(1min);
    EXPECT_FALSE(h.manager.started());
    EXPECT_THAT(reconciler.calls, IsEmpty());
    h.engine.clear_faults();
    h.advance(1min);
    EXPECT_TRUE(h.manager.started());
    EXPECT_EQ(reconciler.calls.size(), 1u);
}

TEST_F(ManagerTest, StopsWhileItWaitsForDocker)
{
    h.engine.inject({.kind = Fault::Kind::Refuse, .call = "", .times = -1});
    h.add<Gadget>(reconciler);
    h.start();
    h.manager.stop();
    h.settle();
    EXPECT_FALSE(h.running());
    EXPECT_EQ(h.failure(), nullptr);
}

TEST_F(ManagerTest, AnOrderlyStopLetsRunningKeysFinishAndStartsNoOthers)
{
    ControllerOptions options;
    options.workers = 1;
    h.add<Gadget>(reconciler, options);
    reconciler.takes = 5s;
    h.start();
    h.put(a_gadget("a", "done"));
    h.put(a_gadget("b"));
    h.manager.stop();
    h.advance(4s);
    EXPECT_TRUE(h.running());
    h.advance(1s);
    EXPECT_FALSE(h.running());
    EXPECT_EQ(h.failure(), nullptr);
    EXPECT_THAT(reconciler.calls, ElementsAre("reconcile a"));
    EXPECT_EQ(h.get<Gadget>("default", "a").status.seen, "done");
    EXPECT_EQ(h.clock.sleepers(), 0u);
}

TEST_F(ManagerTest, AfterTheGracePeriodRunsAreCancelledAndThatIsNoFailureOfTheObject)
{
    h.add<Gadget>(reconciler);
    reconciler.takes = 50s;
    h.start();
    h.put(a_gadget("a"));
    h.manager.stop();
    h.advance(9s);
    EXPECT_TRUE(h.running());
    h.advance(1s);
    EXPECT_FALSE(h.running());
    EXPECT_THAT(h.get<Gadget>("default", "a").status.conditions, IsEmpty());
    EXPECT_TRUE(reconciler.running.empty());
    EXPECT_EQ(h.clock.sleepers(), 0u);
}

TEST_F(ManagerTest, CancelledFromOutsideItStillJoinsEverything)
{
    h.add<Gadget>(reconciler);
    reconciler.takes = 50s;
    asio::cancellation_signal cancel;
    std::optional<std::exception_ptr> ended;
    auto done = [&ended](std::exception_ptr failure) { ended = failure; };
    asio::co_spawn(h.io, h.manager.run(), asio::bind_cancellation_slot(cancel.slot(), std::move(done)));
    h.advance(3s);
    h.put(a_gadget("a"));
    EXPECT_EQ(reconciler.running.size(), 1u);
    cancel.emit(asio::cancellation_type::terminal);
    h.settle();
    ASSERT_TRUE(ended);
    EXPECT_NE(*ended, nullptr);
    EXPECT_TRUE(reconciler.running.empty());
    EXPECT_EQ(h.clock.sleepers(), 0u);
}

awaitable<> sweep(int& rounds)
{
    if (++rounds == 1) throw Error{Errc::Unavailable, "the first round fails"};
    co_return;
}

TEST_F(ManagerTest, PeriodicWorkGoesOnAfterAnError)
{
    int rounds = 0;
    auto work = [&rounds] { return sweep(rounds); };
    h.manager.every("sweep", 30s, std::move(work));
    h.start();
    EXPECT_EQ(rounds, 1);
    h.advance(60s);
    EXPECT_EQ(rounds, 3);
    h.stop();
    EXPECT_FALSE(h.running());
    EXPECT_EQ(h.clock.sleepers(), 0u);
}

TEST_F(ManagerTest, KnowsItsKinds)
{
    h.add<Gadget>(reconciler);
    h.manager.add<Part>();
    ASSERT_EQ(h.manager.kinds().size(), 2u);
    EXPECT_EQ(h.manager.kinds()[1].plural, "parts");
    EXPECT_EQ(h.manager.controller("part"), nullptr);
}

} // namespace
} // namespace berth
