// Who opens an address of a workspace that does not serve: what is shown, and what is never told.

#include "api/actions/workspace_page.hpp"
#include "api/types/proxy_routes.hpp"
#include "tests/unit/http/action_fixture.hpp"

namespace berth {
namespace {

constexpr const char* kBare = "404 page not found\n";

class PageTest : public ActionTest {
protected:
    void SetUp() override
    {
        ActionTest::SetUp();
        page.mount(router);
    }
    Workspace add(const std::string& id, DesiredState wanted, Phase phase, const std::string& pool = "")
    {
        Workspace workspace;
        workspace.metadata.org = "default";
        workspace.metadata.name = id;
        if (pool.empty()) workspace.spec.s3.bucket = "demo";
        workspace.spec.pool = pool;
        workspace.spec.desiredState = wanted;
        workspace = h.put(workspace);
        set_status(id, [phase](WorkspaceStatus& status) { status.phase = phase; });
        return workspace;
    }
    /// What Traefik asks for somebody who opens this.
    Reply visit(const std::string& what, const std::string& host, const std::string& uri = "/",
        std::map<std::string, std::string> headers = {})
    {
        headers["X-Forwarded-Host"] = host;
        headers["X-Forwarded-Uri"] = uri;
        headers.emplace("X-Forwarded-Method", "GET");
        return ask({"GET", "/api/v1/edge/" + what, "", headers});
    }
    static std::string header(const Reply& reply, const std::string& name)
    {
        for (const auto& [key, value] : reply.headers)
            if (key == name) return value;
        return "";
    }
    static bool same(const Reply& left, const Reply& right)
    {
        return left.status == right.status && left.body == right.body && left.headers == right.headers &&
               left.content_type == right.content_type;
    }

