// The journal survives being cut off at any byte.

#include "tests/unit/node/node_support.hpp"

#include <boost/crc.hpp>

#include <array>
#include <csignal>
#include <cstdio>

#include <sys/wait.h>

namespace berth {
namespace {

JournalFile some_file(int number)
{
    JournalFile file;
    file.local = {.size = number, .mtime = number, .ctime = number, .inode = number, .mode = 0644};
    file.md5 = "m" + std::to_string(number);
    file.remote = {.size = number, .etag = file.md5};
    return file;
}

TEST(Journal, KeepsWhatWasCommitted)
{
    TemporaryFolder temp;
    {
        SyncJournal journal(temp.path());
        journal.put("a\\\"ü", some_file(1));
        journal.put("b", some_file(2));
        journal.erase("b");
        journal.set_fact("restored", "yes");
        journal.commit();
        journal.put("lost", some_file(3));
    }
    SyncJournal again(temp.path());
    ASSERT_EQ(again.files().size(), 1u);
    EXPECT_EQ(again.files().at("a\\\"ü"), some_file(1));
    EXPECT_EQ(again.fact("restored"), "yes");
    again.reset();
    SyncJournal empty(temp.path());
    EXPECT_TRUE(empty.files().empty());
    EXPECT_EQ(empty.fact("restored"), "");
}

TEST(Journal, SaysTheSameInMemoryAsAfterItWasReadAgain)
{
    TemporaryFolder temp;
    SyncJournal journal(temp.path());
    auto file = some_file(1);
    file.remote.modified = file.remote.written = Time{Duration{5}}; // what a listing tells, and is not kept
    file.remote.mtime = 7;
    journal.put("a", file);
    journal.commit();
    EXPECT_EQ(journal.files(), SyncJournal(temp.path()).files());
}

TEST(Journal, ForgetsAPathThatIsItsOwn)
{
    TemporaryFolder temp;
    SyncJournal journal(temp.path());
    const std::string path = "a/path/that/is/longer/than/a/short/string";
    journal.put(path, some_file(1));
    journal.erase(journal.files().begin()->first);
    journal.commit();
    EXPECT_THAT(read_file(temp / "journal"), ::testing::HasSubstr(R"({"op":"del","path":")" + path));
    EXPECT_TRUE(SyncJournal(temp.path()).files().empty());
}

TEST(Journal, ALineThatIsWholeAndNoRecordIsNamed)
{
    TemporaryFolder temp;
    for (const char* body : {"[]", R"({"op":"put"})", R"({"op":"fact","name":1,"value":""})", "{"}) {
        boost::crc_32_type crc;
        crc.process_bytes(body, std::string_view(body).size());
        std::array<char, 16> sum{};
        std::snprintf(sum.data(), sum.size(), "%08x ", unsigned(crc.checksum()));
        write_text(temp / "journal", std::string(sum.data()) + body + "\n");
        try {
            SyncJournal journal(temp.path());
            ADD_FAILURE() << "taken: " << body;
        } catch (const Error& error) {
            EXPECT_THAT(error.what(), ::testing::HasSubstr("line 1 of " + (temp / "journal"))) << body;
        }
    }
}

TEST(Journal, EveryTornTailIsCutAndTheRestIsKept)
{
    TemporaryFolder temp;
    {
        SyncJournal journal(temp.path());
        for (int i = 0; i < 2; ++i) journal.put("file" + std::to_string(i), some_file(i));
        journal.commit();
    }
    const auto whole = read_file(temp / "journal");
    for (std::size_t size = 0; size <= whole.size(); size += 3) {
        write_text(temp / "journal", whole.substr(0, size));
        const auto lines = std::count(whole.begin(), whole.begin() + std::ptrdiff_t(size), '\n');
        SyncJournal journal(temp.path());
        ASSERT_EQ(journal.files().size(), std::size_t(lines)) << "cut at " << size;
        journal.put("after", some_file(9));
        journal.commit();
        SyncJournal again(temp.path());
        ASSERT_EQ(again.files().size(), std::size_t(lines) + 1) << "cut at " << size;
    }
}

TEST(Journal, AFlippedByteEndsIt)
{
    TemporaryFolder temp;
    {
        SyncJournal journal(temp.path());
        for (int i = 0; i < 3; ++i) journal.put("file" + std::to_string(i), some_file(i));
        journal.commit();
    }
    auto text = read_file(temp / "journal");
    text[text.find('\n') + 20] ^= 1;
    write_text(temp / "journal", text);
    EXPECT_EQ(SyncJournal(temp.path()).files().size(), 1u);
}

TEST(Journal, IsRewrittenWhenMostOfItIsOld)
{
    TemporaryFolder temp;
    {
        SyncJournal journal(temp.path());
        for (int round = 0; round < 400; ++round) {
            for (int i = 0; i < 5; ++i) journal.put("file" + std::to_string(i), some_file(round * 10 + i));
            journal.commit();
        }
    }
    EXPECT_LT(std::filesystem::file_size(temp / "journal"), 250'000u);
    SyncJournal again(temp.path());
    ASSERT_EQ(again.files().size(), 5u);
    EXPECT_EQ(again.files().at("file4"), some_file(3994));
}

TEST(Journal, SurvivesKillAtRandomMoments)
{
    TemporaryFolder temp;
    for (int round = 0; round < 4; ++round) {
        int pipe_ends[2];
        ASSERT_EQ(::pipe(pipe_ends), 0);
        const int child = ::fork();
        if (child == 0) {
            // Tells the number of each commit that returned.
            SyncJournal journal(temp.path());
            for (int i = 0;; ++i) {
                journal.put("counter", some_file(round * 1'000'000 + i));
                journal.put("file" + std::to_string(i % 700), some_file(i));
                journal.commit();
                if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(0);
            }
        }
        ::close(pipe_ends[1]);
        int acknowledged = -1;
        for (int number = 0; acknowledged < 100 + round * 137;) {
            ASSERT_EQ(::read(pipe_ends[0], &number, sizeof number), ssize_t(sizeof number));
            acknowledged = number;
        }
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        for (int number = 0; ::read(pipe_ends[0], &number, sizeof number) == sizeof number;)
            acknowledged = number;
        ::close(pipe_ends[0]);
        SyncJournal journal(temp.path());
        EXPECT_GE(journal.files().at("counter").local.size, round * 1'000'000 + acknowledged);
    }
}

} // namespace
} // namespace berth
