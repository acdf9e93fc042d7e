// /api/containers: the wire contract, its errors, and that every verb only edits a spec.

#include "tests/unit/http/action_fixture.hpp"

#include "api/types/node.hpp"
#include "api/types/workspace_template.hpp"

#include <gmock/gmock.h>

namespace berth {
namespace {

// W1, W20: an answer of the contract with an id that is a DNS name
TEST_F(ActionTest, StartRecordsAWishAndAnswersAtOnce)
{
    const auto reply = start(R"({"s3Bucket":"demo","s3Prefix":"/a/b/","env":{"X":"1"}})");
    EXPECT_EQ(reply.status, 201u);
    const auto answer = body(reply);
    const std::string id(answer.at("id").as_string());
    EXPECT_TRUE(is_dns_label(id));
    EXPECT_GE(id.size(), 8u);
    EXPECT_LE(id.size(), 10u);
    EXPECT_EQ(answer.at("serviceName"), json::value("ws-" + id));
    EXPECT_EQ(answer.at("status"), json::value("starting"));
    EXPECT_EQ(answer.at("urls").at("codeServer"), json::value("http://" + id + "-code.localhost/"));
    EXPECT_EQ(answer.at("urls").at("vnc"), json::value("http://" + id + "-vnc.localhost/"));
    EXPECT_EQ(answer.at("urls").at("webServer"), json::value("http://" + id + "-web.localhost/"));
    EXPECT_TRUE(answer.at("message").is_string());

    const auto workspace = stored(id);
    EXPECT_EQ(workspace.spec.s3.bucket, "demo");
    EXPECT_EQ(workspace.spec.s3.prefix, "a/b");
    EXPECT_EQ(workspace.spec.s3.endpoint, "") << "the install's own, which may move";
    EXPECT_EQ(workspace.spec.s3.accessKeyId, "");
    EXPECT_TRUE(workspace.spec.s3.secretAccessKey.empty()) << "the install's key is no workspace's";
    EXPECT_EQ(workspace.spec.vncPassword.reveal(), std::string(answer.at("vncPassword").as_string()));
    EXPECT_GE(workspace.spec.callbackToken.reveal().size(), 32u);
    EXPECT_EQ(workspace.status.phase, Phase::pending);
    ASSERT_EQ(buckets.checked.size(), 1u);
    EXPECT_EQ(buckets.checked[0].endpoint, "http://s3.local:8333");
    EXPECT_EQ(buckets.checked[0].secretAccessKey.reveal(), "install-secret");
    EXPECT_EQ(reply.body.find("install-secret"), std::string::npos);
}

TEST_F(ActionTest, APasswordOfOnesOwnIsNotRepeated)
{
    const auto answer = body(start(R"({"s3Bucket":"demo","vncPassword":"mine"})"));
    EXPECT_FALSE(answer.as_object().contains("vncPassword"));
}

TEST_F(ActionTest, TheInstallsCredentialsNeverGoToAnEndpointThatSomebodyElseNamed)
{
    EXPECT_EQ(
        error({"POST", "/api/containers/start", R"({"s3Bucket":"demo","s3Endpoint":"http://evil.example"})"}),
        "VALIDATION_FAILED 400");
    EXPECT_TRUE(buckets.checked.empty());
    const auto own = body(start(R"({"s3Bucket":"demo","s3Endpoint":"http://other.example",
        "awsAccessKeyId":"k","awsSecretAccessKey":"s"})"));
    const auto& source = stored(std::string(own.at("id").as_string())).spec.s3;
    EXPECT_EQ(source.endpoint, "http://other.example");
    EXPECT_EQ(source.accessKeyId, "k");
}

// W8
TEST_F(ActionTest, ProblemsAreNamedByTheRequestsFields)
{
    try {
        start(R"({"s3Bucket":"X","s3Region":"","awsAccessKeyId":"k","env":{"1A":"x"}})");
        FAIL();
    } catch (const Error& failure) {
        std::vector<std::string> fields;
        for (const auto& problem : failure.problems()) fields.push_back(problem.field);
        EXPECT_THAT(fields,
            ::testing::UnorderedElementsAre("/s3Bucket", "/s3Region", "/env/1A"));
    }
    try {
        start(R"({"s3Bucket":"demo","awsAccessKeyId":"k"})");
        FAIL();
    } catch (const Error& failure) {
        EXPECT_EQ(failure.problems().at(0).field, "/awsSecretAccessKey");
    }
    try {
        start(
            R"({"s3Bucket":"demo","vncPassword":"ninechars","env":{"BERTH_ISOLATION":"off","HOME":"/","PATH":"$PATH:/a"}})");
        FAIL();
    } catch (const Error& failure) {
        std::vector<std::string> fields;
        for (const auto& problem : failure.problems()) fields.push_back(problem.field);
        EXPECT_THAT(
            fields, ::testing::UnorderedElementsAre("/vncPassword", "/env/BERTH_ISOLATION", "/env/HOME"))
            << "what ties members together is looked at when each of them is right";
    }
    EXPECT_EQ(error({"POST", "/api/containers/start", R"({"s3Bucket":"demo","env":{"PATH":"$PATH:/a"}})"}),
        "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"POST", "/api/containers/start", "{}"}), "VALIDATION_FAILED 400");
    EXPECT_EQ(
        error({"POST", "/api/containers/start", R"({"s3Bucket":"demo","x":1})"}), "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"POST", "/api/containers/start", R"({"s3Bucket":"demo","template":"none"})"}),
        "VALIDATION_FAILED 400");
}

// W25
TEST_F(ActionTest, ABucketThatIsNotFitStopsTheStart)
{
    buckets.problem = "the bucket does not exist";
    EXPECT_EQ(error({"POST", "/api/containers/start", R"({"s3Bucket":"demo"})"}), "INVALID_S3_BUCKET 400");
    EXPECT_TRUE(h.store().list<Workspace>().empty());
}

// W1
TEST_F(ActionTest, TheSameIdempotencyKeyStartsOnce)
{
    const auto first = start(R"({"s3Bucket":"demo"})", {{"Idempotency-Key", "one"}});
    const auto again = start(R"({"s3Bucket":"demo"})", {{"Idempotency-Key", "one"}});
    EXPECT_EQ(again.status, 201u);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(h.store().list<Workspace>().size(), 1u);
    try {
        start(R"({"s3Bucket":"other"})", {{"Idempotency-Key", "one"}});
        FAIL();
    } catch (const Error& failure) {
        EXPECT_EQ(http_status(failure), 422u);
    }
    start(R"({"s3Bucket":"demo"})", {{"Idempotency-Key", "two"}});
    EXPECT_EQ(h.store().list<Workspace>().size(), 2u);
}

// W35
TEST_F(ActionTest, AKeyMayHaveSoManyContainersAtATime)
{
    principal.max_containers = 1;
    const auto id = started();
    EXPECT_EQ(
        error({"POST", "/api/containers/start", R"({"s3Bucket":"demo"})"}), "RESOURCE_LIMIT_EXCEEDED 503");
    principal.name = "bob";
    started();
    principal.name = "alice";
    ask({"DELETE", "/api/containers/" + id});
    set_status(id, [](WorkspaceStatus& status) { status.phase = Phase::stopped; });
    started();
}

// W2
TEST_F(ActionTest, ListIsPagedFilteredAndSearched)
{
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
        ids.push_back(started());
        h.clock.advance(std::chrono::seconds{1});
    }
    set_status(ids[0], [](WorkspaceStatus& status) { status.phase = Phase::running; });
    set_status(ids[1], [](WorkspaceStatus& status) { status.phase = Phase::archived; });
    // Desired state is still running, so the archived one is on its way up; stop it to make it rest.
    ask({"DELETE", "/api/containers/" + ids[1]});

    auto page = body(ask({"GET", "/api/containers?limit=2&offset=1"}));
    EXPECT_EQ(page.at("total"), json::value(4));
    EXPECT_EQ(page.at("limit"), json::value(2));
    EXPECT_EQ(page.at("offset"), json::value(1));
    ASSERT_EQ(page.at("containers").as_array().size(), 2u);
    EXPECT_EQ(page.at("containers").at(0).at("id"), json::value(ids[3])) << "newest first";

    page = body(ask({"GET", "/api/containers?status=running"}));
    EXPECT_EQ(page.at("total"), json::value(1));
    EXPECT_EQ(page.at("containers").at(0).at("id"), json::value(ids[0]));
    page = body(ask({"GET", "/api/containers?status=archived"}));
    EXPECT_EQ(page.at("total"), json::value(1));
    page = body(ask({"GET", "/api/containers?search=" + ids[2].substr(0, 7)}));
    EXPECT_EQ(page.at("total"), json::value(1));
    page = body(ask({"GET", "/api/containers?search=DEMO"}));
    EXPECT_EQ(page.at("total"), json::value(4));
    EXPECT_EQ(body(ask({"GET", "/api/containers?offset=99"})).at("containers").as_array().size(), 0u);
    EXPECT_EQ(error({"GET", "/api/containers?limit=501"}), "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"GET", "/api/containers?limit=0"}), "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"GET", "/api/containers?status=odd"}), "VALIDATION_FAILED 400");

    page = body(ask({"GET", "/api/containers?status=pending"}));
    EXPECT_EQ(page.at("total"), json::value(3)) << "nothing of them but the wish";
    EXPECT_EQ(page.at("containers").at(0).at("status"), json::value("starting"));
    set_status(ids[4], [](WorkspaceStatus& status) { status.phase = Phase::starting; });
    EXPECT_EQ(body(ask({"GET", "/api/containers?status=pending"})).at("total"), json::value(2));
    EXPECT_EQ(body(ask({"GET", "/api/containers?status=starting"})).at("total"), json::value(3));
}

// W2, W21
TEST_F(ActionTest, EveryPhaseCanBeAskedFor)
{
    const auto ask_for = [this]<class P>(P phase) {
        EXPECT_EQ(error({"GET", "/api/containers?status=" + std::string(phase.name)}), "none") << phase.name;
    };
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<Phase>>(ask_for);
}

// W3
TEST_F(ActionTest, ShowsWhatTheContractNames)
{
    const auto id = started();
    set_status(id, [this](WorkspaceStatus& status) {
        status.phase = Phase::running;
        status.nodeName = "one";
        status.startedAt = h.clock.now() - std::chrono::seconds{90};
        status.lastActivity = h.clock.now();
        status.health.status = HealthState::healthy;
        status.health.checks = {true, true, false};
        status.resourceUsage = ResourceUsage{0.5, 100, 2.5};
        status.sync.state = SyncState::idle;
        status.sync.lastSyncAt = h.clock.now();
    });
    const auto reply = ask({"GET", "/api/containers/" + id});
    const auto view = body(reply);
    for (const auto* name :
        {"id", "serviceName", "status", "urls", "s3Bucket", "s3Region", "createdAt", "startedAt",
            "lastActivity", "uptime", "health", "resourceLimits", "resourceUsage", "sync", "node"})
        EXPECT_TRUE(view.as_object().contains(name)) << name;
    EXPECT_EQ(view.at("status"), json::value("running"));
    EXPECT_EQ(view.at("uptime"), json::value(90));
    EXPECT_EQ(view.at("health").at("status"), json::value("healthy"));
    EXPECT_EQ(view.at("health").at("checks").at("webServer"), json::value(false));
    EXPECT_EQ(view.at("sync").at("state"), json::value("idle"));
    EXPECT_EQ(view.at("sync").at("pendingFiles"), json::value(0));
    EXPECT_EQ(view.at("sync").at("heldDeletes"), json::value(0));
    EXPECT_EQ(view.at("sync").at("conflicts"), json::value(0));
    EXPECT_EQ(view.at("resourceLimits").at("cpuLimit"), json::value(2));
    EXPECT_EQ(view.at("node"), json::value("one"));
    EXPECT_EQ(reply.body.find("secret"), std::string::npos);
    EXPECT_EQ(error({"GET", "/api/containers/nobody"}), "CONTAINER_NOT_FOUND 404");
}

// W4
TEST_F(ActionTest, DeleteStopsOnceAndIsNeverAnErrorAfterwards)
{
    const auto id = started();
    auto reply = ask({"DELETE", "/api/containers/" + id});
    EXPECT_EQ(reply.status, 202u);
    EXPECT_EQ(body(reply).at("status"), json::value("stopping"));
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::stopped);
    EXPECT_EQ(stored(id).spec.stopReason, "manual");
    const auto generation = stored(id).metadata.generation;
    reply = ask({"DELETE", "/api/containers/" + id});
    EXPECT_EQ(reply.status, 200u);
    EXPECT_EQ(stored(id).metadata.generation, generation);
    set_status(id, [](WorkspaceStatus& status) { status.phase = Phase::stopped; });
    reply = ask({"DELETE", "/api/containers/" + id});
    EXPECT_EQ(reply.status, 200u);
    EXPECT_EQ(body(reply).at("status"), json::value("stopped"));
    EXPECT_EQ(error({"DELETE", "/api/containers/nobody"}), "CONTAINER_NOT_FOUND 404");
}

TEST_F(ActionTest, ForceIsAudited)
{
    const auto id = started();
    ask({"DELETE", "/api/containers/" + id});
    EXPECT_FALSE(stored(id).spec.forceStop);
    EXPECT_EQ(ask({"DELETE", "/api/containers/" + id + "?force=1"}).status, 202u);
    EXPECT_TRUE(stored(id).spec.forceStop);
    const auto log = h.run(h.store().audit_log(0, 100));
    ASSERT_FALSE(log.empty());
    EXPECT_EQ(log.back().entry.verb, "force-stop");
    EXPECT_EQ(log.back().entry.who, "alice");
}

TEST_F(ActionTest, StartAgainAndRestart)
{
    const auto id = started();
    EXPECT_EQ(ask({"POST", "/api/containers/" + id + "/start"}).status, 200u) << "it is wanted already";
    EXPECT_EQ(ask({"POST", "/api/containers/" + id + "/restart"}).status, 202u);
    EXPECT_EQ(stored(id).spec.restarts, 1);
    ask({"DELETE", "/api/containers/" + id + "?force=1"});
    EXPECT_EQ(error({"POST", "/api/containers/" + id + "/restart"}), "CONFLICT 409");
    const auto reply = ask({"POST", "/api/containers/" + id + "/start"});
    EXPECT_EQ(reply.status, 202u);
    EXPECT_EQ(body(reply).at("status"), json::value("starting"));
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::running);
    EXPECT_EQ(stored(id).spec.stopReason, "");
    EXPECT_FALSE(stored(id).spec.forceStop);

