// Signs of use, seen from outside: terminals, editor, desktop; and the socket of the monitor inside.

#include "node/activity.hpp"
#include "node/activity_watch.hpp"
#include "node/callback_relay.hpp"
#include "node/display_idle.hpp"
#include "node/folder_watcher.hpp"
#include "tests/fakes/fake_clock.hpp"
#include "tests/fakes/run.hpp"
#include "tests/unit/node/node_support.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

using asio::local::stream_protocol;
using std::chrono::seconds;

constexpr Time kNow{std::chrono::hours{24 * 365 * 56}};

ContainerRoot own_root() { return ContainerRoot("/proc", ::getpid(), "/proc/self/ns/net"); }

TEST(ActivityLog, KeepsTheNewestOfEachKindAndNothingFromTheFuture)
{
    ActivityLog log;
    log.note(ActivityKind::files, kNow - seconds{5}, "b", kNow);
    log.note(ActivityKind::files, kNow - seconds{9}, "a", kNow);
    log.note(ActivityKind::vnc, kNow + seconds{100}, "x\x1b[2Jy", kNow);
    const auto signals = log.signals();
    ASSERT_EQ(signals.size(), 2u);
    EXPECT_EQ(signals[0].source, "b");
    EXPECT_EQ(signals[0].at, kNow - seconds{5});
    EXPECT_EQ(signals[1].at, kNow);
    EXPECT_EQ(signals[1].source, "x?[2Jy");
    EXPECT_EQ(log.newest(), kNow);
    log.missing(ActivityKind::terminal, "gone");
    EXPECT_FALSE(log.signals().back().at);
    log.present(ActivityKind::terminal);
    EXPECT_EQ(log.signals().size(), 2u);
}

TEST(ContainerRoot, IsOfTheContainersProcessOnly)
{
    EXPECT_NO_THROW(own_root());
    EXPECT_THROW(ContainerRoot("/proc", ::getpid(), "/proc/self/ns/mnt"), Error)
        << "another namespace's file";
    EXPECT_THROW(ContainerRoot("/proc", 0, "/proc/self/ns/net"), Error);
}

TEST(ContainerRoot, FollowsNoSymbolicLink)
{
    TemporaryFolder temp;
    std::filesystem::create_directory(temp / "real");
    write_text(temp / "real/file", "x");
    std::filesystem::create_symlink(temp / "real", temp / "folder");
    std::filesystem::create_symlink(temp / "real/file", temp / "link");
    const auto root = own_root();
    const auto below = [&](const std::string& name) { return (temp / name).substr(1); };
    EXPECT_TRUE(root.open(below("real/file"), O_RDONLY));
    EXPECT_FALSE(root.open(below("folder/file"), O_RDONLY));
    EXPECT_FALSE(root.open(below("link"), O_RDONLY));
    EXPECT_FALSE(root.open(below("real/../real/file"), O_RDONLY));
    EXPECT_FALSE(root.open("", O_RDONLY));
}

/// A pseudo-terminal of ours, in the real /dev/pts.
struct Pty {
    Fd master{::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)};
    std::string path;
    Fd slave;
    Pty()
    {
        if (::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0)
            throw system_error("make a terminal");
        std::array<char, 64> name{};
        ::ptsname_r(master.get(), name.data(), name.size());
        path = name.data();
        slave.reset(::open(path.c_str(), O_RDWR | O_NOCTTY));
    }
    std::string name() const { return path.substr(5); }
    std::optional<Terminal> seen() const
    {
        for (const auto& terminal : terminals(own_root()))
            if (terminal.name == name()) return terminal;
        return std::nullopt;
    }
};

