#include "tests/unit/http/http_fixture.hpp"

namespace berth::test {
namespace {

struct Greeting {
    std::string name;
    std::int64_t times = 1;
    static constexpr std::array required{"name"};
};
BOOST_DESCRIBE_STRUCT(Greeting, (), (name, times))

awaitable<Reply> nothing(Call) { co_return Reply::empty(); }
awaitable<Greeting> echo(Call, Greeting greeting) { co_return greeting; }

Doc open_doc()
{
    Doc doc;
    doc.summary = "A test";
    doc.open = true;
    return doc;
}

TEST(Router, PrefersLiteralsAndDecodesParameters)
{
    Router router;
    router.get("/a/{id}", open_doc(), &nothing);
    router.get("/a/start", open_doc(), &nothing);
    router.get("/a/{id}/log", open_doc(), &nothing);
    EXPECT_EQ(router.find("GET", "/a/start")->route->pattern, "/a/start");
    EXPECT_EQ(router.find("GET", "/a/x%20y")->values, std::vector<std::string>{"x y"});
    EXPECT_EQ(router.find("GET", "/a/start/log")->values, std::vector<std::string>{"start"});
    for (const char* path : {"/", "/a", "/a/", "/a/b/c", "/a/b/", "//a/b", "/b", "a/start"})
        EXPECT_FALSE(router.find("GET", path)) << path;
    for (const char* path :
        {"/a/%", "/a/%4", "/a/%zz", "/a/x%2Fy", "/a/%00", "/a/%0a", "/a/%ff", "/a/%c0%af", "/a/%ed%a0%80"})
        EXPECT_THROW(router.find("GET", path), Error) << path;
}

TEST(Router, NamesTheMethodsOfAPath)
{
    Router router;
    router.get("/a", open_doc(), &nothing);
    router.post<Greeting>("/a", open_doc(), &echo);
    const auto match = router.find("DELETE", "/a");
    ASSERT_TRUE(match);
    EXPECT_EQ(match->route, nullptr);
    EXPECT_EQ(match->allow, "GET, HEAD, POST");
    EXPECT_NE(router.find("HEAD", "/a")->route, nullptr);
}

TEST(Router, RefusesRoutesWithoutAccessAndDoubles)
{
    Router router;
    Doc none;
    none.summary = "Nobody said who may call";
    EXPECT_THROW(router.get("/a", none, &nothing), std::logic_error);
    auto both = open_doc();
    both.roles = kAdmins;
    EXPECT_THROW(router.get("/a", both, &nothing), std::logic_error);
    router.get("/a", open_doc(), &nothing);
    EXPECT_THROW(router.get("/a", open_doc(), &nothing), std::logic_error);
    EXPECT_THROW(router.get("/b/x{id}", open_doc(), &nothing), std::logic_error);
}

TEST(Router, ChecksQueryParameters)
{
    Router router;
    auto doc = open_doc();
    doc.query = {Param::integer("limit", "", 1, 500, 50), Param::choice("status", "", {"up", "down"}),
        Param::flag("dry", ""), Param::text("search", "", 4)};
    router.get("/a", doc, &nothing);
    const auto& route = *router.find("GET", "/a")->route;
    Call call;
    Router::read_query(route, "search=a%20+&dry&status=up", call);
    EXPECT_EQ(call.query_int("limit"), 50);
    EXPECT_EQ(call.query("search"), "a  ");
    EXPECT_TRUE(call.query_flag("dry"));
    EXPECT_FALSE(call.query("nothing"));
    for (const char* text : {"limit=0", "limit=501", "limit=1.5", "limit=", "limit=99999999999999999999",
             "status=left", "other=1", "limit=1&limit=2", "search=12345", "search=%ff", "dry=yes", "%=1"}) {
        Call bad;
        EXPECT_THROW(Router::read_query(route, text, bad), Error) << text;
    }
}

class RouterTest : public HttpTest {};

TEST_F(RouterTest, DecodesTypedBodiesAndListsEveryProblem)
{
    router.post<Greeting>("/hello", open_doc(), &echo);
    serve();
    const auto good = ask("POST", "/hello", "", R"({"name":"Ada"})");
    EXPECT_EQ(good.status, 200u);
    EXPECT_EQ(good.json(), (json::value{{"name", "Ada"}, {"times", 1}}));

    const auto bad = ask("POST", "/hello", "", R"({"times":"x","extra":1})");
    EXPECT_EQ(bad.status, 400u);
    EXPECT_EQ(bad.code(), "VALIDATION_FAILED");
    EXPECT_EQ(bad.json().at("path").as_string(), "/hello");
    std::set<std::string> fields;
    for (const auto& item : bad.json().at("error").at("details").as_array())
        fields.insert(std::string(item.at("field").as_string()));
    EXPECT_EQ(fields, (std::set<std::string>{"/name", "/times", "/extra"}));
}

TEST_F(RouterTest, RefusesJsonThatIsNot)
{
    router.post<Greeting>("/hello", open_doc(), &echo);
    serve();
    std::string deep(2000, '[');
    for (const std::string& body : {std::string("{"), std::string("[]"), std::string("null"),
             std::string("{\"name\":\"\xff\"}"), std::string(R"({"name":"a","name":"b"})"),
             std::string("{} {}"), std::string("{\"name\":1e999}"), deep, std::string(R"({"name":"a",})"),
             std::string("// x\n{}"), std::string("{\"name\":\"a\",\"times\":1e30}")}) {
        const auto reply = ask("POST", "/hello", "", body);
        EXPECT_EQ(reply.status, 400u) << body.substr(0, 40);
        EXPECT_EQ(reply.code(), "VALIDATION_FAILED");
    }
    EXPECT_EQ(ask("POST", "/hello", "", "", "Content-Length: 0\r\n").status, 400u);
}

} // namespace
} // namespace berth::test
