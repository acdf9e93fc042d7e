#include "tests/unit/runtime/gadget.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ControllerTest : public testing::Test {
protected:
    ControllerTest() { h.add<Gadget>(reconciler, options()); }
    void TearDown() override { h.stop(); } // while the reconciler is there
    static ControllerOptions options()
    {
        ControllerOptions options;
        options.workers = 4;
        options.back_off = {.base = 1s, .cap = 8s, .jitter = 0, .seed = 1};
        return options;
    }
    void fail(Errc code)
    {
        reconciler.failures.push_back(std::make_exception_ptr(Error{code, "on purpose"}));
    }
    Gadget stored(const std::string& name = "a") const { return h.get<Gadget>("default", name); }
    Condition condition(const std::string& type) const
    {
        const auto gadget = stored();
        const auto* found = find_condition(gadget.status.conditions, type);
        return found ? *found
                     : Condition{.type = "none", .reason = {}, .message = {}, .lastTransitionTime = {}};
    }
    std::vector<std::string> take_calls() { return std::exchange(reconciler.calls, {}); }

    Harness h;
    GadgetReconciler reconciler{h.clock};
};

TEST_F(ControllerTest, ReconcilesOnceAndWritesWhatItSaw)
{
    h.start();
    h.put(a_gadget("a", "blue"));
    EXPECT_THAT(take_calls(), ElementsAre("reconcile a")); // its own writes do not wake it
    const auto gadget = stored();
    EXPECT_EQ(gadget.status.seen, "blue");
    EXPECT_EQ(gadget.status.observedGeneration, 1);
    EXPECT_THAT(gadget.metadata.finalizers, ElementsAre(kFinalizer));
    EXPECT_EQ(condition("Ready").status, ConditionStatus::True);
    EXPECT_EQ(condition("Ready").observedGeneration, 1);
    h.advance(5min);
    EXPECT_THAT(take_calls(), IsEmpty());
}

TEST_F(ControllerTest, SpecLabelsAndAnnotationsWakeButStatusDoesNot)
{
    h.start();
    h.put(a_gadget("a"));
    take_calls();
    auto gadget = h.put(a_gadget("a", "new"));
    EXPECT_THAT(take_calls(), ElementsAre("reconcile a"));
    EXPECT_EQ(stored().status.observedGeneration, 2);
    gadget.metadata.labels["x"] = "y";
    h.put(gadget);
    EXPECT_THAT(take_calls(), ElementsAre("reconcile a"));
    gadget.metadata.annotations["x"] = "y";
    h.put(gadget);
    EXPECT_THAT(take_calls(), ElementsAre("reconcile a"));
    auto other = stored();
    other.status.seen = "written by somebody else";
    auto write = [other](Txn& tx) { tx.put_status(other); };
    h.transact(std::move(write));
    EXPECT_THAT(take_calls(), IsEmpty());
}

TEST_F(ControllerTest, ATransientFailureIsShownAndTriedAgain)
{
    fail(Errc::Unavailable);
    fail(Errc::Timeout);
    h.start();
    h.put(a_gadget("a"));
    EXPECT_EQ(condition("Ready").status, ConditionStatus::False);
    EXPECT_EQ(condition("Ready").reason, "Unavailable");
    EXPECT_EQ(condition("Ready").message, "on purpose");
    EXPECT_EQ(condition("Stalled").type, "none");
    EXPECT_EQ(stored().status.observedGeneration, 0);
    h.advance(999ms);
    EXPECT_EQ(take_calls().size(), 1u);
    h.advance(1ms);
    EXPECT_EQ(condition("Ready").reason, "Timeout");
    h.advance(2s);
    EXPECT_EQ(take_calls().size(), 2u);
    EXPECT_EQ(condition("Ready").status, ConditionStatus::True);
    EXPECT_EQ(stored().status.observedGeneration, 1);
}

