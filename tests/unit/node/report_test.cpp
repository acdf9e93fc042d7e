// What is reported, when, and what a failed report leaves behind.

#include "node/news.hpp"
#include "node/reporter.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

WorkspaceReportSpec a_report()
{
    WorkspaceReportSpec report;
    report.workspaceUid = "u1";
    report.container.state = ContainerState::running;
    report.health = {HealthState::healthy, Time{}, {true, true, false}, 0, {}};
    report.sync.state = SyncState::idle;
    report.resourceUsage = ResourceUsage{0.02, 200 << 20, 5};
    report.activity = {{ActivityKind::files, Time{}, "a.txt"}};
    return report;
}

TEST(News, WhatMovesByItselfIsNone)
{
    const auto told = a_report();
    auto now = told;
    EXPECT_FALSE(worth_telling(told, now));
    now.reportedAt = Time{minutes{1}};
    now.health.lastCheck = Time{minutes{1}};
    now.health.history.push_back({Time{minutes{1}}, {true, true, false}});
    now.sync.lastSyncAt = Time{minutes{1}};
    now.sync.s3Requests = 12;
    now.resourceUsage = ResourceUsage{0.06, (200 << 20) + (15 << 20), 5.4};
    EXPECT_FALSE(worth_telling(told, now));
}

TEST(News, EveryOtherDifferenceIsOne)
{
    const std::vector<std::function<void(WorkspaceReportSpec&)>> changes{
        [](auto& report) { report.resourceUsage->cpu += 0.06; },
        [](auto& report) { report.resourceUsage->memory -= 17 << 20; },
        [](auto& report) { report.resourceUsage.reset(); },
        [](auto& report) { report.health.misses = 1; },
        [](auto& report) { report.health.checks.webServer = true; },
        [](auto& report) { report.sync.pendingFiles = 1; },
        [](auto& report) { report.sync.receipt = Receipt{"h", 1, 2, Time{}, false}; },
        [](auto& report) { report.activity[0].at = Time{seconds{1}}; },
        [](auto& report) { report.container.exitCode = 1; },
        [](auto& report) { report.observedClaim = 1; },
        [](auto& report) { report.filesVolume = true; },
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
        auto now = a_report();
        changes[i](now);
        EXPECT_TRUE(worth_telling(a_report(), now)) << i;
    }
}

/// Counts what it is sent, and refuses while it is away.
class FakeApi final : public Transport {
public:
    awaitable<HttpResponse> send(HttpRequest request) override
    {
        if (away) throw Error{Errc::Unavailable, "connection refused"};
        taken.push_back(request.body);
        co_return HttpResponse{200, {}, "{}"};
    }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest) override
    {
        throw Error{Errc::Internal, "nobody streams"};
        co_return nullptr;
    }
    std::string host() const override { return "berthd"; }

    bool away = false;
    std::vector<std::string> taken;
};

class Reports : public ::testing::Test {
protected:
    void SetUp() override
    {
        reporter.add("/one", {[this](bool is_news) { return make(is_news); }, [this] { ++told; }});
        tasks.spawn("reporter", reporter.run());
        settle(io);
    }
    void TearDown() override
    {
        tasks.cancel();
        settle(io);
    }
    std::optional<json::object> make(bool is_news)
    {
        asked.push_back(is_news);
        return is_news || worth ? std::optional(json::object{{"n", ++made}}) : std::nullopt;
    }

    asio::io_context io;
    FakeClock clock;
    FakeApi server;
    ApiClient api{server, clock};
    Reporter reporter{io.get_executor(), api, clock, seconds{30}};
    TaskGroup tasks{io.get_executor()};
    bool worth = false; ///< at the regular time
    int made = 0;
    int told = 0;
    std::vector<bool> asked;
};

TEST_F(Reports, TheFirstAndEachChangeAreSentTheRestWhenItIsWorthIt)
{
    EXPECT_EQ(server.taken.size(), 1u) << "the first is news";
    clock.run(io, seconds{95});
    EXPECT_EQ(asked, (std::vector<bool>{true, false, false, false})) << "asked at each regular time";
    EXPECT_EQ(server.taken.size(), 1u);
    EXPECT_EQ(told, 1) << "nothing was sent, so nothing was taken";
    reporter.changed("/one");
    EXPECT_TRUE(reporter.pending("/one"));
    clock.run(io, seconds{1});
    EXPECT_EQ(server.taken.size(), 2u);
    EXPECT_FALSE(reporter.pending("/one"));
    worth = true;
    clock.run(io, seconds{30});
    EXPECT_EQ(server.taken.size(), 3u);
    EXPECT_EQ(told, 3);
}

TEST_F(Reports, WhatWasNotTakenIsNotTold)
{
    server.away = worth = true;
    clock.run(io, seconds{40});
    EXPECT_GT(made, 1);
    EXPECT_EQ(told, 1);
    server.away = false;
    clock.run(io, seconds{30});
    EXPECT_EQ(told, 2);
    EXPECT_EQ(server.taken.back(), "{\"n\":" + std::to_string(made) + "}") << "the newest";
}

} // namespace
} // namespace berth
