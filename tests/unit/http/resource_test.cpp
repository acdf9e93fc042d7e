#include "tests/unit/http/http_fixture.hpp"

#include "api/http/idempotency.hpp"
#include "api/types/workspace_template.hpp"

namespace berth::test {
namespace {

const std::string kTemplates = "/api/v1/orgs/default/workspacetemplates";
const std::string kWorkspaces = "/api/v1/orgs/default/workspaces";

std::string template_body(
    const std::string& name, const std::string& image = "i:1", const std::string& labels = "{}")
{
    return R"({"metadata":{"name":")" + name + R"(","labels":)" + labels + R"(},"spec":{"image":")" + image +
           R"("}})";
}

struct IdempotentHandler {
    Store& store;
    awaitable<Reply> post(Call call)
    {
        const auto once = Idempotency::of(call);
        auto work = [once](Txn& txn) -> Reply {
            if (auto earlier = once.earlier(txn)) return *earlier;
            WorkspaceTemplate made;
            made.metadata.org = "default";
            made.metadata.name = "t" + random_text(6);
            made.spec.image = "i:1";
            txn.create(made);
            return once.keep(txn, Reply::json(201, {{"name", made.metadata.name}}).with("Location", "/x"));
        };
        co_return co_await store.transact(std::move(work));
    }
};

class ResourceTest : public HttpTest {
protected:
    void SetUp() override
    {
        HttpTest::SetUp();
        mount_resource<WorkspaceTemplate>(router, *store, clock);
        ResourceOptions here_only;
        here_only.orgs = {"default"};
        mount_resource<Workspace>(router, *store, clock, here_only);
        idempotent = std::make_unique<IdempotentHandler>(*store);
        Doc doc;
        doc.summary = "Make once";
        doc.roles = kUsers;
        router.post<void>("/once", doc, &IdempotentHandler::post, idempotent.get());
        serve();
    }
    Response create(const std::string& name, const std::string& labels = "{}")
    {
        auto reply = ask("POST", kTemplates, "user", template_body(name, "i:1", labels));
        EXPECT_EQ(reply.status, 201u) << reply.body;
        return reply;
    }
    std::unique_ptr<IdempotentHandler> idempotent;
};

std::string text_of(const json::value& value, std::initializer_list<const char*> path)
{
    const auto* at = &value;
    for (const char* member : path) at = &at->at(member);
    return at->is_string() ? std::string(at->as_string()) : json::serialize(*at);
}

// W9
TEST_F(ResourceTest, LivesTheLifeOfAnObject)
{
    const auto made = create("small");
    EXPECT_EQ(made.header("Location"), kTemplates + "/small");
    EXPECT_EQ(text_of(made.json(), {"kind"}), "WorkspaceTemplate");
    EXPECT_EQ(text_of(made.json(), {"metadata", "org"}), "default");
    EXPECT_EQ(ask("POST", kTemplates, "user", template_body("small")).status, 409u);

    const auto read = ask("GET", kTemplates + "/small", "viewer");
    EXPECT_EQ(read.status, 200u);
    EXPECT_EQ(read.header("ETag"), made.header("ETag"));
    EXPECT_EQ(text_of(read.json(), {"spec", "pidsLimit"}), "512");

    const auto replaced = ask("PUT", kTemplates + "/small", "user", template_body("small", "i:2"));
    EXPECT_EQ(replaced.status, 200u);
    EXPECT_EQ(text_of(replaced.json(), {"metadata", "generation"}), "2");
    EXPECT_EQ(ask("PUT", kTemplates + "/other", "user", template_body("other")).status, 201u);

    const auto gone = ask("DELETE", kTemplates + "/small", "user");
    EXPECT_EQ(gone.status, 200u);
    EXPECT_EQ(ask("DELETE", kTemplates + "/small", "user").status, 404u);
    EXPECT_EQ(ask("GET", kTemplates + "/small", "user").status, 404u);
    const auto audit = run(store->audit_log(0, 10));
    ASSERT_EQ(audit.size(), 4u);
    EXPECT_EQ(audit[0].entry.who, "name-user");
    EXPECT_EQ(audit[0].entry.verb, "create");
    EXPECT_EQ(audit[1].entry.verb, "update");
    EXPECT_EQ(audit[3].entry.verb, "delete");
    EXPECT_EQ(audit[3].entry.key, (Key{"default", "small"}));
}

