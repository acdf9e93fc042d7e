// The route table: what it says, and when a poll is answered.

#include "tests/unit/http/action_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

namespace berth {
namespace {

Workspace routed(const std::string& id, const std::string& address = "10.201.0.5")
{
    Workspace workspace;
    workspace.metadata.org = "default";
    workspace.metadata.name = id;
    workspace.spec.s3.bucket = "demo";
    workspace.status.phase = Phase::running;
    workspace.status.address = address;
    return workspace;
}

class RoutesTest : public ActionTest {
protected:
    void add(const std::string& id, const std::string& address = "10.201.0.5")
    {
        auto workspace = routed(id, address);
        const auto status = workspace.status;
        workspace = h.put(workspace);
        workspace.status = status;
        auto write = [workspace](Txn& txn) { txn.put_status(workspace); };
        h.transact(std::move(write));
        h.settle();
    }
    struct Pending {
        std::optional<Reply> reply;
        std::exception_ptr failure;
        asio::cancellation_signal cancel;
    };
    std::shared_ptr<Pending> poll(std::shared_ptr<ConnectionState> connection)
    {
        auto pending = std::make_shared<Pending>();
        auto done = [pending](std::exception_ptr failure, std::optional<Reply> reply) {
            pending->failure = failure;
            pending->reply = std::move(reply);
        };
        principal = {"traefik", Role::proxy, 0};
        asio::co_spawn(h.io,
            detail::wrap_optional(send({"GET", "/api/v1/traefik/config", "", {}, std::move(connection)})),
            asio::bind_cancellation_slot(pending->cancel.slot(), std::move(done)));
        h.settle();
        return pending;
    }
};

// W40
TEST(Routes, AreAFunctionOfTheWorkspace)
{
    const auto fragment = route_fragment(routed("abc"), {});
    ASSERT_TRUE(fragment);
    const auto routers = json::parse("{" + fragment->routers + "}").as_object();
    const auto services = json::parse("{" + fragment->services + "}").as_object();
    EXPECT_EQ(routers.size(), 3u);
    EXPECT_EQ(services.size(), 3u);
    const std::pair<const char*, int> ports[] = {{"code", 8080}, {"vnc", 6080}, {"web", 3000}};
    for (const auto& [word, port] : ports) {
        const auto name = "abc-" + std::string(word);
        EXPECT_EQ(routers.at(name).at("rule"), json::value("Host(`" + name + ".localhost`)"));
        EXPECT_EQ(routers.at(name).at("service"), json::value(name));
        const auto& balancer = services.at(name).at("loadBalancer");
        EXPECT_EQ(
            balancer.at("servers").at(0).at("url"), json::value("http://10.201.0.5:" + std::to_string(port)));
        EXPECT_EQ(balancer.at("passHostHeader"), json::value(true));
    }
}

// W40
TEST(Routes, ExistOnlyForWhatIsWantedAndHasAnAddress)
{
    EXPECT_TRUE(route_fragment(routed("abc"), {}));
    auto starting = routed("abc");
    starting.status.phase = Phase::starting;
    EXPECT_TRUE(route_fragment(starting, {})) << "the probe needs it";
    EXPECT_FALSE(route_fragment(routed("abc", ""), {}));
    EXPECT_FALSE(route_fragment(routed("abc", "10.0.0.1`) || Host(`x"), {}));
    EXPECT_FALSE(route_fragment(routed("abc", "evil.example"), {}));
    auto stopped = routed("abc");
    stopped.spec.desiredState = DesiredState::stopped;
    EXPECT_FALSE(route_fragment(stopped, {}));
    auto deleted = routed("abc");
    deleted.metadata.deletionTimestamp = Time{};
    EXPECT_FALSE(route_fragment(deleted, {}));
    auto failed = routed("abc");
    failed.status.phase = Phase::failed;
    EXPECT_FALSE(route_fragment(failed, {}));
    const auto v6 = route_fragment(routed("abc", "fd00::1"), {});
    ASSERT_TRUE(v6);
    EXPECT_NE(v6->services.find("http://[fd00::1]:8080"), std::string::npos);
}

TEST(Routes, TheTableIsValidAndNeverEmpty)
{
    auto table = json::parse(encode_routes({}));
    EXPECT_FALSE(table.at("http").at("routers").as_object().empty());
    EXPECT_FALSE(table.at("http").as_object().contains("services")) << "Traefik refuses an empty section";
    std::map<Key, RouteFragment> fragments;
    for (const auto* id : {"a", "b"}) fragments[{"default", id}] = *route_fragment(routed(id), {});
    table = json::parse(encode_routes(fragments));
    EXPECT_EQ(table.at("http").at("routers").as_object().size(), 7u);
    EXPECT_EQ(table.at("http").at("services").as_object().size(), 6u);
}

RouteSettings with_api(RoutingMode routing = RoutingMode::host)
{
    RouteSettings settings;
    settings.address.routing = routing;
    settings.api_url = "http://berthd:3001";
    return settings;
}

json::object section(const std::string& members) { return json::parse("{" + members + "}").as_object(); }

// W41
TEST(Routes, APathIsTakenOffBeforeTheWorkspaceSeesIt)
{
    const auto fragment = route_fragment(routed("abc"), with_api(RoutingMode::path));
    ASSERT_TRUE(fragment);
    const auto router = section(fragment->routers).at("abc-web");
    EXPECT_EQ(
        router.at("rule"), json::value("Host(`localhost`) && (Path(`/web/abc`) || PathPrefix(`/web/abc/`))"));
    EXPECT_EQ(router.at("middlewares"), (json::array{"berth-slash", "abc-web"}));
    const auto strip = section(fragment->middlewares).at("abc-web").at("stripPrefix");
    EXPECT_EQ(strip.at("prefixes"), json::array{json::value("/web/abc")});
    const auto constant = constant_routes(with_api(RoutingMode::path));
    EXPECT_TRUE(section(constant.middlewares).contains("berth-slash"));
    EXPECT_EQ(route_fragment(routed("abc"), with_api())->middlewares, "");
    EXPECT_FALSE(section(constant_routes(with_api()).middlewares).contains("berth-slash"));
}

TEST(Routes, ASlotIsGuardedUntilItsClaimIsSeen)
{
    auto slot = routed("abc");
    slot.spec.s3.bucket.clear();
    slot.spec.pool = "small";
    slot.status.phase = Phase::warm;
    const auto guarded = [&] {
        const auto fragment = route_fragment(slot, with_api());
        if (!fragment) return std::string("no route");
        for (const auto& [name, router] : section(fragment->routers))
            if (!router.as_object().contains("middlewares")) return std::string("open");
        return json::serialize(section(fragment->routers).at("abc-code").at("middlewares"));
    };
    const std::string guard = R"(["berth-slot","berth-no-probe-header"])";
    EXPECT_EQ(guarded(), guard);
    slot.status.phase = Phase::starting;
    EXPECT_EQ(guarded(), guard) << "before it is warm, too";
    slot.status.phase = Phase::warm;
    slot.spec.pool.clear();
    slot.spec.claim = 1;
    EXPECT_EQ(guarded(), guard) << "the reconciler has not seen the claim";
    slot.status.phase = Phase::running;
    slot.status.incarnation = slot.status.claimedIncarnation = 1;
    EXPECT_EQ(guarded(), "open") << "its node may take minutes to restore the files";
    slot.spec.pool = "small";
    EXPECT_FALSE(route_fragment(slot, {})) << "nobody to ask: no route";
}

TEST(Routes, TheGuardAsksBerthAndTellsItNoSecrets)
{
    const auto constant = constant_routes(with_api());
    const auto middlewares = section(constant.middlewares);
    for (const auto* name : {"berth-slot", "berth-page", "berth-verb"}) {
        const auto& guard = middlewares.at(name).at("forwardAuth");
        EXPECT_TRUE(guard.at("address").as_string().starts_with("http://berthd:3001/api/v1/edge/"));
        EXPECT_EQ(guard.at("authRequestHeaders"), (json::array{"Accept", "X-Berth-Probe"}));
    }
    EXPECT_EQ(
        middlewares.at("berth-no-probe-header").at("headers").at("customRequestHeaders").at("X-Berth-Probe"),
        json::value(""));
}

TEST(Routes, ThePageComesLastAndItsCallsComeFirst)
{
    const auto routers = section(constant_routes(with_api()).routers);
    EXPECT_EQ(routers.at("berth-page").at("priority"), json::value(1));
    EXPECT_EQ(routers.at("berth-page").at("rule"),
        json::value("HostRegexp(`^[a-z0-9-]+-(code|vnc|web)\\.localhost$`)"));
    const auto longest = std::int64_t(
        section(route_fragment(routed(std::string(63, 'a')), with_api(RoutingMode::path))->routers)
            .begin()
            ->value()
            .at("rule")
            .as_string()
            .size());
    for (const auto* name : {"berth-start", "berth-status"})
        EXPECT_GT(routers.at(name).at("priority").to_number<std::int64_t>(), longest);
    EXPECT_EQ(section(constant_routes({}).routers).size(), 1u)
        << "without the API's address there is no page";
    const auto path = section(constant_routes(with_api(RoutingMode::path)).routers);
    EXPECT_EQ(path.at("berth-page").at("rule"),
        json::value("Host(`localhost`) && PathRegexp(`^/(code|vnc|web)/[a-z0-9-]+(/|$)`)"));
}

// W42
TEST_F(RoutesTest, TheFirstPollOfAConnectionIsAnsweredAtOnceTheNextIsHeld)
{
    const auto connection = std::make_shared<ConnectionState>();
    ASSERT_TRUE(poll(connection)->reply);
    const auto held = poll(connection);
    EXPECT_FALSE(held->reply);
    h.advance(std::chrono::seconds{30});
    EXPECT_FALSE(held->reply);
    add("abc");
    h.advance(std::chrono::milliseconds{5});
    ASSERT_TRUE(held->reply);
    EXPECT_NE(held->reply->body.find("abc-code"), std::string::npos);
    EXPECT_TRUE(poll(std::make_shared<ConnectionState>())->reply) << "a fresh connection does not wait";
}

TEST_F(RoutesTest, AChangeBetweenTwoPollsIsNotMissed)
{
    const auto connection = std::make_shared<ConnectionState>();
    poll(connection);
    add("abc");
    const auto next = poll(connection);
    h.advance(std::chrono::milliseconds{5});
    ASSERT_TRUE(next->reply);
    EXPECT_NE(next->reply->body.find("abc-code"), std::string::npos);
}

TEST_F(RoutesTest, ABurstIsOneAnswer)
{
    const auto connection = std::make_shared<ConnectionState>();
    poll(connection);
    const auto held = poll(connection);
    add("a1");
    add("a2");
    add("a3");
    h.advance(std::chrono::milliseconds{5});
    ASSERT_TRUE(held->reply);
    EXPECT_NE(held->reply->body.find("a3-code"), std::string::npos);
    EXPECT_FALSE(poll(connection)->reply) << "nothing is left of the burst";
    h.advance(std::chrono::minutes{2});
}

TEST_F(RoutesTest, AQuietPollEndsAfterFiftySeconds)
{
    const auto connection = std::make_shared<ConnectionState>();
    poll(connection);
    const auto held = poll(connection);
    h.advance(std::chrono::seconds{49});
    EXPECT_FALSE(held->reply);
    h.advance(std::chrono::seconds{2});
    EXPECT_TRUE(held->reply);
}

TEST_F(RoutesTest, ChangesThatAreNoRouteWakeNobody)
{
    add("abc");
    const auto version = routes.version();
    set_status("abc", [](WorkspaceStatus& status) { status.sync.pendingFiles = 7; });
    EXPECT_EQ(routes.version(), version);
    set_status("abc", [](WorkspaceStatus& status) { status.address = "10.201.0.6"; });
    EXPECT_EQ(routes.version(), version + 1);
    principal = {"alice", Role::user, 0};
    ask({"DELETE", "/api/containers/abc"});
    EXPECT_EQ(routes.version(), version + 2);
    EXPECT_EQ(routes.text().find("abc-code"), std::string::npos);
}

TEST_F(RoutesTest, AHeldPollCanBeCancelled)
{
    const auto connection = std::make_shared<ConnectionState>();
    poll(connection);
    const auto held = poll(connection);
    held->cancel.emit(asio::cancellation_type::terminal);
    h.settle();
    EXPECT_TRUE(held->failure);
}

TEST_F(RoutesTest, ThreeThousandRoutesAreEncodedOncePerChange)
{
    std::map<Key, RouteFragment> fragments;
    for (int i = 0; i < 1'000; ++i) {
        const auto id = "w" + std::to_string(i);
        fragments[{"default", id}] = *route_fragment(routed(id), {});
    }
    const auto text = encode_routes(fragments);
    EXPECT_EQ(json::parse(text).at("http").at("routers").as_object().size(), 3'001u);
    const auto* before = routes.text().data();
    EXPECT_EQ(routes.text().data(), before);
}

} // namespace
} // namespace berth
