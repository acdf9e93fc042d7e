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
    void back(Side& side, Time at)
    {
        auto work = [](SyncContext& context, Time time) -> awaitable<> {
            co_await restore_files_at(context, time);
        };
        side.run(work(*side.context, at));
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
    EXPECT_NE(two.status.message.find("a.conflict-"), std::string::npos) << two.status.message;
    EXPECT_EQ(versions("a."), (std::multiset<std::string>{"of one", "of two"}));
    one.sync(true);
    two.sync(true);
    EXPECT_EQ(versions("a."), (std::multiset<std::string>{"of one", "of two"}));
    EXPECT_EQ(one.files(), two.files());
}

TEST_F(SharingTest, ATouchedFileHidesTheOthersVersionForOneRoundOnly)
{
    begin({{"a.txt", "base"}});
    two.write("a.txt", "of two");
    two.sync();
    one.write("a.txt", "base"); // an editor that saves what is there already
    one.compare();
    one.sync();
    EXPECT_EQ(one.local("a.txt"), "of two");
    const auto lists = bucket.lists;
    one.sync();
    EXPECT_EQ(bucket.lists, lists) << "then it is quiet again";
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

TEST_F(SharingTest, AnEditIsThreeRequestsANewFileTwoAndARoundWithoutEitherNone)
{
    begin({{"a", "1"}});
    one.write("a", "2");
    auto before = bucket.requests;
    one.sync();
    EXPECT_EQ(bucket.requests - before, 3) << "copy to the trash, write, manifest";
    before = bucket.requests;
    one.write("new", "1");
    one.sync();
    EXPECT_EQ(bucket.requests - before, 2) << "write, manifest";
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
    one.sync();
    later();
    const auto then = clock.now();
    later();
    one.write("edited", "new");
    one.write("added", "a");
    one.erase("deleted");
    one.sync();
    later();
    const auto before = clock.now();
    later();
    back(one, then);
    EXPECT_EQ(one.files(), (std::set<std::string>{"kept", "edited", "deleted"}));
    EXPECT_EQ(one.local("edited"), "old");
    later();
    back(one, before);
    EXPECT_EQ(one.files(), (std::set<std::string>{"kept", "edited", "added"}));
    EXPECT_EQ(one.local("edited"), "new");
}

// Servers tell whole seconds.
TEST_F(SharingTest, WhatWasMadeWithinASecondIsToldApart)
{
    begin({{"kept", "k"}});
    clock.advance(std::chrono::milliseconds{100});
    const auto then = clock.now();
    clock.advance(std::chrono::milliseconds{100});
    one.write("added", "a");
    one.sync();
    bucket.objects["added"].modified = std::chrono::floor<std::chrono::seconds>(then);
    later();
    back(one, then);
    EXPECT_FALSE(one.has("added"));
}

// A file's own time says when it was made, not when it came.
TEST_F(SharingTest, AFileThatWasUnpackedLaterIsNotThereAtAnEarlierTime)
{
    begin({{"kept", "k"}});
    const auto then = clock.now();
    later();
    one.write("unpacked", "with an old time");
    const ::timespec times[2] = {{0, UTIME_OMIT}, {1000, 0}};
    ::utimensat(AT_FDCWD, one.path("unpacked").c_str(), times, 0);
    one.sync();
    later();
    const auto with = clock.now();
    later();
    one.erase("unpacked");
    one.sync();
    later();
    back(one, then);
    EXPECT_FALSE(one.has("unpacked"));
    later();
    back(one, with);
    EXPECT_EQ(one.local("unpacked"), "with an old time");
}

TEST_F(SharingTest, WhatAnotherProgramPutComesBackAlthoughNobodyKnowsSinceWhenItWasThere)
{
    begin({{"theirs", "put by another program"}});
    later();
    const auto then = clock.now();
    later();
    one.write("theirs", "edited here");
    one.sync();
    later();
    back(one, then);
    EXPECT_EQ(one.local("theirs"), "put by another program");
}

TEST_F(SharingTest, ModesLinksAndFoldersOfAnEarlierTimeComeBack)
{
    begin({{"run", "x"}});
    std::filesystem::create_directories(one.path("empty"));
    std::filesystem::create_symlink("run", one.path("link"));
    one.sync();
    later();
    const auto then = clock.now();
    later();
    ::chmod(one.path("run").c_str(), 0755);
    std::filesystem::remove(one.path("link"));
    std::filesystem::remove(one.path("empty"));
    std::filesystem::create_directories(one.path("late/inner"));
    one.sync();
    later();
    back(one, then);
    EXPECT_TRUE(one.has("link") && one.has("empty"));
    EXPECT_FALSE(one.has("late/inner") || one.has("late"));
    struct ::stat info {};
    ::stat(one.path("run").c_str(), &info);
    EXPECT_EQ(info.st_mode & 0777, 0644u);
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
