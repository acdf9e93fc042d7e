// Sizes by the clock, what makes a slot another one, and what a workspace's environment says.

#include "api/types/warm_pool.hpp"
#include "api/types/workspace_environment.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

Time at(const char* text) { return *parse_time(text); }

TEST(WarmPoolSize, TheScheduleReplacesTheSizeWhileItHolds)
{
    WarmPoolSpec spec;
    spec.size = 2;
    spec.schedule = {{{Weekday::monday, Weekday::tuesday}, "08:00", "18:00", 10}, {{}, "22:00", "02:00", 0}};
    EXPECT_EQ(pool_size_at(spec, at("2026-11-23T07:59:59Z")), 2); // a Monday
    EXPECT_EQ(pool_size_at(spec, at("2026-11-23T08:00:00Z")), 10);
    EXPECT_EQ(pool_size_at(spec, at("2026-11-24T17:59:59Z")), 10);
    EXPECT_EQ(pool_size_at(spec, at("2026-11-24T18:00:00Z")), 2);
    EXPECT_EQ(pool_size_at(spec, at("2026-11-25T12:00:00Z")), 2) << "not on Wednesdays";
    EXPECT_EQ(pool_size_at(spec, at("2026-11-25T23:00:00Z")), 0) << "every evening";
    EXPECT_EQ(pool_size_at(spec, at("2026-11-26T01:59:00Z")), 0) << "over midnight";
    EXPECT_EQ(pool_size_at(spec, at("2026-11-26T02:00:00Z")), 2);
}

TEST(WarmPoolSize, HoursOverMidnightBelongToTheDayTheyBeginOn)
{
    WarmPoolSpec spec;
    spec.schedule = {{{Weekday::sunday}, "20:00", "04:00", 5}};
    EXPECT_EQ(pool_size_at(spec, at("2026-11-22T21:00:00Z")), 5); // a Sunday
    EXPECT_EQ(pool_size_at(spec, at("2026-11-23T03:00:00Z")), 5);
    EXPECT_EQ(pool_size_at(spec, at("2026-11-22T03:00:00Z")), 0) << "that night began on Saturday";
    spec.schedule = {{{}, "00:00", "00:00", 7}};
    EXPECT_EQ(pool_size_at(spec, at("2026-11-22T13:00:00Z")), 7) << "a whole day";
}

TEST(WarmPoolSize, NeverMoreThanTheMaximum)
{
    WarmPoolSpec spec;
    spec.size = 8;
    spec.maximum = 3;
    EXPECT_EQ(pool_size_at(spec, Time{}), 3);
    spec.maximum = 0;
    EXPECT_EQ(pool_size_at(spec, Time{}), 8);
}

std::vector<std::string> problems_of(const char* text)
{
    std::vector<std::string> fields;
    try {
        decode<WarmPoolSpec>(json::parse(text), Unknown::Reject);
    } catch (const Error& error) {
        for (const auto& problem : error.problems()) fields.push_back(problem.field);
    }
    return fields;
}

TEST(WarmPoolSpec, WrongValuesAreNamed)
{
    using Fields = std::vector<std::string>;
    EXPECT_EQ(problems_of(R"({"size":3,"schedule":[{"from":"09:30","to":"23:59","size":1}]})"), Fields{});
    EXPECT_EQ(problems_of(R"({"size":-1})"), Fields{"/size"});
    EXPECT_EQ(problems_of(R"({"size":1,"maximum":1001})"), Fields{"/maximum"});
    EXPECT_EQ(problems_of(R"({"size":1,"template":"No"})"), Fields{"/template"});
    EXPECT_EQ(problems_of(R"({})"), Fields{"/size"});
    for (const char* time : {"24:00", "9:30", "09:60", "09.30", "ab:cd", ""})
        EXPECT_EQ(problems_of((R"({"size":1,"schedule":[{"from":")" + std::string(time) +
                               R"(","to":"10:00","size":1}]})")
                                  .c_str()),
            Fields{"/schedule/0/from"})
            << time;
    EXPECT_EQ(
        problems_of(R"({"size":1,"schedule":[{"days":["someday"],"from":"01:00","to":"02:00","size":1}]})"),
        Fields{"/schedule/0/days/0"});
}