TEST_F(ControllerTest, AHopelessFailureStallsUntilTheObjectChanges)
{
    for (const auto code : {Errc::Invalid, Errc::Denied, Errc::Quota}) fail(code);
    h.start();
    h.put(a_gadget("a"));
    EXPECT_EQ(condition("Stalled").status, ConditionStatus::True);
    EXPECT_EQ(condition("Stalled").reason, "Invalid");
    h.advance(9min);
    EXPECT_EQ(take_calls().size(), 1u);
    h.put(a_gadget("a", "another"));
    EXPECT_EQ(condition("Stalled").reason, "Denied");
    EXPECT_EQ(take_calls().size(), 1u);
    h.advance(11min); // the slow look at everything
    EXPECT_GE(take_calls().size(), 1u);
    h.advance(10min);
    EXPECT_EQ(condition("Ready").status, ConditionStatus::True);
    EXPECT_EQ(condition("Stalled").type, "none");
}

TEST_F(ControllerTest, ARunThatTakesTooLongIsCutAndTriedAgain)
{
    reconciler.takes = 5min;
    h.start();
    h.put(a_gadget("a"));
    h.advance(60s);
    EXPECT_EQ(condition("Ready").reason, "Timeout");
    EXPECT_THAT(condition("Ready").message, HasSubstr("gadget default/a took longer than 1m"));
    EXPECT_TRUE(reconciler.running.empty());
    reconciler.takes = 1s;
    h.advance(2s);
    EXPECT_EQ(condition("Ready").status, ConditionStatus::True);
}

TEST_F(ControllerTest, AnyOtherExceptionIsInternalAndTriedAgain)
{
    reconciler.failures.push_back(std::make_exception_ptr(std::runtime_error{"a bug"}));
    reconciler.failures.push_back(
        std::make_exception_ptr(boost::system::system_error{asio::error::operation_aborted}));
    h.start();
    h.put(a_gadget("a"));
    EXPECT_EQ(condition("Ready").reason, "Internal");
    EXPECT_EQ(condition("Ready").message, "a bug");
    h.advance(1s); // an aborted operation inside is no shutdown of ours
    EXPECT_EQ(condition("Ready").reason, "Internal");
    h.advance(2s);
    EXPECT_EQ(condition("Ready").status, ConditionStatus::True);
}

TEST_F(ControllerTest, DeletionIsFinalizedUntilNothingIsLeft)
{
    reconciler.finalize_rounds = 2;
    h.start();
    h.put(a_gadget("a"));
    take_calls();
    h.remove<Gadget>("default", "a");
    EXPECT_TRUE(stored().metadata.deletionTimestamp);
    EXPECT_EQ(condition("Ready").reason, "Deleting");
    h.advance(2s);
    EXPECT_TRUE(h.find<Gadget>("default", "a"));
    h.advance(2s);
    EXPECT_FALSE(h.find<Gadget>("default", "a"));
    EXPECT_EQ(reconciler.count("finalize a"), 3u);
    EXPECT_EQ(reconciler.count("reconcile a"), 0u);
}

TEST_F(ControllerTest, AFailingCleanUpKeepsTheObject)
{
    h.start();
    h.put(a_gadget("a"));
    fail(Errc::Unavailable);
    h.remove<Gadget>("default", "a");
    EXPECT_EQ(condition("Ready").reason, "Unavailable");
    h.advance(1s);
    EXPECT_FALSE(h.find<Gadget>("default", "a"));
}

TEST_F(ControllerTest, AgainLooksAgainAndUnchangedStatusIsNotWritten)
{
    reconciler.action = Action::again(5s);
    h.start();
    h.put(a_gadget("a"));
    const auto revision = h.store().revision();
    h.advance(15s);
    EXPECT_EQ(take_calls().size(), 4u);
    EXPECT_EQ(h.store().revision(), revision);
}

TEST_F(ControllerTest, SeveralKeysRunAtOnceButNoKeyTwice)
{
    reconciler.takes = 1s;
    h.start();
    for (int i = 0; i < 10; ++i) h.put(a_gadget("g" + std::to_string(i)));
    h.put(a_gadget("g0", "changed while it runs"));
    h.advance(500ms);
    h.put(a_gadget("g0", "and again"));
    h.advance(10s);
    EXPECT_EQ(reconciler.most_running, 4u);
    EXPECT_FALSE(reconciler.overlap);
    EXPECT_EQ(reconciler.count("reconcile g0"), 2u);
    EXPECT_EQ(stored("g0").status.seen, "and again");
    EXPECT_EQ(stored("g9").status.observedGeneration, 1);
}

