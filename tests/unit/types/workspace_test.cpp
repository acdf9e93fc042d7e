#include "api/types/workspace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace berth {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> wrong_fields(const WorkspaceSpec& spec)
{
    Problems problems;
    check_rules(spec.s3, "/s3", problems);
    validate(spec.s3, "/s3", problems);
    check_rules(spec, "", problems);
    validate(spec, "", problems);
    std::vector<std::string> fields;
    for (const auto& problem : problems) fields.push_back(problem.field);
    return fields;
}

WorkspaceSpec good()
{
    WorkspaceSpec spec;
    spec.s3.bucket = "demo";
    return spec;
}

TEST(WorkspaceSpec, AcceptsOnlyServersAsEndpoints)
{
    for (const char* endpoint :
        {"http://seaweedfs:8333", "https://s3.example.org", "http://10.0.0.1:9000/", "http://[::1]:9000"}) {
        auto spec = good();
        spec.s3.endpoint = endpoint;
        EXPECT_THAT(wrong_fields(spec), IsEmpty()) << endpoint;
    }
    for (const char* endpoint : {"http://:9977", "http://", "ftp://x", "http://h/api?", "http://h/#",
             "http://u:p@h", "http://h/x", "seaweedfs:8333"}) {
        auto spec = good();
        spec.s3.endpoint = endpoint;
        EXPECT_THAT(wrong_fields(spec), ElementsAre("/s3/endpoint")) << endpoint;
    }
}

TEST(WorkspaceSpec, RefusesARegionThatATransferWouldMisread)
{
    for (const char* region : {"eu:x:y", "", "eu,env_auth=true", "EU WEST"}) {
        auto spec = good();
        spec.s3.region = region;
        EXPECT_THAT(wrong_fields(spec), ElementsAre("/s3/region")) << region;
    }
}

TEST(WorkspaceSpec, TakesFoldersToSearchAndNoOtherPath)
{
    for (const char* path : {"/a", "/workspace/bin:/opt/x y", "/"}) {
        auto spec = good();
        spec.env["PATH"] = path;
        EXPECT_THAT(wrong_fields(spec), IsEmpty()) << path;
    }
    for (const char* path : {"", ":", "/a:", ":/a", "/a::/b", "bin", "$PATH:/a", "/a:bin", "/a\n:/b"}) {
        auto spec = good();
        spec.env["PATH"] = path;
        EXPECT_THAT(wrong_fields(spec), ElementsAre("/env/PATH")) << path;
    }
}

TEST(WorkspaceSpec, RefusesAPasswordThatVncWouldCut)
{
    auto spec = good();
    spec.vncPassword = Secret{"12345678"};
    EXPECT_THAT(wrong_fields(spec), IsEmpty());
    spec.vncPassword = Secret{"123456789"};
    EXPECT_THAT(wrong_fields(spec), ElementsAre("/vncPassword"));
}

TEST(WorkspaceSpec, CountsRestartsWithoutLeavingWhatIsValid)
{
    auto spec = good();
    spec.restarts = std::numeric_limits<std::int64_t>::max();
    EXPECT_THAT(wrong_fields(spec), ElementsAre("/restarts"));
    spec.restarts = 1'000'000'000;
    EXPECT_THAT(wrong_fields(spec), IsEmpty());
    request_restart(spec);
    EXPECT_THAT(wrong_fields(spec), IsEmpty());
    EXPECT_NE(spec.restarts, 1'000'000'000);
    const auto before = spec.restarts;
    request_restart(spec);
    EXPECT_NE(spec.restarts, before);
}

} // namespace
} // namespace berth
