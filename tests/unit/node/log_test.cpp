// The output of containers on its way to berthd.

#include "node/log_shipper.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace berth {
namespace {

std::string at(int nanoseconds)
{
    auto digits = std::to_string(nanoseconds);
    return "2026-01-01T00:00:00." + std::string(9 - digits.size(), '0') + digits + "Z";
}
LogLine line(int number) { return {at(number), LogStreamName::stdout_, "line " + std::to_string(number)}; }
docker::LogChunk chunk(const std::string& text) { return {docker::LogChunk::From::Stdout, text}; }

TEST(LogLines, AreTakenApart)
{
    const auto plain = log_line({docker::LogChunk::From::Stderr, at(5) + " hello\r\n"});
    ASSERT_TRUE(plain);
    EXPECT_EQ(*plain, (LogLine{at(5), LogStreamName::stderr_, "hello"}));
    EXPECT_EQ(log_line(chunk(at(5) + " \n"))->text, "");
    EXPECT_EQ(log_line(chunk(at(5) + " a\x1b[1mb\n"))->text, "a\x1b[1mb") << "colours stay";
    EXPECT_FALSE(log_line(chunk("no time")));
    EXPECT_FALSE(log_line(chunk("")));
    EXPECT_EQ(log_line(chunk(at(5) + " two\nlines\n"))->text, "two lines");
}

TEST(LogLines, BecomeCleanTextOfBoundedLength)
{
    EXPECT_EQ(clean_utf8("a\xff"
                         "b"),
        "a\xef\xbf\xbd"
        "b");
    EXPECT_EQ(clean_utf8("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd") << "cut off in the middle";
    EXPECT_EQ(clean_utf8("\xe2\x82\xac"), "\xe2\x82\xac");
    const auto giant = log_line(chunk(at(5) + " " + std::string(100'000, '\xff')));
    EXPECT_LE(count_characters(giant->text), kMaxLogLine);
}

TEST(LogLines, TheEngineIsAskedWithNanoseconds)
{
    EXPECT_EQ(engine_since(at(123456789)), "1767225600.123456789");
    EXPECT_EQ(engine_since(""), "");
    EXPECT_EQ(engine_since("now"), "");
}

TEST(LogQueue, DropsTheOldestAndSaysHowMany)
{
    LogQueue queue;
    for (int i = 1; i <= 1'010; ++i) queue.add(line(i));
    auto batch = queue.take(3);
    EXPECT_EQ(batch.dropped, 10);
    EXPECT_EQ(batch.lines.front(), line(11));
    EXPECT_EQ(batch.after, "");
    queue.sent(batch);
    EXPECT_EQ(queue.take(1).after, at(13));
    LogQueue wide;
    wide.add({at(1), LogStreamName::stdout_, std::string(LogQueue::kMaxBytes - 200, 'x')});
    wide.add({at(2), LogStreamName::stdout_, std::string(400, 'y')});
    batch = wide.take(10);
    EXPECT_EQ(batch.dropped, 1);
    EXPECT_EQ(batch.lines.size(), 1u);
}

TEST(LogQueue, WhatCouldNotBeSentComesFirst)
{
    LogQueue queue;
    for (int i = 1; i <= 4; ++i) queue.add(line(i));
    auto batch = queue.take(2);
    queue.add(line(5));
    queue.put_back(std::move(batch));
    batch = queue.take(10);
    ASSERT_EQ(batch.lines.size(), 5u);
    for (int i = 1; i <= 5; ++i) EXPECT_EQ(batch.lines[std::size_t(i - 1)], line(i));
    EXPECT_TRUE(queue.empty());
}

TEST(LogQueue, BeginsAnewWithWhatTheEngineHas)
{
    LogQueue queue;
    queue.add(line(1));
    queue.sent(queue.take(1));
    queue.add(line(3));
    queue.restart({line(1), line(2)});
    const auto batch = queue.take(10);
    EXPECT_EQ(batch.after, "");
    ASSERT_EQ(batch.lines.size(), 3u);
    EXPECT_EQ(batch.lines.back(), line(3));
}

/// A container's log, as the engine gives it.
class FakeLog final : public Transport {
public:
    class Body final : public BodyStream {
    public:
        explicit Body(FakeLog& log, std::size_t next) : log_(log), next_(next) {}
        unsigned status() const override { return 200; }
        const Headers& headers() const override { return headers_; }

    protected:
        awaitable<std::optional<std::string>> receive() override
        {
            while (next_ >= log_.lines.size() && log_.open && follow) co_await log_.changed.wait();
            if (next_ >= log_.lines.size()) co_return std::nullopt;
            const auto& entry = log_.lines[next_++];
            const auto text = entry.at + " " + entry.text + "\n";
            std::string frame{'\1', '\0', '\0', '\0', '\0', '\0', char(text.size() >> 8), char(text.size())};
            co_return frame + text;
        }

    private:
        FakeLog& log_;
        std::size_t next_;
        Headers headers_;

    public:
        bool follow = false;
    };
    explicit FakeLog(Executor executor) : changed(executor) {}
    awaitable<HttpResponse> send(HttpRequest) override
    {
        HttpResponse ping{200, {}, "OK"};
        ping.headers.set("Api-Version", "1.41");
        co_return ping;
    }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override
    {
        asked.push_back(request.target);
        const auto tail = request.target.find("tail=");
        std::size_t first = 0;
        if (tail != std::string::npos) {
            const auto wanted = std::stoul(request.target.substr(tail + 5));
            first = lines.size() > wanted ? lines.size() - wanted : 0;
        }
        auto body = std::make_unique<Body>(*this, first);
        body->follow = request.target.find("follow=1") != std::string::npos ||
                       request.target.find("follow=true") != std::string::npos;
        co_return std::unique_ptr<BodyStream>(std::move(body));
    }
    std::string host() const override { return "engine"; }
    void write(int first, int count)
    {
        for (int i = first; i < first + count; ++i) lines.push_back(line(i));
        changed.notify_all();
    }
    void end()
    {
        open = false;
        changed.notify_all();
    }
    std::vector<LogLine> lines;
    std::vector<std::string> asked;
    bool open = true;
    Signal changed;
};

class FakeBerth final : public Transport {
public:
    awaitable<HttpResponse> send(HttpRequest request) override
    {
        if (request.target == "/api/health")
            co_return HttpResponse{200, {}, R"({"uptime":)" + std::to_string(uptime) + "}"};
        target = request.target;
        if (down) throw Error{Errc::Unavailable, "down"};
        auto batch = decode<LogBatch>(parse_json(request.body, {.max_bytes = 4 << 20}), Unknown::Reject);
        ++batches;
        if (status == 200 && !batch.after.empty() && lines.empty()) co_return HttpResponse{409, {}, ""};
        if (status != 200) co_return HttpResponse{status, {}, ""};
        dropped += batch.dropped;
        for (auto& entry : batch.lines)
            if (lines.empty() || entry.at > lines.back().at) lines.push_back(std::move(entry));
        co_return HttpResponse{200, {}, R"({"last":""})"};
    }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest) override { co_return nullptr; }
    std::string host() const override { return "berthd"; }
    std::vector<LogLine> lines;
    std::string target;
    std::int64_t dropped = 0;
    std::int64_t uptime = 100;
    unsigned status = 200;
    int batches = 0;
    bool down = false;
};

class ShipperTest : public ::testing::Test {
protected:
    ShipperTest()
    {
        shipper.start(group);
        auto& parts = all["uid"];
        parts.key = {"default", "abc"};
        parts.container.id = std::string(64, 'a');
        parts.container.state = ContainerState::running;
        parts.container.incarnation = 3;
    }
    ~ShipperTest() override
    {
        group.cancel();
        settle(io);
    }
    void look()
    {
        shipper.look(all);
        settle(io);
    }
    void pass(Duration duration) { clock.run(io, duration); }

    asio::io_context io;
    FakeClock clock;
    FakeLog log{io.get_executor()};
    FakeBerth berth;
    docker::Client docker{log, clock};
    LogShipper shipper{io.get_executor(), clock, docker, berth};
    TaskGroup group{io.get_executor()};
    std::map<std::string, LocalParts> all;
};

TEST_F(ShipperTest, SendsWhatIsThereAndWhatComes)
{
    log.write(1, 3);
    look();
    look();
    pass(std::chrono::seconds{1});
    EXPECT_EQ(berth.target, "/api/v1/orgs/default/workspaces/abc/logs");
    EXPECT_EQ(berth.lines.size(), 3u);
    log.write(4, 2);
    pass(std::chrono::seconds{1});
    EXPECT_EQ(berth.lines.size(), 5u);
    EXPECT_EQ(berth.batches, 2) << "a burst is one batch";
    EXPECT_EQ(log.asked.size(), 1u) << "one container is followed once";
}

TEST_F(ShipperTest, TheLastLinesOfAContainerThatEndsArrive)
{
    look();
    log.write(1, 1);
    log.end();
    settle(io);
    all["uid"].container.state = ContainerState::exited;
    look();
    pass(std::chrono::seconds{1});
    EXPECT_EQ(berth.lines.size(), 1u);
    EXPECT_EQ(shipper.following(), 0u);
    look();
    EXPECT_EQ(log.asked.size(), 1u) << "it is known that this one is done";
}

TEST_F(ShipperTest, NothingIsLostWhileBerthdIsAway)
{
    berth.down = true;
    log.write(1, 10);
    look();
    pass(std::chrono::seconds{20});
    log.write(11, 5);
    pass(std::chrono::seconds{5});
    berth.down = false;
    pass(std::chrono::seconds{20});
    ASSERT_EQ(berth.lines.size(), 15u);
    EXPECT_EQ(berth.lines.front(), line(1));
    EXPECT_EQ(berth.dropped, 0);
}

TEST_F(ShipperTest, WhatIsTooMuchIsDroppedAndCounted)
{
    berth.down = true;
    look();
    for (int i = 0; i < 30; ++i) log.write(1 + 100 * i, 100);
    pass(std::chrono::seconds{5});
    berth.down = false;
    pass(std::chrono::seconds{30});
    EXPECT_EQ(std::int64_t(berth.lines.size()) + berth.dropped, 3'000);
    EXPECT_LE(berth.lines.size(), LogQueue::kMaxLines + 1);
    EXPECT_EQ(berth.lines.back(), line(3'000));
}

TEST_F(ShipperTest, ABerthdThatForgotGetsTheLastLinesAnew)
{
    log.write(1, 5);
    look();
    pass(std::chrono::seconds{20});
    ASSERT_EQ(berth.lines.size(), 5u);
    berth.lines.clear();
    log.write(6, 1);
    pass(std::chrono::seconds{5});
    EXPECT_EQ(berth.lines.size(), 6u) << "told by the refusal of the next batch";
    berth.lines.clear();
    berth.uptime = 1;
    pass(std::chrono::seconds{30});
    EXPECT_EQ(berth.lines.size(), 6u) << "found out by asking: nothing new was written";
}

TEST_F(ShipperTest, AWorkspaceThatIsGoneEndsIt)
{
    log.write(1, 1);
    look();
    berth.status = 404;
    pass(std::chrono::seconds{2});
    log.write(2, 1);
    pass(std::chrono::seconds{2});
    EXPECT_EQ(shipper.following(), 0u);
    EXPECT_EQ(berth.batches, 1);
}

TEST_F(ShipperTest, AContainerThatWritesMuchIsReadMoreSlowly)
{
    berth.down = true;
    look();
    const std::string wide(10'000, 'x');
    for (int i = 1; i <= 1'000; ++i) log.lines.push_back({at(i), LogStreamName::stdout_, wide});
    log.changed.notify_all();
    pass(std::chrono::seconds{5});
    berth.down = false;
    pass(std::chrono::milliseconds{1});
    const auto before = berth.dropped;
    pass(std::chrono::seconds{60});
    EXPECT_EQ(berth.lines.back().at, at(1'000));
    EXPECT_EQ(std::int64_t(berth.lines.size()) + berth.dropped, 1'000);
    EXPECT_EQ(before, 0) << "nothing was taken while berthd was away";
}

} // namespace
} // namespace berth
