// Writes of workspaces as plain resources obey the rules of the verbs.

#include "tests/unit/http/action_fixture.hpp"

#include "api/types/api_key.hpp"
#include "api/types/workspace_report.hpp"
#include "controller/base/random.hpp"

#include <gmock/gmock.h>

namespace berth {
namespace {

const std::string kAll = "/api/v1/orgs/default/workspaces";

class AdmissionTest : public ActionTest {
protected:
    static std::string wish(
        const std::string& name, const std::string& more = "", const std::string& meta = "")
    {
        return R"({"metadata":{"name":")" + name + "\"" + meta + R"(},"spec":{"s3":{"bucket":"demo")" + "}" +
               more + "}}";
    }
    Reply create(const std::string& name, const std::string& more = "")
    {
        return ask({"POST", kAll, wish(name, more)});
    }
    Reply patch(const std::string& name, const std::string& text)
    {
        return ask({"PATCH", kAll + "/" + name, text});
    }
    std::string patch_error(const std::string& name, const std::string& text)
    {
        return error({"PATCH", kAll + "/" + name, text});
    }
    /// The fields that a refused write names.
    std::vector<std::string> fields(Ask request)
    {
        std::vector<std::string> found;
        try {
            ask(std::move(request));
        } catch (const Error& refused) {
            for (const auto& problem : refused.problems()) found.push_back(problem.field);
        }
        return found;
    }
    void rest(const std::string& id)
    {
        set_status(id, [](WorkspaceStatus& status) {
            status.phase = Phase::stopped;
            status.nodeId.clear();
        });
    }
};

// W9, W25, W35
TEST_F(AdmissionTest, ACreatedOneIsLikeAStartedOne)
{
    EXPECT_EQ(create("w1").status, 201u);
    const auto made = stored("w1");
    EXPECT_EQ(made.metadata.labels.at("dev.berth.owner"), "alice");
    EXPECT_EQ(made.spec.vncPassword.reveal().size(), 8u);
    EXPECT_GE(made.spec.callbackToken.reveal().size(), 32u);
    ASSERT_EQ(buckets.checked.size(), 1u);
    EXPECT_EQ(buckets.checked[0].accessKeyId, "install-key");
    EXPECT_TRUE(made.spec.s3.accessKeyId.empty());

    buckets.problem = "the bucket does not exist";
    EXPECT_EQ(error({"POST", kAll, wish("w2")}), "INVALID_S3_BUCKET 400");
    EXPECT_EQ(error({"POST", kAll + "?dryRun=1", wish("w2")}), "INVALID_S3_BUCKET 400");
    EXPECT_FALSE(h.find<Workspace>("default", "w2"));
    buckets.problem.clear();
    EXPECT_THAT(
        fields({"POST", kAll, wish("w2", R"(,"template":"none")")}), testing::ElementsAre("/spec/template"));
}

TEST_F(AdmissionTest, WhatIsBerthsOwnIsNotWrittenByUsers)
{
    EXPECT_THAT(fields({"POST", kAll,
                    wish("w1", R"(,"pool":"p","claim":2,"callbackToken":"x")",
                        R"(,"labels":{"dev.berth.owner":"bob","mine":"1"})")}),
        testing::UnorderedElementsAre(
            "/spec/pool", "/spec/claim", "/spec/callbackToken", "/metadata/labels/dev.berth.owner"));
    create("w1");
    EXPECT_THAT(
        fields({"PATCH", kAll + "/w1", R"({"spec":{"claim":1}})"}), testing::ElementsAre("/spec/claim"));
    EXPECT_THAT(fields({"PATCH", kAll + "/w1", R"({"metadata":{"labels":{"dev.berth.owner":"bob"}}})"}),
        testing::ElementsAre("/metadata/labels/dev.berth.owner"));
    patch("w1", R"({"metadata":{"labels":{"dev.berth.owner":null,"mine":"1"}}})");
    EXPECT_EQ(stored("w1").metadata.labels, (Labels{{"dev.berth.owner", "alice"}, {"mine", "1"}}));
    const auto token = stored("w1").spec.callbackToken;
    EXPECT_EQ(ask({"PUT", kAll + "/w1", wish("w1", R"(,"env":{"A":"1"})")}).status, 200u);
    EXPECT_EQ(stored("w1").metadata.labels, (Labels{{"dev.berth.owner", "alice"}}));
    EXPECT_EQ(stored("w1").spec.callbackToken, token);

    principal = {"root", Role::admin, 0};
    EXPECT_EQ(
        patch("w1", R"({"spec":{"claim":1},"metadata":{"labels":{"dev.berth.owner":"bob"}}})").status, 200u);
    EXPECT_EQ(stored("w1").metadata.labels.at("dev.berth.owner"), "bob");
}

TEST_F(AdmissionTest, WhatWasReadCanBeWrittenBack)
{
    create("w1");
    const auto read = ask({"GET", kAll + "/w1"});
    EXPECT_EQ(ask({"PUT", kAll + "/w1", read.body}).status, 200u);
    EXPECT_EQ(stored("w1").metadata.generation, 1);
}

// W35
TEST_F(AdmissionTest, TheLimitOfAKeyHoldsOnBothWays)
{
    principal = {"carol", Role::user, 2};
    create("w1");
    const auto second = started();
    EXPECT_EQ(error({"POST", kAll, wish("w3")}), "RESOURCE_LIMIT_EXCEEDED 503");
    EXPECT_EQ(error({"PUT", kAll + "/w3", wish("w3")}), "RESOURCE_LIMIT_EXCEEDED 503");
    EXPECT_EQ(
        error({"POST", "/api/containers/start", R"({"s3Bucket":"demo"})"}), "RESOURCE_LIMIT_EXCEEDED 503");
    EXPECT_EQ(error({"POST", kAll, wish("w3", R"(,"desiredState":"stopped")")}), "none");
    EXPECT_EQ(patch_error("w3", R"({"spec":{"desiredState":"running"}})"), "RESOURCE_LIMIT_EXCEEDED 503");
    EXPECT_EQ(error({"POST", "/api/containers/w3/start"}), "RESOURCE_LIMIT_EXCEEDED 503");

    set_status(second, [](WorkspaceStatus& status) { status.phase = Phase::running; });
    ask({"DELETE", "/api/containers/" + second});
    EXPECT_EQ(patch_error("w3", R"({"spec":{"desiredState":"running"}})"), "RESOURCE_LIMIT_EXCEEDED 503")
        << "it still has its container";
    rest(second);
    EXPECT_EQ(patch_error("w3", R"({"spec":{"desiredState":"running"}})"), "none");
    EXPECT_EQ(error({"POST", "/api/containers/" + second + "/start"}), "RESOURCE_LIMIT_EXCEEDED 503");
}

TEST_F(AdmissionTest, AWishThatNobodyHasFollowedYetCounts)
{
    principal = {"carol", Role::user, 1};
    const auto id = started();
    ask({"DELETE", "/api/containers/" + id});
    rest(id);
    ask({"POST", "/api/containers/" + id + "/start"}); // its phase is still stopped
    EXPECT_EQ(
        error({"POST", "/api/containers/start", R"({"s3Bucket":"demo"})"}), "RESOURCE_LIMIT_EXCEEDED 503");
}

TEST_F(AdmissionTest, AContainerCountsForWhoeverMadeIt)
{
    principal = {"bob", Role::user, 1};
    const auto first = started();
    ask({"DELETE", "/api/containers/" + first});
    rest(first);
    started();
    principal = {"alice", Role::user, 0};
    EXPECT_EQ(error({"POST", "/api/containers/" + first + "/start"}), "RESOURCE_LIMIT_EXCEEDED 503")
        << "bob may have one";

    ApiKey key;
    key.metadata.name = "dave";
    key.spec = {sha256_hex("x"), Role::user, 1, false};
    h.put(key);
    principal = {"dave", Role::user, 1};
    const auto third = started();
    ask({"DELETE", "/api/containers/" + third});
    rest(third);
    started();
    principal = {"root", Role::admin, 0};
    EXPECT_EQ(error({"POST", "/api/containers/" + third + "/start"}), "RESOURCE_LIMIT_EXCEEDED 503");
}

// W8, W35
TEST_F(AdmissionTest, RetryAfterIsTheNextEnd)
{
    principal = {"carol", Role::user, 1};
    const auto id = started();
    const auto headers = [this] {
        try {
            start();
        } catch (const Error& refused) {
            return error_reply(refused, h.clock.now(), "/").headers;
        }
        return HeaderList{{"none", ""}};
    };
    EXPECT_EQ(headers(), (HeaderList{{"Retry-After", "60"}})) << "nobody knows when it ends";
    set_status(id, [this](WorkspaceStatus& status) {
        status.phase = Phase::running;
        status.activity.emplace().stopsAt = h.clock.now() + std::chrono::seconds{90};
    });
    EXPECT_EQ(headers(), (HeaderList{{"Retry-After", "90"}})) << "then it is stopped for inactivity";
    ask({"DELETE", "/api/containers/" + id});
    EXPECT_EQ(headers(), (HeaderList{{"Retry-After", "5"}}));
}

// W25, W28
TEST_F(AdmissionTest, FilesKeepTheirPlace)
{
    create("w1");
    const std::string other = R"({"spec":{"s3":{"bucket":"other"}}})";
    set_status("w1", [](WorkspaceStatus& status) {
        status.phase = Phase::running;
        status.nodeId = "n1";
    });
    EXPECT_EQ(patch_error("w1", other), "CONFLICT 409");
    ask({"DELETE", "/api/containers/w1"});
    EXPECT_EQ(patch_error("w1", other), "CONFLICT 409") << "its files may not be in S3 yet";
    rest("w1");
    WorkspaceReport report;
    report.metadata.name = "w1";
    report.spec.filesVolume = true;
    report = h.put(report);
    EXPECT_EQ(patch_error("w1", other), "CONFLICT 409") << "a node still holds files";
    report.spec.filesVolume = false;
    h.put(report);
    EXPECT_EQ(patch_error("w1", other), "none");
    EXPECT_EQ(patch_error("w1", R"({"spec":{"s3":{"prefix":"a/b"},"desiredState":"running"}})"), "none");
    EXPECT_EQ(buckets.checked.back().prefix, "a/b");
}

TEST_F(AdmissionTest, NewKeysAreTriedAlsoWhileItRuns)
{
    create("w1");
    set_status("w1", [](WorkspaceStatus& status) { status.phase = Phase::running; });
    const std::string keys = R"({"spec":{"s3":{"accessKeyId":"k","secretAccessKey":"s"}}})";
    buckets.problem = "the credentials are not accepted";
    EXPECT_EQ(patch_error("w1", keys), "INVALID_S3_BUCKET 400");
    EXPECT_EQ(stored("w1").spec.s3.accessKeyId, "");
    buckets.problem.clear();
    EXPECT_EQ(patch_error("w1", keys), "none");
    EXPECT_EQ(buckets.checked.back().secretAccessKey.reveal(), "s");
    const auto tried = buckets.checked.size();
    EXPECT_EQ(patch_error("w1", R"({"spec":{"env":{"A":"1"}}})"), "none");
    EXPECT_EQ(buckets.checked.size(), tried) << "nothing about the bucket has changed";
}

// W25: the install's key goes to the install's server only, and nobody looks around inside through us
TEST_F(AdmissionTest, EndpointsNeedKeysOfTheirOwnAndAreOutside)
{
    const auto with = [](const std::string& s3) {
        return R"({"metadata":{"name":"w1"},"spec":{"s3":{"bucket":"demo",)" + s3 + "}}}";
    };
    EXPECT_THAT(fields({"POST", kAll, with(R"("endpoint":"http://evil.example")")}),
        testing::ElementsAre("/spec/s3/accessKeyId"));
    EXPECT_THAT(fields({"POST", kAll, with(R"("accessKeyId":"k")")}),
        testing::ElementsAre("/spec/s3/secretAccessKey"));
    for (const std::string host :
        {"127.0.0.1:3001", "169.254.169.254", "[::1]:80", "10.0.0.1", "localhost:9000"})
        EXPECT_THAT(
            fields({"POST", kAll,
                with(R"("accessKeyId":"k","secretAccessKey":"s","endpoint":"http://)" + host + "\"")}),
            testing::ElementsAre("/spec/s3/endpoint"))
            << host;
    EXPECT_TRUE(buckets.checked.empty());
    EXPECT_EQ(ask({"POST", kAll, with(R"("endpoint":"http://s3.local:8333/")")}).status, 201u);
    EXPECT_EQ(stored("w1").spec.s3.endpoint, "") << "that is the install's own";
}

TEST_F(AdmissionTest, AChangeAtTheSameTimeIsAConflict)
{
    create("w1", R"(,"desiredState":"stopped")");
    rest("w1");
    WriteRequest request{{"default", "w1"}, json::parse(R"({"spec":{"desiredState":"running"}})"), "", false};
    request.who = principal;
    request.rules = &admission;
    request.reviewed = 1;
    const detail::TypedResource<Workspace> kind;
    patch("w1", R"({"spec":{"env":{"A":"1"}}})");
    auto write = [&](Txn& txn) { return kind.patch(txn, request).revision; };
    EXPECT_THROW(h.transact(write), Error);
    request.reviewed = 2;
    EXPECT_NO_THROW(h.transact(write));
}

} // namespace
} // namespace berth
