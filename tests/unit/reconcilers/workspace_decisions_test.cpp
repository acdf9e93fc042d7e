// What is written down about decisions: one line for each, with what it rested on, and never too many.

#include "tests/unit/reconcilers/workspace_world.hpp"

#include <gmock/gmock.h>

namespace berth {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> steps(const WorkspaceStatus& status)
{
    std::vector<std::string> steps;
    for (const auto& decision : status.decisions) steps.push_back(decision.step + " " + decision.reason);
    return steps;
}

TEST(WorkspaceDecisions, TellTheStoryOfAStartAndAStop)
{
    World world;
    world.settle();
    EXPECT_THAT(steps(world.ws.status), ::testing::ElementsAre("start Started", "create NothingInTheWay",
                                            "enter running Ready", "wait ProbesAnswer"));
    EXPECT_THAT(world.ws.status.decisions[1].basedOn, HasSubstr("no service; no tasks"));
    EXPECT_THAT(world.ws.status.decisions[2].basedOn, HasSubstr("container running (incarnation 1)"));
    EXPECT_THAT(world.ws.status.decisions[2].basedOn, HasSubstr("route served"));

    world.ws.spec.desiredState = DesiredState::stopped;
    world.settle();
    const auto all = steps(world.ws.status);
    const std::vector<std::string> last(all.end() - 3, all.end());
    EXPECT_THAT(
        last, ::testing::ElementsAre("enter stopping manual", "wait CleaningUp", "enter stopped manual"));
}

TEST(WorkspaceDecisions, AreTheLastTenAndNeverTwiceTheSame)
{
    WorkspaceStatus status;
    for (int i = 0; i < 30; ++i) {
        note_decision(status, {kNow, "wait", "Restoring", "first"});
        note_decision(status, {kNow, "wait", "Restoring", "second"});
        note_decision(status, {kNow, "wait", "ProbeFailed", std::to_string(i)});
    }
    ASSERT_EQ(status.decisions.size(), 10u);
    EXPECT_EQ(status.decisions.back().basedOn, "29");
    EXPECT_EQ(status.decisions[8].basedOn, "first");
}

TEST(WorkspaceDecisions, SayWhatWasSeen)
{
    WorkspaceStatus status;
    status.nodeId = "node1";
    status.nodeName = "one";
    auto seen = a_look();
    EXPECT_EQ(what_was_seen(status, seen), "no service; no tasks; no report of an agent");
    seen.service = our_service();
    seen.service->altered = true;
    seen.tasks = {a_task(TaskStage::refused, 2, std::string(200, 'x'))};
    seen.report = a_report();
    seen.report->container.state = ContainerState::exited;
    seen.report->container.exitCode = 3;
    seen.report->restored = false;
    seen.report->sync.state = SyncState::failing;
    seen.report->sync.message = "403 Forbidden";
    seen.node_up = false;
    const auto words = what_was_seen(status, seen);
    for (const auto* part : {"service of incarnation 2, changed by hand", "task 2 refused", "…)",
             "container exited (incarnation 2, code 3)", "files not restored", "sync failing (403 Forbidden)",
             "node one is down"})
        EXPECT_THAT(words, HasSubstr(part));
    EXPECT_LT(words.size(), 400u);
}

TEST(WorkspaceDecisions, LongWordsEndBetweenCharacters)
{
    auto seen = a_look();
    std::string text = "a";
    while (text.size() < 200) text += "ä";
    seen.tasks = {a_task(TaskStage::refused, 2, text)};
    const auto words = what_was_seen(WorkspaceStatus{}, seen);
    EXPECT_THAT(words, HasSubstr("ä…)"));
}

} // namespace
} // namespace berth
