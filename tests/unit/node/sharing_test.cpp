// Several workspaces on one prefix: each keeps its own changes, a real conflict keeps both versions.

#include "tests/unit/node/node_support.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace berth {
namespace {

struct SharingTest : ::testing::Test {
    boost::asio::io_context io;
    FakeClock clock;
    MemoryBucket bucket;
    Side one{"one", bucket, clock, io};
    Side two{"two", bucket, clock, io};

    void begin(const std::map<std::string, std::string>& files)
    {
        bucket.put(files);
        one.restore();
        two.restore();
        one.sync();
        two.sync();
    }
    void later() { clock.advance(std::chrono::minutes{10}); }
    std::multiset<std::string> versions(const std::string& stem) const
    {
        std::multiset<std::string> found;
        for (const auto& [key, object] : bucket.objects)
            if (key.starts_with(stem)) found.insert(object.content);
        return found;
    }
};

TEST_F(SharingTest, ChangesOfOneComeToTheOtherWhereItHasNone)
{
    begin({{"a", "1"}, {"b", "2"}, {"gone", "3"}});
    one.write("a", "changed by one");
    one.write("new/file", "made by one");
    one.erase("gone");
    one.sync();
    two.write("b", "changed by two");
    later();
    two.compare();
    one.compare();
    for (auto* side : {&one, &two}) {
        EXPECT_EQ(side->local("a"), "changed by one");
        EXPECT_EQ(side->local("b"), "changed by two");
        EXPECT_EQ(side->local("new/file"), "made by one");
        EXPECT_FALSE(side->has("gone"));
        EXPECT_EQ(side->status.conflicts, 0);
    }
}

TEST_F(SharingTest, TheSameFileEditedInBothKeepsBothVersions)
{
    begin({{"a.txt", "base"}});
    one.write("a.txt", "of one");
    two.write("a.txt", "of two");
    one.sync();
    two.sync();
    EXPECT_EQ(two.status.conflicts, 1);
    EXPECT_EQ(versions("a."), (std::multiset<std::string>{"of one", "of two"}));
    one.sync(true);
    two.sync(true);
    EXPECT_EQ(versions("a."), (std::multiset<std::string>{"of one", "of two"}));
    EXPECT_EQ(one.files(), two.files());
}

TEST_F(SharingTest, AWriteInTheMomentBetweenLookAndUploadIsNotLost)
{
    begin({{"a.txt", "base"}});
    one.write("a.txt", "of one");
    two.write("a.txt", "of two");
    bucket.before_upload = [&] { two.sync(true); };
    one.sync(true);
    EXPECT_EQ(versions("a."), (std::multiset<std::string>{"of one", "of two"}));
    EXPECT_TRUE(
        bucket.objects.contains(manifest_path("one")) && bucket.objects.contains(manifest_path("two")));
}

TEST_F(SharingTest, AnEditIsThreeRequestsAndARoundWithoutOneIsNone)
{
    begin({{"a", "1"}});
    one.write("a", "2");
    auto before = bucket.requests;
    one.sync();
    EXPECT_EQ(bucket.requests - before, 3) << "copy to the trash, write, manifest";
    before = bucket.requests;
    one.sync();
    EXPECT_EQ(bucket.requests, before);
}

TEST_F(SharingTest, LinksModesAndEmptyFoldersTravelAndDeletedOnesStayAway)
{
    begin({{"run", "x"}});
    std::filesystem::create_symlink("run", one.path("link"));
    std::filesystem::create_directories(one.path("empty"));
    ::chmod(one.path("run").c_str(), 0755);
    one.sync();
    two.compare();
    EXPECT_TRUE(two.has("link") && two.has("empty"));
    struct ::stat info {};
    ::stat(two.path("run").c_str(), &info);
    EXPECT_EQ(info.st_mode & 0777, 0755u);
    std::filesystem::remove(two.path("link"));
    later();
    two.sync(true);
    one.compare();
    EXPECT_FALSE(one.has("link"));
    one.sync(true);
    Side third{"three", bucket, clock, io};
    third.restore();
    EXPECT_FALSE(third.has("link")) << "an old manifest must not bring it back";
    EXPECT_TRUE(third.has("empty"));
}

TEST_F(SharingTest, UnusualNamesComeBackAsTheyWere)
{
    const std::vector<std::string> names{"new\nline", "-lead", "trail ", "100%", "Case", "case", "e\xcc\x81",
        "\xc3\xa9", "b\\s", std::string(255, 'n'), "swap/inner"};
    begin({{"swap", "a file"}});
    one.erase("swap");
    for (const auto& name : names) {
        std::filesystem::create_directories(std::filesystem::path(one.path(name)).parent_path());
        std::ofstream(one.path(name)) << "content of " << name;
    }
    one.sync(true);
    Side third{"three", bucket, clock, io};
    third.restore();
    for (const auto& name : names) EXPECT_EQ(third.local(name), "content of " + name);
}

TEST_F(SharingTest, TheTreeOfAnEarlierTimeComesBackAndSoDoesThePresentOne)
{
    begin({{"kept", "k"}});
    one.write("edited", "old");
    one.write("deleted", "d");
    auto mtime = [&](const std::string& name) {
        const auto ns = clock.now().time_since_epoch().count() * 1'000'000;
        const ::timespec times[2] = {{0, UTIME_OMIT}, {ns / 1'000'000'000, ns % 1'000'000'000}};
        ::utimensat(AT_FDCWD, one.path(name).c_str(), times, 0);
    };
    mtime("edited"), mtime("deleted");
    one.sync();
    later();
    const auto then = clock.now();
    later();
    one.write("edited", "new");
    one.write("added", "a");
    mtime("edited"), mtime("added");
    one.erase("deleted");
    one.sync();
    later();
    const auto before = clock.now();
    later();
    auto back = [](SyncContext& context, Time at) -> awaitable<> { co_await restore_files_at(context, at); };
    one.run(back(*one.context, then));
    EXPECT_EQ(one.files(), (std::set<std::string>{"kept", "edited", "deleted"}));
    EXPECT_EQ(one.local("edited"), "old");
    later();
    one.run(back(*one.context, before));
    EXPECT_EQ(one.files(), (std::set<std::string>{"kept", "edited", "added"}));
    EXPECT_EQ(one.local("edited"), "new");
}

TEST_F(SharingTest, SmallAndRecentFilesComeFirst)
{
    bucket.put({{"a-large", std::string(300 << 10, 'x')}, {"b-old", "x"}});
    bucket.put({{"c-recent", "x"}}, clock.now());
    one.restore();
    std::vector<std::string> got;
    for (const auto& line : bucket.log)
        if (line.starts_with("GET ")) got.push_back(line.substr(4));
    EXPECT_EQ(got, (std::vector<std::string>{"c-recent", "b-old", "a-large"}));
    EXPECT_EQ(one.status.restoredFiles, 3);
    EXPECT_EQ(one.status.restoreFiles, 3);
    EXPECT_EQ(one.status.restoredBytes, one.status.restoreBytes);
}

} // namespace
} // namespace berth