    set_status(id, [](WorkspaceStatus& status) { status.phase = Phase::failed; });
    EXPECT_EQ(ask({"POST", "/api/containers/" + id + "/start"}).status, 202u);
    EXPECT_EQ(stored(id).spec.restarts, 2) << "only a changed spec leads out of failed";
    buckets.problem = "the credentials are not accepted";
    ask({"DELETE", "/api/containers/" + id});
    EXPECT_EQ(error({"POST", "/api/containers/" + id + "/start"}), "INVALID_S3_BUCKET 400");
}

// W6
TEST_F(ActionTest, TheCallbackNeedsTheContainersOwnToken)
{
    const auto id = started();
    const auto path = "/api/containers/" + id + "/callback";
    const auto token = stored(id).spec.callbackToken.reveal();
    const std::string reason = R"({"reason":"inactivity"})";
    EXPECT_EQ(error({"POST", path, reason}), "AUTHENTICATION_FAILED 401");
    EXPECT_EQ(
        error({"POST", path, reason, {{"Authorization", "Bearer wrong"}}}), "AUTHENTICATION_FAILED 401");
    EXPECT_EQ(
        error({"POST", "/api/containers/nobody/callback", reason, {{"Authorization", "Bearer " + token}}}),
        "AUTHENTICATION_FAILED 401");
    EXPECT_EQ(error({"POST", path, R"({"reason":""})", {{"Authorization", "Bearer " + token}}}),
        "VALIDATION_FAILED 400");
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::running);

    EXPECT_EQ(ask({"POST", path, reason, {{"Authorization", "Bearer " + token}}}).status, 200u);
    EXPECT_EQ(stored(id).spec.desiredState, DesiredState::stopped);
    EXPECT_EQ(stored(id).spec.stopReason, "inactivity");
    const auto generation = stored(id).metadata.generation;
    EXPECT_EQ(ask({"POST", path, reason, {{"Authorization", "Bearer " + token}}}).status, 200u);
    EXPECT_EQ(stored(id).metadata.generation, generation);
}

