// W7: what the overview shows, and its buttons.

#include "tests/unit/http/action_fixture.hpp"

#include "api/actions/dashboard.hpp"
#include "api/types/warm_pool.hpp"

namespace berth {
namespace {

class DashboardTest : public ActionTest {
protected:
    void SetUp() override
    {
        ActionTest::SetUp();
        dashboard.mount(router);
    }
    std::string in_phase(Phase phase)
    {
        const auto id = started();
        if (phase == Phase::stopping || phase == Phase::stopped || phase == Phase::archived)
            ask({"DELETE", "/api/containers/" + id});
        set_status(id, [&](WorkspaceStatus& status) { status.phase = phase; });
        return id;
    }
    json::value overview() { return body(ask({"GET", "/api/dashboard/overview"})); }
    unsigned act(const std::string& id, const std::string& action)
    {
        return ask({"POST", "/api/dashboard/container/" + id + "/action", R"({"action":")" + action + "\"}"}).status;
    }

    Dashboard dashboard{h.store(), cache, usage, containers};
};

// W7
TEST_F(DashboardTest, CountsWhatIsSomebodysAndNamesWhoIsInTrouble)
{
    in_phase(Phase::running);
    in_phase(Phase::stopped);
    in_phase(Phase::archived);
    const auto failed = in_phase(Phase::failed);
    set_status(failed, [&](WorkspaceStatus& status) {
        status.conditions = {{"Failed", ConditionStatus::True, "ImageMissing", "no such image", {}, 1}};
    });
    const auto risky = in_phase(Phase::stopping);
    set_status(risky, [&](WorkspaceStatus& status) {
        status.conditions = {{"DataAtRisk", ConditionStatus::True, "S3Denied", "the files are on n1", {}, 1}};
    });
    Workspace slot;
    slot.metadata.name = "slot";
    slot.spec.pool = "small";
    h.put(slot);
    WarmPool pool;
    pool.metadata.name = "small";
    pool.spec.size = 3;
    h.put(pool);
    h.settle();
    const auto seen = overview();
    EXPECT_EQ(seen.at("containers"), (json::value{{"starting", 0}, {"running", 1}, {"stopping", 1}, {"stopped", 1},
                                         {"failed", 1}, {"total", 4}}));
    EXPECT_EQ(seen.at("pools").at(0).at("name"), json::value("small"));
    ASSERT_EQ(seen.at("trouble").as_array().size(), 2u);
    for (const auto& one : seen.at("trouble").as_array()) {
        const bool is_failed = one.at("id") == json::value(failed);
        EXPECT_EQ(one.at("reason"), json::value(is_failed ? "ImageMissing" : "DataAtRisk"));
        EXPECT_EQ(one.at("message"), json::value(is_failed ? "no such image" : "the files are on n1"));
    }
}

TEST_F(DashboardTest, ShowsNodesAsDockerAndTheirAgentsSeeThem)
{
    Node node;
    node.metadata.name = "n1";
    h.put(node);
    node = h.get<Node>("default", "n1");
    node.status.hostname = "host-1";
    node.status.state = "down";
    node.status.conditions = {{"Ready", ConditionStatus::False, "NodeDown", "Docker says down", {}, 1}};
    auto write = [node](Txn& txn) { txn.put_status(node); };
    h.transact(std::move(write));
    NodeReport report;
    report.metadata.name = "n1";
    report.spec.reportedAt = h.clock.now();
    report.spec.usage.memoryTotal = 1000;
    h.put(report);
    const auto seen = body(ask({"GET", "/api/dashboard/nodes"})).at("nodes").at(0);
    EXPECT_EQ(seen.at("hostname"), json::value("host-1"));
    EXPECT_EQ(seen.at("ready"), json::value(false));
    EXPECT_EQ(seen.at("message"), json::value("Docker says down"));
    EXPECT_EQ(seen.at("usage").at("memoryTotal"), json::value(1000));
    h.advance(std::chrono::minutes{3});
    EXPECT_FALSE(body(ask({"GET", "/api/dashboard/nodes"})).at("nodes").at(0).as_object().contains("usage"));
}

TEST_F(DashboardTest, ItsButtonsAreTheVerbs)
{
    const auto id = in_phase(Phase::running);
    EXPECT_EQ(act(id, "start"), 200u) << "it runs already";
    EXPECT_EQ(act(id, "restart"), 202u);
    EXPECT_EQ(stored(id).spec.restarts, 1);
    EXPECT_EQ(act(id, "stop"), 202u);
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::stopped);
    EXPECT_EQ(stored(id).spec.stopReason, "manual");
    set_status(id, [](WorkspaceStatus& status) { status.phase = Phase::stopped; });
    EXPECT_EQ(act(id, "start"), 202u);
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::running);
}

TEST_F(DashboardTest, DeleteLetsTheReconcilerFinish)
{
    const auto id = in_phase(Phase::running);
    auto add = [id](Txn& txn) { txn.add_finalizer<Workspace>({"default", id}, kFinalizer); };
    h.transact(std::move(add));
    EXPECT_EQ(act(id, "delete"), 202u);
    EXPECT_TRUE(stored(id).metadata.deletionTimestamp);
    EXPECT_EQ(act(id, "delete"), 200u);
    EXPECT_EQ(error({"POST", "/api/dashboard/container/" + id + "/action", R"({"action":"start"})"}), "CONFLICT 409");
}

TEST_F(DashboardTest, RefusesWhatItDoesNotKnow)
{
    const auto id = started();
    const auto where = "/api/dashboard/container/" + id + "/action";
    EXPECT_EQ(error({"POST", where, R"({"action":"explode"})"}), "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"POST", where, "{}"}), "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"POST", "/api/dashboard/container/nobody/action", R"({"action":"delete"})"}),
        "CONTAINER_NOT_FOUND 404");
}

} // namespace
} // namespace berth
