#include "tests/unit/http/http_fixture.hpp"

#include "api/types/api_key.hpp"
#include "api/types/node.hpp"
#include "api/types/workspace_report.hpp"
#include "api/types/workspace_template.hpp"

namespace berth::test {
namespace {

class OpenApiTest : public HttpTest {
protected:
    void SetUp() override
    {
        HttpTest::SetUp();
        ResourceOptions by_nodes;
        by_nodes.write = {Role::admin, Role::node};
        by_nodes.audit = false;
        ResourceOptions by_admins;
        by_admins.read = by_admins.write = kAdmins;
        mount_resource<Workspace>(router, *store, clock);
        mount_resource<WorkspaceTemplate>(router, *store, clock);
        mount_resource<WorkspaceReport>(router, *store, clock, by_nodes);
        mount_resource<Node>(router, *store, clock);
        mount_resource<NodeReport>(router, *store, clock, by_nodes);
        mount_resource<ApiKey>(router, *store, clock, by_admins);
        router.mount_openapi();
        serve();
    }
    /// A path with something in each parameter.
    static std::string fill(const std::string& pattern)
    {
        std::string path;
        bool inside = false;
        for (const char c : pattern) {
            if (c == '{') path += 'a', inside = true;
            if (!inside) path += c;
            if (c == '}') inside = false;
        }
        return path;
    }
};

// W10
TEST_F(OpenApiTest, IsServedAndKnowsEveryRoute)
{
    const auto reply = ask("GET", "/api/openapi.json");
    ASSERT_EQ(reply.status, 200u);
    const auto document = reply.json();
    EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
    for (const auto& route : router.routes()) {
        auto method = route->method;
        for (char& c : method) c = static_cast<char>(std::tolower(c));
        const auto& operation = document.at("paths").at(route->pattern).at(method).as_object();
        EXPECT_TRUE(operation.contains("operationId"));
        EXPECT_EQ(operation.at("security").as_array().empty(), route->doc.open);
        EXPECT_EQ(operation.contains("requestBody"), static_cast<bool>(route->request));
    }
}

TEST_F(OpenApiTest, PointsOnlyAtWhatItHas)
{
    const auto document = router.openapi();
    const auto text = json::serialize(document);
    std::size_t count = 0;
    for (auto at = text.find("\"$ref\":\"#"); at != std::string::npos;
         at = text.find("\"$ref\":\"#", at + 1)) {
        auto pointer = text.substr(at + 9, text.find('"', at + 9) - at - 9);
        for (auto slash = pointer.find("\\/"); slash != std::string::npos; slash = pointer.find("\\/"))
            pointer.erase(slash, 1);
        boost::system::error_code failure;
        EXPECT_NE(json::value(document).find_pointer(pointer, failure), nullptr) << pointer;
        ++count;
    }
    EXPECT_GT(count, 100u);
    const auto& workspace = document.at("components").at("schemas").at("Workspace").as_object();
    EXPECT_TRUE(workspace.at("properties").as_object().contains("kind"));
}

/// What a write takes is not what a read gives: the status and the store's own fields are ignored.
TEST_F(OpenApiTest, WritesAreDescribedByThemselves)
{
    const auto document = router.openapi();
    const auto& schemas = document.at("components").at("schemas");
    const auto& input = schemas.at("WorkspaceInput").as_object();
    EXPECT_EQ(input.at("required"), (json::value{"metadata", "spec"}));
    EXPECT_FALSE(input.at("properties").at("status").as_object().contains("type"));
    const auto& meta = schemas.at("MetaInput").at("properties").as_object();
    EXPECT_FALSE(meta.at("generation").as_object().contains("type"));
    EXPECT_EQ(meta.at("name").at("pattern"), json::value(kDnsLabel.pattern));
    EXPECT_EQ(schemas.at("S3Source").at("properties").at("bucket").at("pattern"),
        json::value(json::string("^$|" + std::string(kBucketName.pattern))));
    const auto& put = document.at("paths").at("/api/v1/orgs/{org}/workspaces/{name}").at("put");
    EXPECT_EQ(put.at("requestBody").at("content").at("application/json").at("schema").at("$ref"),
        "#/components/schemas/WorkspaceInput");
}

/// Who has made something is told what to do with it; every link leads to an operation with that parameter.
TEST_F(OpenApiTest, LinksLeadSomewhere)
{
    const auto document = router.openapi();
    std::map<std::string, json::array> parameters;
    for (const auto& path : document.at("paths").as_object())
        for (const auto& operation : path.value().as_object())
            parameters[std::string(operation.value().at("operationId").as_string())] =
                operation.value().as_object().contains("parameters")
                    ? operation.value().at("parameters").as_array()
                    : json::array{};
    const auto& created =
        document.at("paths").at("/api/v1/orgs/{org}/workspaces").at("post").at("responses").at("201");
    EXPECT_EQ(created.at("headers").at("Location").at("required"), true);
    const auto& links = created.at("links").as_object();
    for (const char* operation : {"getWorkspace", "replaceWorkspace", "patchWorkspace", "deleteWorkspace"})
        EXPECT_TRUE(links.contains(operation)) << operation;
    for (const auto& link : links) {
        const auto target = parameters.find(std::string(link.value().at("operationId").as_string()));
        ASSERT_NE(target, parameters.end());
        for (const auto& parameter : link.value().at("parameters").as_object())
            EXPECT_TRUE(std::any_of(target->second.begin(), target->second.end(),
                [&](const json::value& known) { return known.at("name") == parameter.key(); }));
    }
}

// W10
TEST_F(OpenApiTest, SaysWhichAnswersARouteHas)
{
    const auto document = router.openapi();
    const auto& put =
        document.at("paths").at("/api/v1/orgs/{org}/workspaces/{name}").at("put").at("responses").as_object();
    for (const char* status : {"200", "201", "400", "401", "403", "404", "408", "409", "413", "414", "415",
             "417", "429", "431", "500", "501", "503", "505"})
        EXPECT_TRUE(put.contains(status)) << status;
    const auto& get =
        document.at("paths").at("/api/v1/orgs/{org}/workspaces").at("get").at("responses").as_object();
    for (const char* status : {"200", "400", "401", "403", "410"})
        EXPECT_TRUE(get.contains(status)) << status;
}

/// Every route with every role: who is not named is refused, and nobody gets in without a key.
TEST_F(OpenApiTest, AccessIsWhatTheTableSays)
{
    const std::vector<Role> roles{Role::admin, Role::user, Role::viewer, Role::node, Role::proxy};
    for (const auto& route : router.routes()) {
        const auto path = fill(route->pattern);
        if (route->doc.open) continue;
        EXPECT_EQ(ask(route->method, path).status, 401u) << route->method << " " << path;
        for (const auto role : roles) {
            const auto name = std::string(encode(role).as_string());
            const bool named =
                std::find(route->doc.roles.begin(), route->doc.roles.end(), role) != route->doc.roles.end();
            const auto status = ask(route->method, path, name).status;
            EXPECT_EQ(status == 403, !named)
                << route->method << " " << path << " as " << name << ": " << status;
            EXPECT_NE(status, 401u);
            EXPECT_LT(status, 500u);
        }
    }
    EXPECT_EQ(ask("GET", "/api/v1/orgs/default/workspaces", "proxy").status, 403u);
    EXPECT_EQ(ask("PUT", "/api/v1/orgs/default/workspacereports/a", "user").status, 403u);
    EXPECT_EQ(ask("GET", "/api/v1/orgs/default/apikeys", "user").status, 403u);
}

} // namespace
} // namespace berth::test