TEST_F(ResourceTest, MarksWhatHasFinalizers)
{
    create("kept");
    auto hold = [](Txn& txn) { txn.add_finalizer<WorkspaceTemplate>({"default", "kept"}, "test/hold"); };
    run(store->transact(std::move(hold)));
    const auto marked = ask("DELETE", kTemplates + "/kept", "user");
    EXPECT_EQ(marked.status, 202u);
    EXPECT_TRUE(marked.json().at("metadata").as_object().contains("deletionTimestamp"));
    EXPECT_EQ(ask("GET", kTemplates + "/kept", "user").status, 200u);
}

TEST_F(ResourceTest, AnswersNotModified)
{
    const auto tag = create("small").header("ETag");
    auto client = connect();
    const auto same =
        client.ask("GET", kTemplates + "/small", key_of_role("user"), "", "If-None-Match: " + tag + "\r\n");
    EXPECT_EQ(same.status, 304u);
    EXPECT_EQ(same.header("ETag"), tag);
    ask("PUT", kTemplates + "/small", "user", template_body("small", "i:2"));
    EXPECT_EQ(
        client.ask("GET", kTemplates + "/small", key_of_role("user"), "", "If-None-Match: " + tag + "\r\n")
            .status,
        200u);
}

TEST_F(ResourceTest, HoldsOnToTheRevision)
{
    const auto tag = create("small").header("ETag");
    const auto path = kTemplates + "/small";
    EXPECT_EQ(
        ask("PUT", path, "user", template_body("small", "i:2"), "If-Match: " + tag + "\r\n").status, 200u);
    for (const auto& header : {"If-Match: " + tag + "\r\n", "If-Match: W/" + tag + "\r\n"}) {
        EXPECT_EQ(ask("PUT", path, "user", template_body("small", "i:3"), header).status, 409u);
        EXPECT_EQ(ask("PATCH", path, "user", R"({"spec":{"image":"i:3"}})", header).status, 409u);
        EXPECT_EQ(ask("DELETE", path, "user", "", header).status, 409u);
    }
    const auto stale = tag.substr(1, tag.size() - 2);
    EXPECT_EQ(
        ask("PUT", path, "user",
            R"({"metadata":{"name":"small","resourceVersion":")" + stale + R"("},"spec":{"image":"i:3"}})")
            .status,
        409u);
    EXPECT_EQ(ask("PATCH", path, "user",
                  R"({"metadata":{"resourceVersion":")" + stale + R"("},"spec":{"image":"i:3"}})")
                  .status,
        409u);
    EXPECT_EQ(
        ask("PUT", path, "user", R"({"metadata":{"name":"small","uid":"other"},"spec":{"image":"i:3"}})")
            .status,
        409u);
    EXPECT_EQ(ask("PUT", path, "user", template_body("small"), "If-None-Match: *\r\n").status, 409u);
    EXPECT_EQ(
        ask("PUT", kTemplates + "/none", "user", template_body("none"), "If-Match: \"1\"\r\n").status, 409u);
    EXPECT_EQ(
        ask("PUT", kTemplates + "/none", "user", template_body("none"), "If-Match: *\r\n").status, 409u);
    EXPECT_EQ(ask("PUT", path, "user", template_body("small"), "If-Match: 12\r\n").status, 400u);
    EXPECT_EQ(text_of(ask("GET", path, "user").json(), {"spec", "image"}), "i:2");
}

