#include "metrics/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

namespace berth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// The value of one exposed line, by its name and labels.
std::optional<double> value_of(const std::string& text, const std::string& series)
{
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
    return std::nullopt;
}

TEST(MetricsTest, ExportsWhatWasCountedWithItsLabels)
{
    Metrics metrics{"1.2.3"};
    metrics.workqueue_adds.with({"workspace"}).Increment();
    metrics.workqueue_adds.with({"workspace"}).Increment(2);
    metrics.rest_client_requests.with({"200", "GET", "docker"}).Increment();
    metrics.workspaces.with({"running"}).Set(7);

    const auto text = metrics.serialize();
    EXPECT_EQ(value_of(text, R"(workqueue_adds_total{name="workspace"})"), 3);
    EXPECT_EQ(value_of(text, R"(rest_client_requests_total{code="200",host="docker",method="GET"})"), 1);
    EXPECT_EQ(value_of(text, R"(berth_workspaces{phase="running"})"), 7);
    EXPECT_EQ(value_of(text, R"(berth_build_info{version="1.2.3"})"), 1);
    EXPECT_THAT(text, HasSubstr("# TYPE workqueue_adds_total counter"));
    EXPECT_THAT(text, HasSubstr("# HELP workqueue_adds_total "));
}

TEST(MetricsTest, HandsOutTheSameHandleForTheSameLabels)
{
    Metrics metrics;
    auto& first = metrics.http_requests.with({"GET", "/api/health", "200"});
    EXPECT_EQ(&first, &metrics.http_requests.with({"GET", "/api/health", "200"}));
    EXPECT_NE(&first, &metrics.http_requests.with({"GET", "/api/health", "401"}));
}

TEST(MetricsTest, RefusesAWrongNumberOfLabelValues)
{
    Metrics metrics;
    EXPECT_THROW(metrics.http_requests.with({"GET"}), std::logic_error);
}

TEST(MetricsTest, HistogramsCountInTheirBuckets)
{
    Metrics metrics;
    metrics.store_write_duration->Observe(0.0002);
    metrics.store_write_duration->Observe(0.3);
    const auto text = metrics.serialize();
    EXPECT_EQ(value_of(text, R"(berth_store_write_duration_seconds_bucket{le="0.00025"})"), 1);
    EXPECT_EQ(value_of(text, R"(berth_store_write_duration_seconds_bucket{le="0.5"})"), 2);
    EXPECT_EQ(value_of(text, "berth_store_write_duration_seconds_count"), 2);
}

TEST(MetricsTest, DescribesTheProcess)
{
    Metrics metrics;
    const auto before = value_of(metrics.serialize(), "process_open_fds");
    std::ifstream held("/proc/self/status");
    const auto text = metrics.serialize();
    ASSERT_TRUE(before);
    EXPECT_EQ(value_of(text, "process_open_fds"), *before + 1);
    EXPECT_GT(value_of(text, "process_resident_memory_bytes").value_or(0), 1e6);
    EXPECT_GT(value_of(text, "process_cpu_seconds_total").value_or(0), 0);
    const auto now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    EXPECT_NEAR(value_of(text, "process_start_time_seconds").value_or(0), now, 300);
}

/// The exposition is read by others: every line must have the form that they expect, every name its rules.
TEST(MetricsTest, TextIsWellFormedAndNamesFollowTheConventions)
{
    Metrics metrics;
    metrics.reconcile_total.with({"workspace", "success"}).Increment();
    metrics.workspace_start.with({"Started"}).Observe(1);
    const std::regex sample(R"(^[a-z_:][a-z0-9_:]*(\{[^{}]*\})? -?[0-9.e+-]+$|^.*\+Inf.*$)");
    std::istringstream lines(metrics.serialize());
    std::size_t samples = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("# TYPE ")) {
            std::istringstream words(line.substr(7));
            std::string name, type;
            words >> name >> type;
            EXPECT_EQ(name.ends_with("_total"), type == "counter") << line;
        } else if (!line.starts_with("#")) {
            ++samples;
            EXPECT_TRUE(std::regex_match(line, sample)) << line;
        }
    }
    EXPECT_GT(samples, 20U);
}

} // namespace
} // namespace berth
