// The S3 requests that agents report, as counters that only rise.

#include "api/actions/s3_requests.hpp"
#include "tests/fakes/harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RequestsSince, AFallIsAnAgentThatBeganAnew)
{
    EXPECT_EQ(requests_since(0, 5), 5);
    EXPECT_EQ(requests_since(5, 5), 0);
    EXPECT_EQ(requests_since(5, 12), 7);
    EXPECT_EQ(requests_since(12, 3), 3);
    EXPECT_EQ(requests_since(12, 0), 0);
    EXPECT_EQ(requests_since(12, -4), 0);
    EXPECT_EQ(requests_since(0, std::numeric_limits<std::int64_t>::min()), 0);
}

class S3Requests : public testing::Test {
protected:
    void report(
        const std::string& workspace, const std::string& node, std::int64_t requests, bool files = true)
    {
        WorkspaceReport report;
        report.metadata.name = workspace;
        report.spec.nodeId = node;
        report.spec.filesVolume = files;
        report.spec.sync.s3Requests = requests;
        h.put(report);
        h.settle();
    }
    std::string exported() { return h.metrics.serialize(); }
    double total() { return h.metrics.s3_requests->Value(); }
    /// A berthd that has just started.
    void begin() { count = std::make_unique<S3RequestCount>(h.store(), h.metrics); }

    Harness h;
    std::unique_ptr<S3RequestCount> count;
};

// W36
TEST_F(S3Requests, RiseWithTheReportsOverRestartsOfTheAgent)
{
    begin();
    EXPECT_THAT(exported(), HasSubstr("\nberth_s3_requests_total 0\n")) << "there before the first request";
    report("a", "n1", 4);
    report("b", "n1", 1);
    report("a", "n1", 10);
    EXPECT_EQ(total(), 11);
    EXPECT_THAT(exported(), HasSubstr("\nberth_workspace_s3_requests_total{workspace=\"a\"} 10\n"));
    report("a", "n1", 0);
    EXPECT_EQ(total(), 11) << "the agent has begun anew";
    report("a", "n1", 3);
    report("a", "n1", 3);
    EXPECT_EQ(total(), 14);
    EXPECT_THAT(exported(), HasSubstr("\nberth_workspace_s3_requests_total{workspace=\"a\"} 13\n"));
    EXPECT_THAT(exported(), HasSubstr("# TYPE berth_workspace_s3_requests_total counter\n"));
}

TEST_F(S3Requests, EachNodeCountsForItself)
{
    begin();
    report("a", "n1", 10);
    report("a", "n2", 12);
    EXPECT_EQ(total(), 22) << "the workspace has moved";
    report("a", "n1", 11);
    EXPECT_EQ(total(), 23) << "and back";
}

TEST_F(S3Requests, WhatWasReportedBeforeIsNotCountedAgain)
{
    report("a", "n1", 100);
    begin();
    EXPECT_EQ(total(), 0);
    EXPECT_THAT(exported(), HasSubstr("\nberth_workspace_s3_requests_total{workspace=\"a\"} 0\n"));
    report("a", "n1", 103);
    EXPECT_EQ(total(), 3);
}

TEST_F(S3Requests, TheSeriesOfAWorkspaceGoesWithItsFiles)
{
    begin();
    report("a", "n1", 5);
    report("a", "n1", 7, false);
    EXPECT_THAT(exported(), Not(HasSubstr("workspace=\"a\""))) << "it is stopped";
    EXPECT_EQ(total(), 7) << "its last requests are counted";
    report("a", "n1", 9);
    EXPECT_THAT(exported(), HasSubstr("\nberth_workspace_s3_requests_total{workspace=\"a\"} 2\n"));
    h.remove<WorkspaceReport>("default", "a");
    h.settle();
    EXPECT_THAT(exported(), Not(HasSubstr("workspace=\"a\"")));
    report("a", "n1", 1);
    EXPECT_EQ(total(), 10) << "another workspace of the same name";
}

} // namespace
} // namespace berth
