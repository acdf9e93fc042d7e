// The output of containers: what is kept, and how it is given away.

#include "api/actions/logs.hpp"
#include "tests/unit/http/action_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

namespace berth {
namespace {

const std::string kContainer(64, 'a');

std::string at(int nanoseconds)
{
    auto digits = std::to_string(nanoseconds);
    return "2026-01-01T00:00:00." + std::string(9 - digits.size(), '0') + digits + "Z";
}

LogBatch batch(int first, int count, const std::string& after = "", const std::string& container = kContainer)
{
    LogBatch out;
    out.container = container;
    out.incarnation = 1;
    out.after = after;
    for (int i = first; i < first + count; ++i)
        out.lines.push_back({at(i), LogStreamName::stdout_, "line " + std::to_string(i)});
    return out;
}

class Book : public ::testing::Test {
protected:
    std::vector<std::string> texts(const Key& key = {"default", "abc"}, std::uint64_t after = 0)
    {
        std::vector<std::string> out;
        for (const auto& entry : book.read(key, after, 5'000)) out.push_back(entry.line.text);
        return out;
    }
    asio::io_context io;
    Key key{"default", "abc"};
    LogBook book{io.get_executor(), LogLimits{5, 10'000, 1'500}};
};

TEST_F(Book, KeepsTheLastLinesAndCountsOn)
{
    ASSERT_TRUE(book.append(key, "u1", batch(1, 4)));
    ASSERT_TRUE(book.append(key, "u1", batch(5, 4, at(4))));
    EXPECT_EQ(texts(), (std::vector<std::string>{"line 4", "line 5", "line 6", "line 7", "line 8"}));
    EXPECT_EQ(book.newest(key), 8u);
    EXPECT_EQ(texts(key, 7), std::vector<std::string>{"line 8"});
    EXPECT_EQ(book.last(key, kContainer), at(8));
}

TEST_F(Book, TakesABatchTwiceOnce)
{
    ASSERT_TRUE(book.append(key, "u1", batch(1, 2)));
    ASSERT_TRUE(book.append(key, "u1", batch(1, 3)));
    EXPECT_EQ(texts(), (std::vector<std::string>{"line 1", "line 2", "line 3"}));
}

TEST_F(Book, RefusesWhatGoesOnFromNothing)
{
    EXPECT_FALSE(book.append(key, "u1", batch(5, 1, at(4))));
    EXPECT_TRUE(texts().empty());
    ASSERT_TRUE(book.append(key, "u1", batch(1, 1)));
    EXPECT_FALSE(book.append(key, "u1", batch(7, 1, at(6), std::string(64, 'b')))) << "another container";
}

TEST_F(Book, LinesOfTheNextContainerFollowAndAnotherWorkspaceBeginsAnew)
{
    ASSERT_TRUE(book.append(key, "u1", batch(3, 1)));
    ASSERT_TRUE(book.append(key, "u1", batch(1, 1, "", std::string(64, 'b'))));
    EXPECT_EQ(texts(), (std::vector<std::string>{"line 3", "line 1"}));
    ASSERT_TRUE(book.append(key, "u2", batch(9, 1)));
    EXPECT_EQ(texts(), std::vector<std::string>{"line 9"});
}

TEST_F(Book, SaysWhatWasLeftOut)
{
    auto some = batch(5, 1);
    some.dropped = 12;
    ASSERT_TRUE(book.append(key, "u1", some));
    EXPECT_EQ(texts(), (std::vector<std::string>{"12 lines were left out", "line 5"}));
    ASSERT_TRUE(book.append(key, "u1", some));
    EXPECT_EQ(texts().size(), 2u) << "sent twice, said once";
}

TEST_F(Book, AllTogetherStayWithinTheirLimitAndTheQuietGoFirst)
{
    for (const auto* name : {"a", "b", "c"}) ASSERT_TRUE(book.append({"default", name}, "u", batch(1, 5)));
    EXPECT_LE(book.bytes(), 1'500u);
    EXPECT_TRUE(texts({"default", "a"}).empty());
    EXPECT_EQ(texts({"default", "c"}).size(), 5u);
    book.forget({"default", "b"});
    book.forget({"default", "c"});
    EXPECT_EQ(book.bytes(), 0u);
}

class LogsTest : public ActionTest {
protected:
    void SetUp() override
    {
        ActionTest::SetUp();
        logs.mount(router);
        Workspace workspace;
        workspace.metadata.org = "default";
        workspace.metadata.name = "abc";
        workspace.spec.s3.bucket = "demo";
        h.put(workspace);
    }
    Reply post(const LogBatch& lines, const std::string& name = "abc")
    {
        principal = {"node", Role::node, 0};
        return ask(
            {"POST", "/api/v1/orgs/default/workspaces/" + name + "/logs", json::serialize(encode(lines))});
    }
    Reply read(const std::string& query = "", std::map<std::string, std::string> headers = {})
    {
        principal = {"alice", Role::viewer, 0};
        return ask({"GET", "/api/containers/abc/logs" + query, "", std::move(headers)});
    }
    struct Out final : Stream {
        awaitable<> write(std::string piece) override
        {
            text += piece;
            co_return;
        }
        bool busy() const noexcept override { return false; }
        std::string text;
    };
    /// A follower at work; what it has got so far is in `text`, and `ended` tells whether it is over.
    struct Following {
        Reply reply;
        Out out;
        bool ended = false;
        asio::cancellation_signal cancel;
    };
    std::shared_ptr<Following> follow(
        const std::string& query, std::map<std::string, std::string> headers = {})
    {
        return follow(read(query, std::move(headers)));
    }
    std::shared_ptr<Following> follow(Reply reply)
    {
        auto following = std::make_shared<Following>();
        following->reply = std::move(reply);
        EXPECT_TRUE(following->reply.stream);
        asio::co_spawn(h.io, following->reply.stream(following->out),
            asio::bind_cancellation_slot(
                following->cancel.slot(), [following](std::exception_ptr) { following->ended = true; }));
        h.settle();
        return following;
    }
    void TearDown() override { h.settle(); }

    Logs logs{cache, h.io.get_executor(), h.clock};
};

TEST_F(LogsTest, TextByDefault)
{
    EXPECT_EQ(post(batch(1, 3)).status, 200u);
    const auto reply = read("?tail=2");
    EXPECT_EQ(reply.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(reply.body, "line 2\nline 3\n");
    EXPECT_EQ(read("?tail=1&timestamps=1").body, at(3) + " line 3\n");
    EXPECT_EQ(read("?tail=0").body, "");
}

TEST_F(LogsTest, ALineCantLeaveItsRecord)
{
    auto hostile = batch(1, 1);
    hostile.lines[0].text = "a\r\rdata: x\x1b[31m\x07\"}\xe2\x80\xa8 id: 9";
    hostile.lines[0].stream = LogStreamName::stderr_;
    post(hostile);
    const auto lines = read("", {{"Accept", "application/x-ndjson"}}).body;
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1);
    const auto object = json::parse(lines);
    EXPECT_EQ(object.at("text").as_string(), hostile.lines[0].text.c_str()) << "nothing of it is lost";
    EXPECT_EQ(object.at("stream"), json::value("stderr"));
    EXPECT_EQ(object.at("incarnation"), json::value(1));
    const auto events = read("", {{"Accept", "text/event-stream"}}).body;
    EXPECT_EQ(events.find('\r'), std::string::npos);
    EXPECT_EQ(std::count(events.begin(), events.end(), '\n'), 3) << events;
}

TEST_F(LogsTest, ALineEndInsideOfALineIsRefused)
{
    auto broken = batch(1, 1);
    broken.lines[0].text = "one\ntwo";
    EXPECT_EQ(error({"POST", "/api/v1/orgs/default/workspaces/abc/logs", json::serialize(encode(broken))}),
        "VALIDATION_FAILED 400");
    broken.lines[0].text = std::string(kMaxLogLine + 1, 'x');
    EXPECT_EQ(error({"POST", "/api/v1/orgs/default/workspaces/abc/logs", json::serialize(encode(broken))}),
        "VALIDATION_FAILED 400");
}

TEST_F(LogsTest, UnknownWorkspacesAndGapsAreToldApart)
{
    const auto text = json::serialize(encode(batch(5, 1, at(4))));
    EXPECT_EQ(error({"POST", "/api/v1/orgs/default/workspaces/abc/logs", text}), "CONFLICT 409");
    EXPECT_EQ(error({"POST", "/api/v1/orgs/default/workspaces/nobody/logs", text}), "NOT_FOUND 404");
    EXPECT_EQ(error({"GET", "/api/containers/nobody/logs"}), "CONTAINER_NOT_FOUND 404");
    EXPECT_EQ(error({"GET", "/api/containers/abc/logs?since=yesterday"}), "VALIDATION_FAILED 400");
    EXPECT_EQ(error({"GET", "/api/containers/abc/logs?tail=1001"}), "VALIDATION_FAILED 400");
}

TEST_F(LogsTest, OnlyNodesWriteAndReadersRead)
{
    const auto write = router.find("POST", "/api/v1/orgs/default/workspaces/abc/logs");
    const auto show = router.find("GET", "/api/containers/abc/logs");
    for (const auto role : {Role::admin, Role::user, Role::viewer, Role::node, Role::proxy}) {
        const Principal somebody{"x", role, 0};
        EXPECT_EQ(write->route->allows(somebody), role == Role::node);
        EXPECT_EQ(show->route->allows(somebody), role != Role::node && role != Role::proxy);
    }
}

TEST_F(LogsTest, SinceATimeOrSoLongAgo)
{
    auto old = batch(1, 1);
    old.lines[0].at = "2025-12-31T23:00:00.000000000Z";
    post(old);
    post(batch(2, 1, old.lines[0].at));
    EXPECT_EQ(read("?since=10m").body, "line 2\n");
    EXPECT_EQ(read("?since=2h").body, "line 1\nline 2\n");
    EXPECT_EQ(read("?since=2025-12-31T23:30:00Z").body, "line 2\n");
}

TEST_F(LogsTest, AFollowerGetsEachLineOnceAndEndsWithTheWorkspace)
{
    post(batch(1, 2));
    const auto text = follow("?follow=1&tail=1");
    const auto events = follow("?follow=1&tail=0", {{"Accept", "text/event-stream"}});
    EXPECT_EQ(text->out.text, "line 2\n");
    EXPECT_EQ(events->out.text, "");
    post(batch(3, 2, at(2)));
    h.settle();
    EXPECT_EQ(text->out.text, "line 2\nline 3\nline 4\n");
    EXPECT_NE(events->out.text.find("line 4"), std::string::npos);
    EXPECT_FALSE(text->ended);
    const auto id = events->out.text.substr(4, events->out.text.find('\n') - 4);
    EXPECT_EQ(read("?tail=0", {{"Accept", "text/event-stream"}, {"Last-Event-ID", id}}).body,
        events->out.text.substr(events->out.text.find("\n\n") + 2))
        << "goes on after the line that it names";
    h.remove<Workspace>("default", "abc");
    h.settle();
    h.advance(std::chrono::seconds{1});
    EXPECT_TRUE(text->ended);
    EXPECT_TRUE(events->ended);
}

TEST_F(LogsTest, AQuietEventStreamIsKeptAlive)
{
    const auto events = follow("?follow=1", {{"Accept", "text/event-stream"}});
    h.advance(std::chrono::seconds{16});
    EXPECT_EQ(events->out.text, ": still here\n\n");
    events->cancel.emit(asio::cancellation_type::terminal);
    h.settle();
    EXPECT_TRUE(events->ended);
}

// W7
class FeedTest : public LogsTest {
protected:
    void SetUp() override
    {
        LogsTest::SetUp();
        for (const auto* name : {"other", "slot"}) {
            Workspace workspace;
            workspace.metadata.org = "default";
            workspace.metadata.name = name;
            workspace.spec.s3.bucket = "demo";
            if (name == std::string("slot")) workspace.spec.pool = "small";
            h.put(workspace);
            set_status(name, [&](WorkspaceStatus& status) { status.nodeName = std::string("node-") + name; });
        }
    }
    /// "container text" of each line.
    std::vector<std::string> feed(const std::string& query)
    {
        principal = {"alice", Role::viewer, 0};
        const auto reply =
            ask({"GET", "/api/dashboard/logs" + query, "", {{"Accept", "application/x-ndjson"}}});
        return lines_of(reply.body);
    }
    static std::vector<std::string> lines_of(const std::string& text)
    {
        std::vector<std::string> lines;
        std::istringstream in(text);
        for (std::string line; std::getline(in, line);) {
            if (line.starts_with("data: ")) line.erase(0, 6);
            if (line.empty() || line.front() != '{') continue;
            const auto object = json::parse(line);
            lines.push_back(std::string(object.at("container").as_string()) + " " +
                            std::string(object.at("text").as_string()));
        }
        return lines;
    }
    using Lines = std::vector<std::string>;
};

// W7
TEST_F(FeedTest, IsInTheOrderOfTimeAndLeavesSlotsOut)
{
    post(batch(1, 1));
    post(batch(2, 1), "other");
    post(batch(3, 1, at(1)));
    post(batch(1, 1), "slot");
    EXPECT_EQ(feed(""), (Lines{"abc line 1", "other line 2", "abc line 3"}));
    EXPECT_EQ(feed("?tail=2"), (Lines{"other line 2", "abc line 3"}));
    EXPECT_EQ(feed("?container=other"), Lines{"other line 2"});
    EXPECT_EQ(feed("?node=node-other"), Lines{"other line 2"});
    EXPECT_EQ(feed("?search=LINE%203"), Lines{"abc line 3"});
    EXPECT_EQ(feed("?search=line&tail=1"), Lines{"abc line 3"});
}

// W7
TEST_F(FeedTest, ALevelIsReadFromTheWords)
{
    auto lines = batch(1, 3);
    lines.lines[0].text = "npm ERR! fatal: no such thing";
    lines.lines[1].text = "Warning: old";
    post(lines);
    EXPECT_EQ(feed("?level=error").size(), 1u);
    EXPECT_EQ(feed("?level=warning").size(), 2u);
    EXPECT_EQ(feed("?level=info").size(), 3u);
    EXPECT_EQ(error({"GET", "/api/dashboard/logs?level=loud"}), "VALIDATION_FAILED 400");
}

// W7
TEST_F(FeedTest, FollowsAllOfThemAndTellsALineOnce)
{
    post(batch(1, 1));
    principal = {"alice", Role::viewer, 0};
    const auto following = follow(ask({"GET", "/api/dashboard/logs?follow=1", ""}));
    EXPECT_EQ(following->reply.content_type, "text/event-stream");
    EXPECT_EQ(lines_of(following->out.text), Lines{"abc line 1"});
    post(batch(2, 1), "other");
    post(batch(1, 2));
    h.advance(std::chrono::seconds{1});
    EXPECT_EQ(lines_of(following->out.text), (Lines{"abc line 1", "abc line 2", "other line 2"}));
    following->cancel.emit(asio::cancellation_type::terminal);
    h.settle();
    EXPECT_TRUE(following->ended);
}

} // namespace
} // namespace berth