// W5
TEST_F(ActionTest, HealthIsOpenAndSaysMoreToAKey)
{
    NodeReport report;
    report.metadata.name = "n1";
    report.spec.reportedAt = h.clock.now();
    report.spec.usage = {4, 1, 1000, 250, 2000, 500, 1, 2};
    h.put(report);
    NodeReport silent = report;
    silent.metadata.name = "n2";
    silent.spec.reportedAt = h.clock.now() - std::chrono::hours{1};
    h.put(silent);
    const auto id = started();
    set_status(id, [](WorkspaceStatus& status) { status.phase = Phase::running; });
    started();
    h.clock.advance(std::chrono::seconds{7});

    auto answer = body(ask({"GET", "/api/health"}));
    EXPECT_EQ(answer.at("status"), json::value("healthy"));
    EXPECT_EQ(answer.at("uptime"), json::value(7));
    EXPECT_EQ(answer.at("memory").at("total"), json::value(1000));
    EXPECT_EQ(answer.at("memory").at("available"), json::value(750));
    EXPECT_EQ(answer.at("memory").at("usagePercent"), json::value(25));
    EXPECT_EQ(answer.at("cpu").at("available"), json::value(3));
    EXPECT_EQ(answer.at("containers").at("running"), json::value(1));
    EXPECT_EQ(answer.at("containers").at("total"), json::value(2));

    principal = {};
    docker_health = {};
    answer = body(ask({"GET", "/api/health"}));
    EXPECT_EQ(answer.at("status"), json::value("degraded"));
    EXPECT_EQ(answer.at("docker").at("reachable"), json::value(false));
    EXPECT_FALSE(answer.as_object().contains("memory"));
    EXPECT_FALSE(answer.as_object().contains("containers"));
}

} // namespace
} // namespace berth