TEST_F(ResourceTest, RefusesBadObjectsWithPointers)
{
    const std::vector<std::pair<std::string, std::string>> table{
        {R"({"metadata":{"name":"a"},"spec":{"image":"i","colour":1}})", "/spec/colour"},
        {R"({"metadata":{"name":"a"},"spec":{"image":1}})", "/spec/image"},
        {R"({"metadata":{"name":"a"},"spec":{}})", "/spec/image"},
        {R"({"metadata":{"name":"a"}})", "/spec"},
        {R"({"spec":{"image":"i"}})", "/metadata"},
        {R"({"metadata":{"name":"A_B"},"spec":{"image":"i"}})", "/metadata/name"},
        {R"({"metadata":{},"spec":{"image":"i"}})", "/metadata/name"},
        {R"({"metadata":{"name":"a","org":"other"},"spec":{"image":"i"}})", "/metadata/org"},
        {R"({"metadata":{"name":"a","labels":{"a b":"c"}},"spec":{"image":"i"}})", "/metadata/labels/a b"},
        {R"({"kind":"Node","metadata":{"name":"a"},"spec":{"image":"i"}})", "/kind"},
        {R"({"apiVersion":"v9","metadata":{"name":"a"},"spec":{"image":"i"}})", "/apiVersion"},
        {R"({"metadata":{"name":"a"},"spec":{"image":"i","limits":{"cpuLimit":0}}})",
            "/spec/limits/cpuLimit"},
        {R"([])", ""},
    };
    for (const auto& [body, field] : table) {
        const auto reply = ask("POST", kTemplates, "user", body);
        EXPECT_EQ(reply.status, 400u) << body;
        EXPECT_EQ(reply.code(), "VALIDATION_FAILED");
        EXPECT_EQ(text_of(reply.json().at("error").at("details").at(0), {"field"}), field) << reply.body;
    }
    EXPECT_EQ(ask("PUT", kTemplates + "/b", "user", template_body("a")).status, 400u);
    EXPECT_EQ(ask("PUT", kTemplates + "/B", "user", template_body("B")).status, 400u);
    EXPECT_EQ(ask("POST", "/api/v1/orgs/-/workspacetemplates", "user", template_body("a")).status, 400u);
    EXPECT_EQ(ask("GET", kTemplates + "/B_%20", "user").status, 404u);
    EXPECT_EQ(store->count("workspacetemplates"), 0u);
}

TEST_F(ResourceTest, IgnoresWhatIsNotTheClients)
{
    const auto reply = ask("POST", kTemplates, "user",
        R"({"metadata":{"name":"a","generation":9,"finalizers":["x"],"deletionTimestamp":"2026-01-01T00:00:00Z"},)"
        R"("spec":{"image":"i"},"status":{"observedGeneration":7,"odd":1}})");
    EXPECT_EQ(reply.status, 201u) << reply.body;
    const auto& meta = reply.json().at("metadata").as_object();
    EXPECT_EQ(meta.at("generation").to_number<int>(), 1);
    EXPECT_TRUE(meta.at("finalizers").as_array().empty());
    EXPECT_FALSE(meta.contains("deletionTimestamp"));
    EXPECT_EQ(text_of(reply.json(), {"status", "observedGeneration"}), "0");
}

// W9
TEST_F(ResourceTest, PatchesByMerging)
{
    create("a", R"({"keep":"1","drop":"2"})");
    const auto path = kTemplates + "/a";
    const auto reply = ask("PATCH", path, "user",
        R"({"metadata":{"labels":{"drop":null,"new":"3"}},"spec":{"env":{"A":"b"}}})",
        "Content-Type: application/merge-patch+json\r\n");
    EXPECT_EQ(reply.status, 200u) << reply.body;
    EXPECT_EQ(reply.json().at("metadata").at("labels"), (json::value{{"keep", "1"}, {"new", "3"}}));
    EXPECT_EQ(text_of(reply.json(), {"spec", "image"}), "i:1");
    EXPECT_EQ(text_of(reply.json(), {"spec", "env", "A"}), "b");
    const std::vector<std::pair<std::string, std::string>> refused{
        {R"({"status":{"observedGeneration":1}})", "/status"},
        {R"({"metadata":{"finalizers":[]}})", "/metadata/finalizers"},
        {R"({"metadata":{"name":"b"}})", "/metadata/name"}, {R"({"spec":null})", "/spec"},
        {R"({"spec":{"image":null}})", "/spec/image"}, {R"({"other":1})", "/other"},
        {R"({"spec":{"colour":1}})", "/spec/colour"}, {"[]", ""}};
    for (const auto& [body, field] : refused) {
        const auto bad = ask("PATCH", path, "user", body);
        EXPECT_EQ(bad.status, 400u) << body;
        EXPECT_EQ(text_of(bad.json().at("error").at("details").at(0), {"field"}), field) << bad.body;
    }
    EXPECT_EQ(ask("PATCH", kTemplates + "/none", "user", "{}").status, 404u);
    EXPECT_EQ(ask("PATCH", path, "user", "{}", "Content-Type: text/plain\r\n").status, 415u);
}

