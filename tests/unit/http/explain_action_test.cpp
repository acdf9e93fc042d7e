// GET …/explain: at each stage the cause that counts, since when, and what would help.

#include "api/actions/explain.hpp"
#include "tests/unit/http/action_fixture.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace berth {
namespace {

using ::testing::HasSubstr;

constexpr Duration kTimeout = std::chrono::minutes{5};
constexpr Time kBegan{std::chrono::hours{24 * 365 * 56}};

Workspace in_phase(Phase phase, DesiredState wanted = DesiredState::running)
{
    Workspace ws;
    ws.metadata.name = "abc";
    ws.spec.desiredState = wanted;
    ws.status.phase = phase;
    ws.status.message = "the sentence of the status";
    ws.status.history.push_back({phase, "Test", kBegan});
    ws.status.decisions.push_back({kBegan, "wait", "ContainerEnding", "no service"});
    return ws;
}

void set(Workspace& ws, const char* type, ConditionStatus status, const char* reason)
{
    ws.status.conditions.push_back(
        {type, status, reason, "what is wrong", kBegan + std::chrono::seconds{7}, 1});
}

struct Row {
    const char* what;
    Phase phase;
    DesiredState wanted;
    std::vector<std::tuple<const char*, ConditionStatus, const char*>> conditions;
    const char* reason; ///< empty: as wanted
    const char* condition;
};

TEST(Explain, NamesTheCauseThatCounts)
{
    constexpr auto kNo = ConditionStatus::False;
    constexpr auto kYes = ConditionStatus::True;
    constexpr auto kUp = DesiredState::running;
    constexpr auto kDown = DesiredState::stopped;
    const Row rows[] = {
        {"just made", Phase::pending, kUp, {}, "NotSeenYet", ""},
        {"no image", Phase::starting, kUp, {{"Placed", kNo, "ImageMissing"}}, "ImageMissing", "Placed"},
        {"the first that is missing", Phase::starting, kUp,
            {{"Placed", kYes, "ContainerRuns"}, {"Restored", kNo, "S3Denied"},
                {"Routed", kNo, "NotAskedYet"}},
            "S3Denied", "Restored"},
        {"a name that is taken", Phase::starting, kUp,
            {{"Placed", kNo, "ContainerStarting"}, {"NameTaken", kYes, "ForeignService"}}, "ForeignService",
            "NameTaken"},
        {"only the proxy is missing", Phase::starting, kUp,
            {{"Placed", kYes, ""}, {"Restored", kYes, ""}, {"Healthy", kYes, ""},
                {"Routed", kNo, "NotServedYet"}},
            "NotServedYet", "Routed"},
        {"no condition says it", Phase::starting, kUp, {}, "ContainerEnding", ""},
        {"well", Phase::running, kUp, {{"Healthy", kYes, "ProbesAnswer"}}, "", ""},
        {"isolation off is no trouble", Phase::running, kUp, {{"Isolated", kNo, "SwitchedOff"}}, "", ""},
        {"unwell", Phase::running, kUp, {{"Healthy", kNo, "ProbeMissed"}}, "ProbeMissed", "Healthy"},
        {"nobody knows", Phase::running, kUp, {{"Healthy", ConditionStatus::Unknown, "AgentSilent"}},
            "AgentSilent", "Healthy"},
        {"the controller's own trouble", Phase::starting, kUp,
            {{"Ready", kNo, "Unavailable"}, {"Placed", kNo, "ImageMissing"}}, "Unavailable", "Ready"},
        {"given up", Phase::failed, kUp, {{"Failed", kYes, "CrashLoop"}}, "CrashLoop", "Failed"},
        {"told to stop a moment ago", Phase::running, kDown, {{"Healthy", kYes, ""}}, "NotSeenYet", ""},
        {"stopping", Phase::stopping, kDown, {}, "ContainerEnding", ""},
        {"at risk", Phase::stopping, kDown, {{"DataAtRisk", kYes, "S3Denied"}}, "S3Denied", "DataAtRisk"},
        {"stopped", Phase::stopped, kDown, {}, "", ""},
        {"archived", Phase::archived, kDown, {}, "", ""},
        {"started again a moment ago", Phase::archived, kUp, {}, "NotSeenYet", ""},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        auto ws = in_phase(row.phase, row.wanted);
        for (const auto& [type, status, reason] : row.conditions) set(ws, type, status, reason);
        const auto explained = explain(ws, kTimeout);
        const std::string reason = explained.blocking ? explained.blocking->reason : "";
        EXPECT_EQ(reason, row.reason);
        EXPECT_EQ(explained.asWanted, reason.empty());
        EXPECT_EQ(explained.wanted, row.wanted);
        EXPECT_THAT(explained.summary, HasSubstr(reason));
        if (!explained.blocking) continue;
        const auto& why = *explained.blocking;
        EXPECT_EQ(why.condition, row.condition);
        EXPECT_FALSE(why.waitsFor.empty());
        EXPECT_FALSE(why.unblock.empty());
        EXPECT_EQ(why.since, kBegan + std::chrono::seconds{why.condition.empty() ? 0 : 7});
        EXPECT_EQ(why.deadline.has_value(), row.phase == Phase::starting);
    }
}

TEST(Explain, DeletionIsAWishLikeAnyOther)
{
    auto ws = in_phase(Phase::running);
    ws.metadata.deletionTimestamp = kBegan + std::chrono::seconds{1};
    const auto explained = explain(ws, kTimeout);
    EXPECT_EQ(explained.wanted, DesiredState::stopped);
    EXPECT_EQ(explained.blocking->reason, "NotSeenYet");
    EXPECT_EQ(explained.blocking->since, ws.metadata.deletionTimestamp);
}

TEST(Explain, TheDeadlineIsThatOfTheReconciler)
{
    auto ws = in_phase(Phase::starting);
    set(ws, "Placed", ConditionStatus::False, "ImageMissing");
    EXPECT_EQ(explain(ws, kTimeout).blocking->deadline, kBegan + kTimeout);
    ws.status.incidentRestarts = 1;
    EXPECT_EQ(explain(ws, kTimeout).blocking->deadline, kBegan + std::chrono::minutes{2});
    ws = in_phase(Phase::starting);
    set(ws, "Restored", ConditionStatus::False, "Restoring");
    EXPECT_FALSE(explain(ws, kTimeout).blocking->deadline)
        << "a restore that goes on has all the time it needs";
    ws = in_phase(Phase::starting);
    set(ws, "Restored", ConditionStatus::True, "FilesAreThere");
    set(ws, "Healthy", ConditionStatus::False, "ProbeFailed");
    EXPECT_EQ(explain(ws, kTimeout).blocking->deadline, kBegan + std::chrono::seconds{7} + kTimeout);
}

TEST(Explain, ReasonsAreNamedOnceAndInTheDocumentation)
{
    std::ifstream file(BERTH_SOURCE_DIR "/docs/LIFECYCLE.md"); // wherever the test is run from
    ASSERT_TRUE(file) << BERTH_SOURCE_DIR "/docs/LIFECYCLE.md";
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::set<std::string_view> seen;
    for (const auto& help : reason_table()) {
        EXPECT_TRUE(seen.insert(help.reason).second) << help.reason;
        EXPECT_NE(text.find("`" + std::string(help.reason) + "`"), std::string::npos) << help.reason;
    }
    EXPECT_EQ(reason_help("Unheard"), nullptr);
}

class ExplainTest : public ActionTest {
protected:
    void SetUp() override
    {
        ActionTest::SetUp();
        explain_action.mount(router);
    }
    ExplainAction explain_action{cache, kTimeout};
};

TEST_F(ExplainTest, AnswersUnderBothNames)
{
    const auto id = started();
    set_status(id, [](WorkspaceStatus& status) {
        status.phase = Phase::starting;
        status.history.push_back({Phase::starting, "Started", kBegan});
        status.conditions.push_back(
            {"Placed", ConditionStatus::False, "ImageMissing", "No such image: x", kBegan, 1});
        status.decisions.push_back({kBegan, "create", "NothingInTheWay", "no service; no tasks"});
        status.health.history.push_back({kBegan, {true, false, false}});
    });
    const auto reply = ask({"GET", "/api/containers/" + id + "/explain"});
    EXPECT_EQ(reply.status, 200u);
    const auto answer = body(reply);
    EXPECT_EQ(answer.at("phase"), json::value("starting"));
    EXPECT_EQ(answer.at("asWanted"), json::value(false));
    EXPECT_EQ(answer.at("blocking").at("reason"), json::value("ImageMissing"));
    EXPECT_EQ(answer.at("blocking").at("condition"), json::value("Placed"));
    EXPECT_TRUE(answer.at("blocking").as_object().contains("deadline"));
    EXPECT_EQ(answer.at("decisions").at(0).at("basedOn"), json::value("no service; no tasks"));
    EXPECT_EQ(answer.at("history").at(0).at("reason"), json::value("Started"));
    EXPECT_EQ(answer.at("probes").at(0).at("checks").at("codeServer"), json::value(true));
    EXPECT_EQ(reply.body.find("install-secret"), std::string::npos);
    EXPECT_EQ(ask({"GET", "/api/v1/orgs/default/workspaces/" + id + "/explain"}).body, reply.body);
    EXPECT_EQ(error({"GET", "/api/containers/nobody/explain"}), "CONTAINER_NOT_FOUND 404");
    EXPECT_EQ(error({"GET", "/api/v1/orgs/default/workspaces/nobody/explain"}), "NOT_FOUND 404");
    EXPECT_EQ(error({"GET", "/api/v1/orgs/other/workspaces/" + id + "/explain"}), "NOT_FOUND 404");
}

} // namespace
} // namespace berth