TEST(SlotHash, EverythingThatASlotRunsCounts)
{
    WorkspaceTemplateSpec flavor;
    flavor.image = "a:1";
    const auto hash = slot_hash("", flavor);
    EXPECT_EQ(slot_hash("", flavor), hash);
    EXPECT_LE(hash.size(), 63u) << "it is the value of a label";
    EXPECT_NE(slot_hash("named", flavor), hash);
    for (const auto& change :
        std::vector<std::function<void(WorkspaceTemplateSpec&)>>{[](auto& f) { f.image = "a:2"; },
            [](auto& f) { f.limits.cpuLimit = 1; }, [](auto& f) { f.limits.memoryLimit = 1; },
            [](auto& f) { f.pidsLimit = 100; }, [](auto& f) { f.env["A"] = "1"; }}) {
        auto other = flavor;
        change(other);
        EXPECT_NE(slot_hash("", other), hash);
    }
    auto described = flavor;
    described.description = "words";
    EXPECT_EQ(slot_hash("", described), hash);
}

Workspace with_source()
{
    Workspace workspace;
    workspace.metadata.name = "abc";
    workspace.spec.s3 = {"demo", "eu-central-1", "a/b", "", "mine", Secret{"secret"}};
    return workspace;
}

TEST(WorkspaceEnvironment, SaysWhereTheFilesAreAndNoKey)
{
    auto workspace = with_source();
    workspace.spec.env["COLOR"] = "red";
    const std::map<std::string, std::string> expected{{"BERTH_WORKSPACE_ID", "abc"}, {"COLOR", "red"},
        {"S3_BUCKET", "demo"}, {"S3_PREFIX", "a/b"}, {"S3_REGION", "eu-central-1"}};
    EXPECT_EQ(workspace_environment(workspace, "platform"), expected);
    workspace.spec.env["S3_PREFIX"] = "own";
    EXPECT_EQ(workspace_environment(workspace, "platform").at("S3_PREFIX"), "own") << "the request wins";
    workspace.spec.env["BERTH_WORKSPACE_ID"] = "other";
    EXPECT_EQ(workspace_environment(workspace, "platform").at("BERTH_WORKSPACE_ID"), "abc");
}

TEST(WorkspaceEnvironment, CredentialsOnlyOnRequestAndNeverTheInstalls)
{
    auto workspace = with_source();
    workspace.spec.exposeS3Credentials = true;
    workspace.spec.s3.endpoint = "https://s3.example";
    const auto env = workspace_environment(workspace, "platform");
    EXPECT_EQ(env.at("AWS_ACCESS_KEY_ID"), "mine");
    EXPECT_EQ(env.at("AWS_SECRET_ACCESS_KEY"), "secret");
    EXPECT_EQ(env.at("S3_ENDPOINT"), "https://s3.example");
    EXPECT_EQ(env.at("AWS_REGION"), "eu-central-1");
    EXPECT_FALSE(workspace_environment(workspace, "mine").contains("AWS_SECRET_ACCESS_KEY"));
    workspace.spec.s3.accessKeyId.clear();
    EXPECT_FALSE(workspace_environment(workspace, "platform").contains("AWS_ACCESS_KEY_ID"));
}

TEST(WorkspaceEnvironment, ASlotKnowsItsNameOnly)
{
    Workspace slot;
    slot.metadata.name = "abc";
    slot.spec.pool = "default";
    EXPECT_EQ(
        workspace_environment(slot, ""), (std::map<std::string, std::string>{{"BERTH_WORKSPACE_ID", "abc"}}));
}

} // namespace
} // namespace berth