// W9
TEST_F(ResourceTest, TriesWithoutStoring)
{
    const auto before = store->revision();
    const auto made = ask("POST", kTemplates + "?dryRun=1", "user", template_body("a"));
    EXPECT_EQ(made.status, 201u);
    EXPECT_EQ(text_of(made.json(), {"metadata", "generation"}), "1");
    EXPECT_EQ(store->revision(), before);
    EXPECT_EQ(
        ask("POST", kTemplates + "?dryRun=1", "user", R"({"metadata":{"name":"a"},"spec":{}})").status, 400u);
    create("a");
    EXPECT_EQ(ask("POST", kTemplates + "?dryRun=1", "user", template_body("a")).status, 409u);
    EXPECT_EQ(
        ask("PATCH", kTemplates + "/a?dryRun=true", "user", R"({"spec":{"image":"i:9"}})").status, 200u);
    EXPECT_EQ(ask("DELETE", kTemplates + "/a?dryRun=1", "user").status, 200u);
    EXPECT_EQ(text_of(ask("GET", kTemplates + "/a", "user").json(), {"spec", "image"}), "i:1");
    EXPECT_EQ(run(store->audit_log(0, 10)).size(), 1u);
}

TEST_F(ResourceTest, HidesSecretsButKeepsThem)
{
    const std::string body =
        R"({"metadata":{"name":"w"},"spec":{"s3":{"bucket":"demo","accessKeyId":"id","secretAccessKey":"s3cret"},"vncPassword":"vncpass1"}})";
    const auto made = ask("PUT", kWorkspaces + "/w", "user", body);
    EXPECT_EQ(made.status, 201u) << made.body;
    const auto read = ask("GET", kWorkspaces + "/w", "admin");
    const auto list = ask("GET", kWorkspaces, "viewer");
    for (const auto& reply : {made, read, list}) {
        EXPECT_THAT(reply.body, testing::Not(testing::HasSubstr("s3cret")));
        EXPECT_THAT(reply.body, testing::Not(testing::HasSubstr("vncpass1")));
    }
    EXPECT_THAT(ask("GET", kWorkspaces + "/w", "node").body, testing::HasSubstr("s3cret"));
    EXPECT_THAT(ask("GET", kWorkspaces, "node").body, testing::HasSubstr("vncpass1"));

    // What was read may be written back: what was not shown stays.
    auto changed = read.json();
    changed.at("spec").as_object()["restarts"] = 1;
    EXPECT_EQ(ask("PUT", kWorkspaces + "/w", "user", json::serialize(changed)).status, 200u);
    auto stored = store->get<Workspace>({"default", "w"});
    EXPECT_EQ(stored->spec.restarts, 1);
    EXPECT_EQ(stored->spec.s3.secretAccessKey.reveal(), "s3cret");
    EXPECT_EQ(
        ask("PATCH", kWorkspaces + "/w", "user", R"({"spec":{"vncPassword":"vncpass2"}})").status, 200u);
    stored = store->get<Workspace>({"default", "w"});
    EXPECT_EQ(stored->spec.vncPassword.reveal(), "vncpass2");
    EXPECT_EQ(stored->spec.s3.secretAccessKey.reveal(), "s3cret");
    EXPECT_THAT(ask("GET", kWorkspaces + "/w", "user").body, testing::Not(testing::HasSubstr("vncpass2")));
}