    WorkspacePage page{cache, PageSettings{{}, "probe-token-0123456789"}};
};

TEST_F(PageTest, AStoppedWorkspaceIsAPageWithAStartButtonAnd404)
{
    add("abc", DesiredState::stopped, Phase::stopped);
    for (const auto* word : {"code", "vnc", "web"}) {
        const auto reply = visit("page", "abc-" + std::string(word) + ".localhost:8088", "/deep/link?x=1");
        EXPECT_EQ(reply.status, 404u);
        EXPECT_EQ(reply.content_type, "text/html; charset=utf-8");
        EXPECT_NE(reply.body.find("is stopped"), std::string::npos);
        EXPECT_NE(reply.body.find("<button"), std::string::npos);
        EXPECT_EQ(header(reply, "X-Berth-Workspace"), "stopped");
        EXPECT_EQ(header(reply, "Retry-After"), "");
    }
}

TEST_F(PageTest, AStartingOneAsksToComeBack)
{
    add("abc", DesiredState::running, Phase::starting);
    add("new", DesiredState::running, Phase::pending);
    add("again", DesiredState::running, Phase::stopped);
    for (const auto* id : {"abc", "new", "again"}) {
        const auto reply = visit("page", std::string(id) + "-code.localhost");
        EXPECT_EQ(reply.status, 503u) << id;
        EXPECT_EQ(header(reply, "Retry-After"), "2");
        EXPECT_EQ(header(reply, "X-Berth-Workspace"), "starting");
    }
    add("bad", DesiredState::running, Phase::failed);
    add("end", DesiredState::stopped, Phase::stopping);
    EXPECT_EQ(header(visit("page", "bad-code.localhost"), "X-Berth-Workspace"), "failed");
    EXPECT_EQ(header(visit("page", "end-code.localhost"), "X-Berth-Workspace"), "stopping");
}

TEST_F(PageTest, UnknownDeletedAndUnclaimedLookTheSameEverywhere)
{
    auto deleted = add("gone", DesiredState::stopped, Phase::stopping);
    h.transact([key = key_of(deleted)](Txn& txn) {
        txn.add_finalizer<Workspace>(key, kFinalizer);
        txn.remove<Workspace>(key);
    });
    add("slot", DesiredState::running, Phase::warm, "small");
    const auto bare = visit("page", "nobody-code.localhost");
    EXPECT_EQ(bare.status, 404u);
    EXPECT_EQ(bare.body, kBare);
    EXPECT_EQ(bare.content_type, "text/plain; charset=utf-8");
    for (const auto* what : {"page", "slot", "verb"})
        for (const auto* id : {"nobody", "gone", "slot"})
            for (const auto& uri : {std::string("/"), "/.berth/" + std::string(id) + "/start"})
                EXPECT_TRUE(same(visit(what, std::string(id) + "-code.localhost", uri), bare))
                    << what << " " << id << uri;
    for (const auto* host : {"", "localhost", "code.localhost", "-code.localhost", "abc-ssh.localhost",
             "abc-code.evil.example", "abc-code.localhost.evil", "x.y-code.localhost"})
        EXPECT_TRUE(same(visit("page", host), bare)) << host;
}

TEST_F(PageTest, AClaimOpensTheSlotAtOnce)
{
    auto slot = add("slot", DesiredState::running, Phase::warm, "small");
    EXPECT_EQ(visit("slot", "slot-code.localhost").status, 404u);
    slot = stored("slot");
    slot.spec.pool.clear();
    slot.spec.claim = 1;
    slot.spec.s3.bucket = "demo";
    h.put(slot);
    EXPECT_EQ(visit("slot", "slot-code.localhost").status, 204u);
    slot = stored("slot");
    slot.spec.desiredState = DesiredState::stopped;
    h.put(slot);
    EXPECT_EQ(visit("slot", "slot-code.localhost").status, 404u);
}

TEST_F(PageTest, OnlyTheProbeSeesAnUnclaimedSlot)
{
    add("slot", DesiredState::running, Phase::warm, "small");
    EXPECT_EQ(
        visit("slot", "slot-code.localhost", "/healthz", {{kProbeHeader, "probe-token-0123456789"}}).status,
        204u);
    EXPECT_EQ(
        visit("slot", "slot-code.localhost", "/healthz", {{kProbeHeader, "probe-token-012345678x"}}).status,
        404u);
    EXPECT_EQ(visit("slot", "slot-code.localhost", "/healthz", {{kProbeHeader, ""}}).status, 404u);
    EXPECT_EQ(
        visit("page", "slot-code.localhost", "/", {{kProbeHeader, "probe-token-0123456789"}}).status, 404u);
    WorkspacePage none{cache, PageSettings{}};
    Router other;
    none.mount(other);
    Call call;
    call.headers.set(kProbeHeader, "");
    EXPECT_EQ(h.run(other.find("GET", "/api/v1/edge/slot")->route->handler(std::move(call))).status, 404u);
}

TEST_F(PageTest, ThePagesCallsPassForItsOwnWorkspaceOnly)
{
    add("abc", DesiredState::stopped, Phase::stopped);
    add("other", DesiredState::stopped, Phase::stopped);
    EXPECT_EQ(visit("verb", "abc-code.localhost", "/.berth/abc/start").status, 204u);
    EXPECT_EQ(visit("verb", "abc-code.localhost", "/.berth/other/start").status, 404u);
    EXPECT_EQ(visit("verb", "abc-code.localhost", "/x/.berth/abc/start").status, 404u);
}

TEST_F(PageTest, ProgramsGetWords)
{
    add("abc", DesiredState::stopped, Phase::stopped);
    add("up", DesiredState::running, Phase::starting);
    EXPECT_EQ(visit("page", "abc-code.localhost", "/", {{"Accept", "application/json"}}).body, kBare);
    EXPECT_EQ(visit("page", "abc-code.localhost", "/", {{"X-Forwarded-Method", "POST"}}).body, kBare);
    const auto starting = visit("page", "up-code.localhost", "/", {{"X-Forwarded-Method", "POST"}});
    EXPECT_EQ(starting.status, 503u);
    EXPECT_EQ(starting.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(header(starting, "Retry-After"), "2");
}

TEST_F(PageTest, ThePageRunsItsOwnScriptAndNothingElse)
{
    add("abc", DesiredState::stopped, Phase::stopped);
    const auto one = visit("page", "abc-code.localhost");
    const auto two = visit("page", "abc-code.localhost");
    const auto policy = header(one, "Content-Security-Policy");
    EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_NE(policy, header(two, "Content-Security-Policy")) << "a nonce is used once";
    const auto at = policy.find("'nonce-") + 7;
    const auto nonce = policy.substr(at, policy.find('\'', at) - at);
    EXPECT_NE(one.body.find("<script nonce=\"" + nonce + "\">"), std::string::npos);
    EXPECT_EQ(one.body.find("http://"), std::string::npos) << "nothing from elsewhere";
    EXPECT_EQ(one.body.find("https://"), std::string::npos);
    EXPECT_EQ(one.body.find("Storage"), std::string::npos) << "the key stays in memory";
}

TEST(Page, EscapesWhatItIsGiven)
{
    const auto page = render_page(PageState::stopped, "a\"><script>x</script>", "/'&\"/", "n\"onload");
    EXPECT_EQ(page.find("<script>x"), std::string::npos);
    EXPECT_EQ(page.find("data-base=\"/'"), std::string::npos);
    EXPECT_NE(page.find("a&quot;&gt;&lt;script&gt;x"), std::string::npos);
    EXPECT_NE(page.find("/&#39;&amp;&quot;/"), std::string::npos);
}

} // namespace
} // namespace berth
