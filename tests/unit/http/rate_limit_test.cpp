// How often a key may call and an address may be wrong, on a clock of the test's own; then through the
// server.

#include "api/http/rate_limit.hpp"
#include "tests/unit/http/server_fixture.hpp"

namespace berth::test {
namespace {

using std::chrono::seconds;

Tick at(double second) { return Tick{Duration{static_cast<std::int64_t>(second * 1000)}}; }

// W35
TEST(RateTable, GivesTheWholeLimitAtOnceAndThenOneByOne)
{
    RateTable table{100, 10};
    for (int i = 0; i < 100; ++i) {
        const auto decision = table.take("a", at(1000));
        EXPECT_TRUE(decision.allowed) << i;
        EXPECT_EQ(decision.remaining, 99 - i);
    }
    auto refused = table.take("a", at(1000));
    EXPECT_FALSE(refused.allowed);
    EXPECT_EQ(refused.retry, Duration{600});
    EXPECT_EQ(refused.reset, seconds{60});
    EXPECT_TRUE(table.take("b", at(1000)).allowed) << "others are not concerned";
    EXPECT_FALSE(table.take("a", at(1000.599)).allowed)
        << "a refused call costs nothing, but helps nothing either";
    EXPECT_TRUE(table.take("a", at(1000.6)).allowed);
    EXPECT_FALSE(table.take("a", at(1000.6)).allowed);
    int allowed = 0;
    for (int i = 0; i < 6000; ++i) allowed += table.take("a", at(1000.6 + i * 0.01)).allowed;
    EXPECT_GE(allowed, 99);
    EXPECT_LE(allowed, 100) << "100 per minute, however often it is tried";
    EXPECT_EQ(table.take("a", at(2000)).remaining, 99) << "after a minute of silence all is forgotten";
}

TEST(RateTable, KeepsToItsSize)
{
    RateTable table{10, 100};
    for (int i = 0; i < 5; ++i) table.take("busy", at(0));
    for (int i = 0; i < 1000; ++i) table.take("name" + std::to_string(i), at(0));
    EXPECT_LE(table.size(), 100u);
    EXPECT_EQ(table.look("busy", at(0)).remaining, 5) << "those that owe least are forgotten first";
}

TEST(RateLimiter, MachinesAreNotLimited)
{
    RateLimiter limiter{1};
    for (const auto role : {Role::node, Role::proxy})
        for (int i = 0; i < 5; ++i) EXPECT_FALSE(limiter.take({"m", role, 0}, at(0)));
    for (const auto role : {Role::admin, Role::user, Role::viewer}) {
        const Principal person{"p" + std::to_string(int(role)), role, 0};
        EXPECT_TRUE(limiter.take(person, at(0))->allowed);
        EXPECT_FALSE(limiter.take(person, at(0))->allowed);
    }
    RateLimiter none{0};
    EXPECT_FALSE(none.take({"p", Role::user, 0}, at(0)));
}

TEST(FailureGuard, AnAddressThatGuessesIsToldNothingMore)
{
    FailureGuard guard{3};
    guard.succeeded("10.0.0.1", "alice", at(0));
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(guard.refusal("10.0.0.1", "", at(0)));
        guard.failed("10.0.0.1", at(0));
    }
    EXPECT_EQ(guard.refusal("10.0.0.1", "", at(0)), seconds{20});
    EXPECT_TRUE(guard.refusal("10.0.0.1", "bob", at(0))) << "a right guess looks like a wrong one";
    EXPECT_FALSE(guard.refusal("10.0.0.1", "alice", at(0))) << "who was right before goes on working";
    EXPECT_FALSE(guard.refusal("10.0.0.2", "", at(0)));
    EXPECT_FALSE(guard.refusal("10.0.0.1", "bob", at(20)));
}

class LimitedServer : public ServerTest {
protected:
    void start(unsigned limit)
    {
        settings.rate_limit_per_minute = limit;
        serve();
    }
};

// W8, W35
TEST_F(LimitedServer, SaysHowManyCallsAreLeft)
{
    start(3);
    const auto first = ask("GET", "/users", "user");
    EXPECT_EQ(first.status, 200u);
    EXPECT_EQ(first.header("RateLimit-Policy"), "\"key\";q=3;w=60");
    EXPECT_EQ(first.header("RateLimit"), "\"key\";r=2;t=20");
    EXPECT_EQ(ask("GET", "/admins", "user").status, 403u) << "a refused call counts as well";
    EXPECT_EQ(ask("GET", "/users", "user").header("RateLimit"), "\"key\";r=0;t=60");
    const auto refused = ask("GET", "/users", "user");
    EXPECT_EQ(refused.status, 429u);
    EXPECT_EQ(refused.code(), "RATE_LIMITED");
    EXPECT_EQ(refused.header("Retry-After"), "20");
    EXPECT_EQ(refused.header("RateLimit"), "\"key\";r=0;t=60");
    EXPECT_EQ(ask("GET", "/hello").header("RateLimit"), "") << "without a key there is no limit to tell of";
}

TEST_F(LimitedServer, WrongKeysAreLimitedByAddress)
{
    start(3);
    EXPECT_EQ(ask("GET", "/users", "admin").status, 200u);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("GET", "/users", "nobody").status, 401u);
    const auto refused = ask("GET", "/users", "nobody");
    EXPECT_EQ(refused.status, 429u);
    EXPECT_EQ(refused.code(), "RATE_LIMITED");
    EXPECT_EQ(refused.header("Retry-After"), "20");
    EXPECT_EQ(ask("GET", "/users").status, 429u);
    EXPECT_EQ(ask("GET", "/users", "user").status, 429u) << "nor is a right key told from a wrong one";
    EXPECT_EQ(ask("GET", "/hello", "user").status, 429u) << "on open routes neither";
    EXPECT_EQ(ask("GET", "/hello").status, 200u);
    EXPECT_EQ(ask("GET", "/users", "admin").status, 200u) << "but one that was right before goes on";
    pass(Duration{20'000});
    EXPECT_EQ(ask("GET", "/users", "user").status, 200u);
}

} // namespace
} // namespace berth::test
