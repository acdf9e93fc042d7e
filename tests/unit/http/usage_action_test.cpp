// W36: what workspaces, nodes and the cluster use, in the API and in the metrics.

#include "tests/unit/http/action_fixture.hpp"

#include "api/types/node.hpp"

#include <gmock/gmock.h>

namespace berth {
namespace {

using testing::HasSubstr;
using testing::Not;

class UsageTest : public ActionTest {
protected:
    void report(const std::string& node, Time at)
    {
        NodeReport report;
        report.metadata.name = node;
        report.spec.hostname = "host-" + node;
        report.spec.reportedAt = at;
        report.spec.usage = {4, 1.5, 1000, 250, 2000, 500, 3, 5};
        h.put(report);
    }
    std::string run_on(const std::string& node, double cpu, std::int64_t memory)
    {
        const auto id = started();
        set_status(id, [&](WorkspaceStatus& status) {
            status.phase = Phase::running;
            status.nodeId = node;
            status.nodeName = "host-" + node;
            status.resourceUsage = ResourceUsage{cpu, memory, 10};
        });
        return id;
    }
    std::string series()
    {
        usage.measure();
        return h.metrics.serialize();
    }
};

// W36
TEST_F(UsageTest, ShowsWorkspacesNodesAndTheirSums)
{
    const auto id = run_on("n1", 0.5, 100);
    const auto lost = run_on("n2", 0.25, 50);
    started();
    report("n1", h.clock.now());
    report("n2", h.clock.now() - std::chrono::seconds{121});
    const auto answer = body(ask({"GET", "/api/usage"}));
    EXPECT_EQ(answer.at("cluster").at("nodes"), json::value(2));
    EXPECT_EQ(answer.at("cluster").at("staleNodes"), json::value(1));
    EXPECT_EQ(answer.at("cluster").at("usage").at("memoryUsed"), json::value(250))
        << "a silent node is not known";
    EXPECT_EQ(answer.at("cluster").at("workspaces"), json::value(2))
        << "one that waits has nothing to use yet";
    EXPECT_EQ(answer.at("cluster").at("workspaceMemory"), json::value(100));
    ASSERT_EQ(answer.at("nodes").as_array().size(), 2u);
    EXPECT_EQ(answer.at("nodes").at(0).at("workspaceCpu"), json::value(0.5));
    EXPECT_EQ(answer.at("nodes").at(0).at("stale"), json::value(false));
    EXPECT_EQ(answer.at("nodes").at(1).at("stale"), json::value(true));
    EXPECT_FALSE(answer.at("nodes").at(1).as_object().contains("usage"));
    for (const auto& use : answer.at("workspaces").as_array()) {
        EXPECT_EQ(use.at("owner"), json::value("alice"));
        EXPECT_EQ(use.as_object().contains("cpu"), use.at("id") == json::value(id));
    }
    (void)lost;
}

TEST_F(UsageTest, SeriesGoWithWhatTheyAreOf)
{
    report("n1", h.clock.now());
    const auto id = run_on("n1", 0.5, 100);
    EXPECT_THAT(series(), HasSubstr("berth_workspace_cpu_cores{workspace=\"" + id + "\"} 0.5"));
    EXPECT_THAT(series(), HasSubstr("berth_workspace_memory_bytes{workspace=\"" + id + "\"} 100"));
    EXPECT_THAT(series(), HasSubstr("berth_node_memory_used_bytes{node=\"host-n1\"} 250"));
    set_status(id, [](WorkspaceStatus& status) { status.phase = Phase::stopped; });
    EXPECT_THAT(series(), Not(HasSubstr(id)));
    EXPECT_THAT(series(), HasSubstr("host-n1"));
    h.clock.advance(std::chrono::minutes{3});
    EXPECT_THAT(series(), Not(HasSubstr("host-n1"))) << "a silent node uses nobody knows what";
}

TEST_F(UsageTest, HealthDoesNotTakeSilenceForNothing)
{
    report("n1", h.clock.now() - std::chrono::minutes{3});
    const auto answer = body(ask({"GET", "/api/health"}));
    EXPECT_FALSE(answer.as_object().contains("memory"));
    EXPECT_TRUE(answer.as_object().contains("containers"));
}

} // namespace
} // namespace berth
