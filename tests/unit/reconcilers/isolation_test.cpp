// A workspace is usable only behind its network filter (W33).

#include "tests/unit/reconcilers/plan_fixture.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

Seen a_served_look(bool isolated, std::string problem = "")
{
    Seen seen = a_look();
    seen.service = our_service();
    seen.tasks = {a_task(TaskStage::running)};
    seen.report = a_report();
    seen.report->isolated = isolated;
    seen.report->isolationProblem = std::move(problem);
    seen.routed = true;
    return seen;
}

TEST(Isolation, NothingRunsBeforeItsFilterIsInForce)
{
    const auto ws = a_workspace(Phase::starting);
    const auto waiting = plan(ws, a_served_look(false));
    EXPECT_EQ(waiting.status.phase, Phase::starting);
    EXPECT_EQ(condition_of(waiting, condition::kIsolated)->reason, "FilterPending");
    EXPECT_FALSE(wants_probe(ws, a_served_look(false).report));

    const auto ready = plan(ws, a_served_look(true));
    EXPECT_EQ(ready.status.phase, Phase::running);
    EXPECT_TRUE(is_true(ready, condition::kIsolated));
    EXPECT_TRUE(wants_probe(ws, a_served_look(true).report));
}

TEST(Isolation, AFilterThatCantBeLoadedIsSaidAndFailsTheStartInTheEnd)
{
    auto ws = a_workspace(Phase::starting);
    const auto look = a_served_look(false, "iptables: no such table");
    const auto now = plan(ws, look);
    EXPECT_EQ(condition_of(now, condition::kIsolated)->reason, "FilterFailed");
    EXPECT_NE(now.status.message.find("no such table"), std::string::npos);
    ws.status = now.status;
    ws.status = now.status; // the deadline counts from the moment that the files were there
    const auto later = plan(ws, look, kNow + kLimits.start_deadline);
    ASSERT_EQ(later.status.phase, Phase::failed);
    EXPECT_EQ(condition_of(later, condition::kFailed)->reason, "NotIsolated");
}

TEST(Isolation, ARunningWorkspaceGoesOnWhileItsAgentMendsTheFilter)
{
    const auto now = plan(a_workspace(Phase::running), a_served_look(false, "flushed"));
    EXPECT_EQ(now.status.phase, Phase::running);
    EXPECT_FALSE(is_true(now, condition::kIsolated));
}

TEST(Isolation, SwitchedOffNobodyWaitsForIt)
{
    auto look = a_served_look(false);
    look.isolation = false;
    const auto now = plan(a_workspace(Phase::starting), look);
    EXPECT_EQ(now.status.phase, Phase::running);
    EXPECT_EQ(condition_of(now, condition::kIsolated)->reason, "SwitchedOff");
    EXPECT_TRUE(wants_probe(a_workspace(Phase::starting), look.report, false));
}

} // namespace
} // namespace berth