TEST_F(ResourceTest, ListsInPages)
{
    for (const char* name : {"c", "a", "e", "b", "d"}) create(name, R"({"odd":"x"})");
    create("z");
    std::vector<std::string> names;
    std::string next;
    const auto base = kTemplates + "?limit=2&labelSelector=odd%3Dx";
    for (int page = 0; page < 3; ++page) {
        const auto reply = ask("GET", base + (next.empty() ? "" : "&continue=" + next), "user");
        ASSERT_EQ(reply.status, 200u) << reply.body;
        EXPECT_EQ(text_of(reply.json(), {"kind"}), "WorkspaceTemplateList");
        for (const auto& item : reply.json().at("items").as_array())
            names.push_back(text_of(item, {"metadata", "name"}));
        const auto* found = reply.json().at("metadata").as_object().if_contains("continue");
        next = found ? std::string(found->as_string()) : "";
        EXPECT_EQ(next.empty(), page == 2);
        if (page == 0) {
            EXPECT_EQ(ask("GET", kTemplates + "?limit=2&continue=" + next, "user").status, 400u);
            EXPECT_EQ(ask("GET", base + "&continue=" + next + "00", "user").status, 400u);
        }
    }
    EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "c", "d", "e"}));
    EXPECT_EQ(ask("GET", base + "&continue=zz", "user").status, 400u);
    const auto about = sha256_hex("odd=x\ndefault").substr(0, 16);
    for (const char* issued : {"-1", "-9223372036854775808"}) { // made up: as old as no token can be
        std::string made_up;
        for (const unsigned char c :
            R"({"revision":1,"org":"","name":"","about":")" + about + R"(","issued":)" + issued + "}")
            made_up.append({"0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]});
        EXPECT_EQ(ask("GET", base + "&continue=" + made_up, "user").status, 400u) << issued;
    }
    EXPECT_EQ(ask("GET", kTemplates + "?limit=0", "user").status, 400u);
    EXPECT_EQ(ask("GET", kTemplates + "?labelSelector=%3D", "user").status, 400u);

    const auto first = ask("GET", base, "user").json();
    pass(Duration{11 * 60'000});
    const auto late = ask("GET", base + "&continue=" + text_of(first, {"metadata", "continue"}), "user");
    EXPECT_EQ(late.status, 410u);
    EXPECT_EQ(late.code(), "EXPIRED");
}

TEST_F(ResourceTest, MakesNothingInAnOrgThatDoesNotExist)
{
    const auto body = R"({"metadata":{"name":"a"},"spec":{"s3":{"bucket":"demo"}}})";
    EXPECT_EQ(ask("PUT", "/api/v1/orgs/evil/workspaces/a", "user", body).status, 404u);
    EXPECT_EQ(ask("POST", "/api/v1/orgs/evil/workspaces", "user", body).status, 404u);
    EXPECT_EQ(store->count("workspaces"), 0u);
    EXPECT_EQ(ask("PUT", "/api/v1/orgs/default/workspaces/a", "user", body).status, 201u);
}

TEST_F(ResourceTest, KeepsOrgsApart)
{
    create("a");
    EXPECT_EQ(ask("PUT", "/api/v1/orgs/acme/workspacetemplates/b", "user", template_body("b")).status, 201u);
    const auto names = [&](const std::string& org) {
        return ask("GET", "/api/v1/orgs/" + org + "/workspacetemplates", "user")
            .json()
            .at("items")
            .as_array()
            .size();
    };
    EXPECT_EQ(names("default"), 1u);
    EXPECT_EQ(names("acme"), 1u);
    EXPECT_EQ(names("-"), 2u);
    EXPECT_EQ(ask("GET", "/api/v1/orgs/-/workspacetemplates/a", "user").status, 404u);
}

TEST_F(ResourceTest, AnswersAnIdempotencyKeyOnce)
{
    const std::string key = "Idempotency-Key: k1\r\n";
    const auto first = ask("POST", "/once", "user", "{}", key);
    const auto again = ask("POST", "/once", "user", "{}", key);
    EXPECT_EQ(first.status, 201u);
    EXPECT_EQ(again.status, 201u);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(again.header("Location"), "/x");
    EXPECT_EQ(again.header("Idempotent-Replayed"), "true");
    EXPECT_EQ(ask("POST", "/once", "user", R"({"a":1})", key).status, 422u);
    EXPECT_NE(ask("POST", "/once", "admin", "{}", key).body, first.body); // another caller's key
    EXPECT_NE(ask("POST", "/once", "user", "{}").body, first.body);
    EXPECT_EQ(ask("POST", "/once", "user", "{}", "Idempotency-Key: " + std::string(129, 'k') + "\r\n").status,
        400u);
    EXPECT_EQ(store->count("workspacetemplates"), 3u);
}

} // namespace
} // namespace berth::test