TEST(Terminals, OutputMovesTheirTimeAndWhatWeWriteIsRead)
{
    Pty pty;
    ASSERT_TRUE(pty.seen());
    // In the past, so that the kernel's steps of 8 seconds don't matter.
    const std::array<::timespec, 2> old{::timespec{1000, 0}, ::timespec{1000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, pty.path.c_str(), old.data(), 0), 0);
    ASSERT_EQ(pty.seen()->output, Time{seconds{1000}});
    ASSERT_EQ(::write(pty.slave.get(), "x", 1), 1);
    EXPECT_GT(pty.seen()->output, Time{seconds{1000}});
    EXPECT_EQ(pty.seen()->input, Time{seconds{1000}});

    EXPECT_EQ(write_to_terminals(own_root(), {*pty.seen()}, "words\n"), 1u);
    std::string read; // the kernel hands it over in pieces
    for (::pollfd ready{pty.master.get(), POLLIN, 0}; !read.ends_with('\n') && ::poll(&ready, 1, 10'000) == 1;) {
        std::array<char, 64> text{};
        const auto size = ::read(pty.master.get(), text.data(), text.size());
        ASSERT_GT(size, 0);
        read.append(text.data(), std::size_t(size));
    }
    EXPECT_EQ(read, "xwords\r\n");
}

TEST(Terminals, OneThatReadsNothingIsNotWaitedFor)
{
    Pty pty;
    const std::string much(1 << 16, 'x');
    EXPECT_EQ(write_to_terminals(own_root(), {*pty.seen()}, much), 0u);
}

TEST(FolderUse, GitsOwnHousekeepingIsNoSign)
{
    EXPECT_FALSE(is_sign_of_use(".git", "index"));
    EXPECT_FALSE(is_sign_of_use(".git", "index.lock"));
    EXPECT_FALSE(is_sign_of_use(".git", "FETCH_HEAD"));
    EXPECT_TRUE(is_sign_of_use(".git", "HEAD"));
    EXPECT_TRUE(is_sign_of_use("src", "index"));
}

TEST(FolderUse, WhatWeWriteIsWorthALookButNoUse)
{
    TemporaryFolder temp;
    asio::io_context io;
    SystemClock clock;
    FolderWatcher watcher(io.get_executor(), clock);
    const auto activity = std::make_shared<FolderActivity>();
    const Fd folder(::open(temp.path().c_str(), O_RDONLY | O_DIRECTORY));
    watcher.watch(folder.get(), activity);
    TaskGroup group(io.get_executor());
    group.spawn("watcher", watcher.run());
    const auto until_dirty = [&] {
        activity->dirty = false;
        return [&] {
            const auto end = std::chrono::steady_clock::now() + seconds{10};
            while (!activity->dirty && std::chrono::steady_clock::now() < end) io.run_one_until(end);
            return activity->dirty.load();
        };
    };
    {
        const OwnWrites own(activity, clock);
        const auto dirty = until_dirty();
        write_text(temp / "restored", "x");
        EXPECT_TRUE(dirty());
        EXPECT_EQ(activity->last_ms, 0);
    }
    activity->own_until_ms = 0;
    const auto dirty = until_dirty();
    write_text(temp / "typed", "x");
    EXPECT_TRUE(dirty());
    EXPECT_GT(activity->last_ms, 0);
    EXPECT_THAT(activity->last_source, ::testing::EndsWith("typed"));
    group.cancel();
    run_to_end(io, group.join());
}

// --- the desktop ---

struct DisplayTest : ::testing::Test {
    TemporaryFolder temp;
    asio::io_context io;
    SystemClock clock;
    stream_protocol::acceptor acceptor{io, stream_protocol::endpoint(temp / "X1")};

    static awaitable<> answer(stream_protocol::acceptor& from, std::vector<std::string> replies)
    {
        auto stream = co_await from.async_accept(asio::use_awaitable);
        const std::array<std::size_t, 3> requests{12, 24, 8};
        for (std::size_t i = 0; i < requests.size(); ++i) {
            std::string request(requests[i], '\0');
            co_await asio::async_read(stream, asio::buffer(request), asio::use_awaitable);
            if (i >= replies.size()) break;
            co_await asio::async_write(stream, asio::buffer(replies[i]), asio::use_awaitable);
        }
        std::string more(1, '\0');
        try {
            co_await asio::async_read(stream, asio::buffer(more), asio::use_awaitable);
        } catch (const boost::system::system_error&) {
        }
    }
    /// A setup with no vendor and no formats, whose root window is 0x1234.
    static std::string setup()
    {
        std::string text("\1\0\x0b\0\0\0\x09\0", 8);
        text.append(36, '\0');
        text[8 + 32] = 0x34;
        text[8 + 33] = 0x12;
        return text;
    }
    static std::string reply(std::size_t at, unsigned char value, unsigned char next = 0)
    {
        std::string text(32, '\0');
        text[0] = 1;
        text[at] = char(value);
        text[at + 1] = char(next);
        return text;
    }
    Duration ask(std::vector<std::string> replies, Duration limit = seconds{5})
    {
        TaskGroup group(io.get_executor());
        group.spawn("server", answer(acceptor, std::move(replies)));
        const auto path = temp / "X1";
        Fd socket(::open(path.c_str(), O_PATH | O_NOFOLLOW));
        std::exception_ptr failure;
        Duration idle{};
        try {
            idle = run_to_end(io, display_idle(clock, std::move(socket), limit));
        } catch (...) {
            failure = std::current_exception();
        }
        group.cancel();
        run_to_end(io, group.join());
        if (failure) std::rethrow_exception(failure);
        return idle;
    }
};

TEST_F(DisplayTest, TellsHowLongNobodyHasTouchedIt)
{
    EXPECT_EQ(ask({setup(), reply(8, 1, 140), reply(16, 0x10, 0x27)}), Duration{10000});
}

TEST_F(DisplayTest, WhatIsNoDisplayIsAnErrorAndNoWait)
{
    EXPECT_THROW(ask({setup(), reply(8, 0)}), Error) << "no extension";
    EXPECT_THROW(ask({std::string(8, '\0')}), Error) << "refused";
    EXPECT_THROW(ask({std::string("\1\0\x0b\0\0\0\0\0", 8)}), Error) << "a setup without anything";
    EXPECT_THROW(ask({std::string("\1\0\x0b\0\0\0\xff\xff", 8)}), Error) << "more than we take";
    EXPECT_THROW(ask({setup()}, Duration{50}), Error) << "never answers";
}

// --- the monitor's socket ---

struct RelayTest : ::testing::Test {
    TemporaryFolder temp;
    asio::io_context io;
    SystemClock clock;
    std::vector<RelayRequest> asked;
    CallbackRelay relay{
        io.get_executor(), clock, temp.path(), [this](RelayRequest request) { return took(request); }};

    awaitable<RelayAnswer> took(RelayRequest request)
    {
        asked.push_back(std::move(request));
        co_return RelayAnswer{200, "{}"};
    }
    awaitable<std::string> say(std::string text)
    {
        stream_protocol::socket stream(co_await asio::this_coro::executor);
        co_await stream.async_connect(stream_protocol::endpoint(temp / kRelaySocket), asio::use_awaitable);
        co_await asio::async_write(stream, asio::buffer(text), asio::use_awaitable);
        std::string reply(12, '\0');
        co_await asio::async_read(stream, asio::buffer(reply), asio::use_awaitable);
        co_return reply;
    }
    std::string send(std::string text)
    {
        TaskGroup group(io.get_executor());
        group.spawn("relay", relay.serve(seconds{20}));
        std::string reply;
        try {
            reply = run_to_end(io, say(std::move(text)));
        } catch (const boost::system::system_error&) {
            reply = "closed";
        }
        group.cancel();
        run_to_end(io, group.join());
        return reply;
    }
};

TEST_F(RelayTest, PassesOnTheOneRequestItIsFor)
{
    EXPECT_EQ(
        send(
            "POST /callback HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer abc\r\nContent-Length: 2\r\n\r\n{}"),
        "HTTP/1.1 200");
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].token, "abc");
    EXPECT_EQ(asked[0].body, "{}");
}