TEST_F(ControllerTest, ASpecChangeDuringARunIsNotLostToItsStatusWrite)
{
    reconciler.takes = 1s;
    h.start();
    h.put(a_gadget("a", "first"));
    h.put(a_gadget("a", "second"));
    h.advance(1s);
    EXPECT_EQ(stored().spec.wish, "second");
    EXPECT_EQ(stored().status.observedGeneration, 1);
    h.advance(1s);
    EXPECT_EQ(stored().status.seen, "second");
    EXPECT_EQ(stored().status.observedGeneration, 2);
}

TEST_F(ControllerTest, EverythingIsLookedAtNowAndThen)
{
    h.start();
    for (const char* name : {"a", "b", "c"}) h.put(a_gadget(name));
    take_calls();
    h.advance(10min);
    EXPECT_THAT(take_calls(), ElementsAre("reconcile a", "reconcile b", "reconcile c"));
}

TEST_F(ControllerTest, OwnedAndRelatedObjectsWake)
{
    h.start();
    for (const char* name : {"a", "b", "c"}) h.put(a_gadget(name));
    take_calls();
    Part part;
    part.metadata.org = "default";
    part.metadata.name = "p";
    part.metadata.ownerReferences = {{"Gadget", "a", stored("a").metadata.uid}};
    part.spec.text = "c";
    h.put(part);
    EXPECT_THAT(take_calls(), testing::UnorderedElementsAre("reconcile a", "reconcile c"));
    WorkspaceReport report;
    report.metadata.org = "default";
    report.metadata.name = "b";
    h.put(report);
    EXPECT_THAT(take_calls(), ElementsAre("reconcile b"));
}

TEST_F(ControllerTest, DockerObjectsWakeByTheirLabels)
{
    h.start();
    h.put(a_gadget("a"));
    take_calls();
    docker::ServiceSpec spec;
    spec.Name = "one";
    spec.Labels = {{std::string(kKindLabel), "Gadget"}, {std::string(kOrgLabel), "default"},
        {std::string(kNameLabel), "a"}};
    spec.TaskTemplate.ContainerSpec.Image = "image";
    h.run(h.docker.create_service(spec));
    h.observe();
    EXPECT_EQ(reconciler.count("reconcile a"), 1u);
    take_calls();
    spec.Name = "two";
    spec.Labels[std::string(kNameLabel)] = "nobody";
    h.run(h.docker.create_service(spec));
    spec.Name = "three";
    spec.Labels[std::string(kKindLabel)] = "Other";
    h.run(h.docker.create_service(spec));
    h.observe();
    EXPECT_THAT(take_calls(), ElementsAre("missing nobody"));
}

TEST_F(ControllerTest, CountsInTheStandardNames)
{
    fail(Errc::Unavailable);
    fail(Errc::Invalid);
    h.start();
    h.put(a_gadget("a"));
    h.advance(1s);
    h.put(a_gadget("a", "changed"));
    const auto text = h.metrics.serialize();
    for (const char* line : {"controller_runtime_reconcile_total{controller=\"gadget\",result=\"success\"} 1",
             "controller_runtime_reconcile_total{controller=\"gadget\",result=\"error\"} 2",
             "controller_runtime_terminal_reconcile_errors_total{controller=\"gadget\"} 1",
             "controller_runtime_max_concurrent_reconciles{controller=\"gadget\"} 4",
             "workqueue_retries_total{name=\"gadget\"} 1", "workqueue_depth{name=\"gadget\"} 0",
             "workqueue_work_duration_seconds_count{name=\"gadget\"} 3"})
        EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
}

TEST_F(ControllerTest, AKeyThatCannotBeCancelledIsReportedOnce)
{
    asio::io_context elsewhere;
    reconciler.blocked_on = elsewhere.get_executor();
    h.start();
    h.put(a_gadget("a"));
    h.advance(119s);
    auto* core = h.manager.controller("gadget");
    ASSERT_NE(core, nullptr);
    EXPECT_EQ(core->stuck(), 0u);
    h.advance(5min);
    EXPECT_EQ(core->stuck(), 1u);
    EXPECT_THAT(take_calls(), ElementsAre("reconcile a"));
    reconciler.blocked_on.reset();
    settle(elsewhere);
    h.settle();
    EXPECT_EQ(condition("Ready").reason, "Timeout");
    h.advance(1s);
    EXPECT_EQ(condition("Ready").status, ConditionStatus::True);
}

} // namespace
} // namespace berth