TEST_F(RelayTest, RefusesEverythingElse)
{
    EXPECT_EQ(send("GET /callback HTTP/1.1\r\nHost: b\r\n\r\n"), "HTTP/1.1 404");
    EXPECT_EQ(
        send("POST /api/containers/start HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n"), "HTTP/1.1 404");
    EXPECT_EQ(
        send("POST /callback HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(8000, 'x')), "closed");
    EXPECT_EQ(send("no HTTP at all\r\n\r\n"), "closed");
    EXPECT_TRUE(asked.empty());
}

TEST(IdleNotice, SaysWhenAndHowToKeepIt)
{
    using ::testing::HasSubstr;
    using ::testing::Not;
    Workspace ws;
    ws.metadata.name = "abc";
    const auto all = idle_notice(ws, IdleMode::all, kNow + seconds{120}, kNow);
    EXPECT_THAT(all, HasSubstr("stopped in 2 minutes"));
    EXPECT_THAT(all, HasSubstr("Press a key or save a file"));
    EXPECT_THAT(all, HasSubstr("POST /api/containers/abc/extend"));
    // The install's mode, unless the workspace names its own.
    EXPECT_THAT(idle_notice(ws, IdleMode::filesOnly, kNow + seconds{8}, kNow), Not(HasSubstr("Press a key")));
    ws.spec.idle.mode = IdleMode::all;
    EXPECT_THAT(idle_notice(ws, IdleMode::filesOnly, kNow + seconds{8}, kNow), HasSubstr("Press a key"));
    ws.spec.idle.mode = IdleMode::filesOnly;
    EXPECT_THAT(idle_notice(ws, IdleMode::all, kNow + seconds{8}, kNow), HasSubstr("in 8 seconds"));
    EXPECT_THAT(idle_notice(ws, IdleMode::all, kNow + seconds{8}, kNow), Not(HasSubstr("Press a key")));
}

} // namespace
} // namespace berth
