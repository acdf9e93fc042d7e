// Restore and sync against a bucket in memory and a real folder.

#include "tests/unit/node/node_support.hpp"

#include <sys/stat.h>

namespace berth {
namespace {

using SyncTest = SyncFixture;

// W25
TEST_F(SyncTest, RestoresThenUploadsOnlyWhatChanged)
{
    store.put({{"a.txt", "one"}, {"dir/b.txt", "two"}});
    restore();
    EXPECT_EQ(local("a.txt"), "one");
    EXPECT_EQ(local("dir/b.txt"), "two");
    sync();
    EXPECT_EQ(store.lists, 1);
    write("dir/b.txt", "two changed");
    write("c.txt", "three");
    sync();
    EXPECT_EQ(store.objects["dir/b.txt"], "two changed");
    EXPECT_EQ(store.objects["c.txt"], "three");
    EXPECT_EQ(store.lists, 1) << "the steady state lists nothing";
    ASSERT_TRUE(status.receipt);
    EXPECT_EQ(status.receipt->files, 3);
    EXPECT_EQ(status.receipt->manifestHash, sha256_hex(store.objects[manifest_path("one")].content));
}

// W26
TEST_F(SyncTest, OverwrittenAndDeletedFilesGoToTheTrash)
{
    store.put({{"a.txt", "one"}, {"b.txt", "two"}, {"c.txt", "three"}});
    restore();
    write("a.txt", "one, edited");
    std::filesystem::remove(temp / "volume/b.txt");
    sync();
    const auto trash = ".berth/trash/" + trash_stamp(clock.now()) + "/";
    EXPECT_EQ(store.objects[trash + "a.txt"], "one");
    EXPECT_EQ(store.objects[trash + "b.txt"], "two");
    EXPECT_FALSE(store.objects.contains("b.txt"));
}

// W26
// SeaweedFS says for minutes that something is there, when a folder was.
TEST_F(SyncTest, AFolderThatBecameAFileIsSaved)
{
    restore();
    write("a/b/c.txt", "inside");
    sync();
    std::filesystem::remove_all(temp / "volume/a");
    write("a", "a file now");
    sync(true);
    EXPECT_EQ(store.objects.at("a"), "a file now");
    EXPECT_FALSE(store.objects.contains("a/b/c.txt"));
    EXPECT_EQ(status.conflicts, 0);
    EXPECT_EQ(user_objects(), 1u);
}

TEST_F(SyncTest, NothingGoesUpBeforeTheRestoreIsComplete)
{
    store.put({{"a.txt", "one"}, {"b.txt", "two"}});
    store.downloads_until_failure = 1;
    EXPECT_THROW(restore(), Error);
    write("mine.txt", "new");
    EXPECT_THROW(sync(), Error);
    EXPECT_THROW(sync(true), Error);
    EXPECT_EQ(user_objects(), 2u);
    reopen();
    store.downloads_until_failure = -1;
    restore();
    sync();
    EXPECT_EQ(store.objects["mine.txt"], "new");
    EXPECT_EQ(local("b.txt"), "two");
}

TEST_F(SyncTest, AnEmptyOrMissingFolderNeverEmptiesTheBucket)
{
    store.put({{"a.txt", "one"}, {"b.txt", "two"}});
    restore();
    std::filesystem::remove(temp / "volume/a.txt");
    std::filesystem::remove(temp / "volume/b.txt");
    sync();
    EXPECT_EQ(status.state, SyncState::held);
    EXPECT_EQ(user_objects(), 2u);
    std::filesystem::remove_all(temp / "volume");
    EXPECT_THROW(sync(true), Error);
    EXPECT_EQ(user_objects(), 2u);
}

// W26
TEST_F(SyncTest, AMassDeleteIsHeldUntilItIsConfirmed)
{
    for (int i = 0; i < 40; ++i) store.put({{"f" + std::to_string(i), std::to_string(i)}});
    restore();
    for (int i = 0; i < 30; ++i) std::filesystem::remove(temp / ("volume/f" + std::to_string(i)));
    sync();
    EXPECT_EQ(status.state, SyncState::held);
    EXPECT_NE(status.message.find("30 of 40"), std::string::npos) << status.message;
    EXPECT_EQ(user_objects(), 40u);
    side.context->guard.allowed = 30;
    sync();
    EXPECT_EQ(status.state, SyncState::idle);
    EXPECT_EQ(user_objects(), 10u);
}

TEST_F(SyncTest, LocalFilesWinOverTheRestoreAndBothVersionsStay)
{
    store.put({{"a.txt", "from the bucket"}, {"same.txt", "same"}});
    write("a.txt", "written first");
    write("same.txt", "same");
    restore();
    EXPECT_EQ(local("a.txt"), "written first");
    EXPECT_EQ(local("same.txt"), "same");
    const auto other = kept("a.txt", "from the bucket");
    EXPECT_EQ(local(other), "from the bucket");
    EXPECT_FALSE(has(kept("same.txt", "same")));
    sync();
    EXPECT_EQ(store.objects["a.txt"], "written first");
    EXPECT_EQ(store.objects[other], "from the bucket");
}

// W27
TEST_F(SyncTest, AnotherWorkspacesVersionIsKept)
{
    store.put({{"a.txt", "one"}, {"gone.txt", "x"}});
    restore();
    store.objects["a.txt"] = "theirs";
    store.objects["gone.txt"] = "theirs too";
    store.objects["new.txt"] = "their new file";
    write("a.txt", "mine");
    write("new.txt", "my new file");
    std::filesystem::remove(temp / "volume/gone.txt");
    sync();
    EXPECT_EQ(store.objects["a.txt"], "mine");
    EXPECT_EQ(store.objects[kept("a.txt", "theirs")], "theirs");
    EXPECT_EQ(store.objects["new.txt"], "my new file");
    EXPECT_EQ(store.objects[kept("new.txt", "their new file")], "their new file");
    EXPECT_EQ(store.objects["gone.txt"], "theirs too")
        << "a file that somebody else changed is not ours to delete";
}

// W28
TEST_F(SyncTest, TheFinalReceiptSpeaksOfWhatS3Holds)
{
    restore();
    write("a.txt", "mine");
    write("b.txt", "also mine");
    sync();
    store.objects["a.txt"] = "written over mine by another program";
    store.objects.erase("b.txt");
    sync(true);
    EXPECT_EQ(store.objects["a.txt"], "written over mine by another program");
    EXPECT_EQ(local("a.txt"), "written over mine by another program");
    EXPECT_EQ(store.objects[trash_path(trash_stamp(clock.now()), "a.txt")], "mine") << "nobody else had kept it";
    EXPECT_EQ(store.objects["b.txt"], "also mine") << "what is gone for no known reason goes up again";
    ASSERT_TRUE(status.receipt);
    EXPECT_TRUE(status.receipt->final);
    EXPECT_EQ(status.receipt->files, 2);
}

TEST_F(SyncTest, WhatS3CantHoldIsNotGivenUpAtTheEnd)
{
    store.put({{"a.txt", "one"}});
    restore();
    write(".berth/mine.txt", "in our own folder");
    sync();
    EXPECT_NE(status.message.find(".berth (the name"), std::string::npos) << status.message;
    EXPECT_THROW(sync(true), Error);
    EXPECT_FALSE(status.receipt && status.receipt->final);
    std::filesystem::rename(temp / "volume/.berth", temp / "volume/berth");
    sync(true);
    EXPECT_TRUE(status.receipt->final);
    EXPECT_EQ(store.objects["berth/mine.txt"], "in our own folder");
}

TEST_F(SyncTest, TheBooksOfAWorkspaceFurtherInAreLeftAlone)
{
    const std::map<std::string, std::string> books{{"alice/.berth/manifests/x.json", "{}"},
        {"alice/.berth/trash/2026-01-01/000000.000/old.txt", "old"}, {"alice/.berth/probe", "p"},
        {"alice/.berth/names/caf=e9=", "hers"}};
    store.put({{"a.txt", "one"}, {"alice/report.txt", "hers"}, {"b/.berth/mine.txt", "a folder of that name"}});
    for (const auto& [path, text] : books) store.objects[path] = text;
    restore();
    EXPECT_EQ(local("alice/report.txt"), "hers");
    EXPECT_EQ(local("b/.berth/mine.txt"), "a folder of that name");
    write("alice/.berth/manifests/y.json", "a program's");
    side.compare();
    sync(true);
    for (const auto& [path, text] : books) {
        EXPECT_FALSE(has(path)) << path;
        EXPECT_EQ(store.objects[path], text) << path;
    }
    EXPECT_FALSE(store.objects.contains("alice/.berth/manifests/y.json"));
}

TEST_F(SyncTest, NoReceiptForWhatACompareDidNotFind)
{
    store.put({{"a.txt", "one"}, {"b.txt", "two"}, {"c.txt", "three"}});
    restore();
    sync();
    const auto before = *status.receipt;
    clock.advance(std::chrono::minutes{1});
    store.objects.erase("a.txt");
    side.compare();
    EXPECT_EQ(status.receipt->at, before.at) << "it may only be late in the list";
    sync();
    EXPECT_EQ(store.objects["a.txt"], "one") << "looked for once more at once, and up again";
    EXPECT_GT(status.receipt->at, before.at);
}

TEST_F(SyncTest, ACutUploadIsFinishedAfterAKill)
{
    restore();
    for (int i = 0; i < 10; ++i) write("f" + std::to_string(i), std::to_string(i));
    store.uploads_until_failure = 4;
    EXPECT_THROW(sync(), Error);
    EXPECT_EQ(user_objects(), 4u);
    store.uploads_until_failure = -1;
    reopen();
    sync(true);
    EXPECT_EQ(user_objects(), 10u);
    EXPECT_TRUE(status.receipt && status.receipt->final);
    for (const auto& [key, content] : store.objects)
        EXPECT_EQ(key.find("conflict"), std::string::npos)
            << "our own half-done upload is no conflict: " << key;
}

TEST_F(SyncTest, AResumedRestoreFetchesOnlyTheRest)
{
    store.put({{"a", "1"}, {"b", "2"}, {"c", "3"}});
    JournalFile done;
    done.remote = store.remote("a");
    side.journal->put("a", done);
    side.journal->commit();
    reopen();
    restore();
    EXPECT_FALSE(has("a")) << "what the user deleted while the restore ran does not come back";
    EXPECT_TRUE(has("b") && has("c"));
}

TEST_F(SyncTest, ModesLinksAndEmptyFoldersComeBackByTheManifest)
{
    write("run.sh", "#!/bin/sh\n");
    ::chmod((temp / "volume/run.sh").c_str(), 0755);
    std::filesystem::create_directories(temp / "volume/empty/inner");
    std::filesystem::create_symlink("run.sh", temp / "volume/link");
    restore();
    sync(true);
    std::filesystem::remove_all(temp / "volume");
    std::filesystem::remove_all(temp / "journal");
    std::filesystem::create_directories(temp / "volume");
    reopen();
    restore();
    struct ::stat info {};
    ASSERT_EQ(::stat((temp / "volume/run.sh").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755u);
    EXPECT_TRUE(has("empty/inner"));
    EXPECT_EQ(std::filesystem::read_symlink(temp / "volume/link"), "run.sh");
}

TEST_F(SyncTest, HostileKeysAndLinksDoNotLeaveTheFolder)
{
    store.put({{"../escape", "x"}, {"/abs", "x"}, {"a//b", "x"}, {"ok", "fine"}, {"out/planted", "x"}});
    std::filesystem::create_directories(temp / "outside");
    std::filesystem::create_directory_symlink(temp / "outside", temp / "volume/out");
    restore();
    EXPECT_EQ(local("ok"), "fine");
    EXPECT_TRUE(std::filesystem::is_empty(temp / "outside"));
    EXPECT_FALSE(std::filesystem::exists(temp / "escape"));
    write_text(temp / "outside/secret", "not yours");
    sync();
    for (const auto& [key, content] : store.objects) EXPECT_NE(content.content, "not yours") << key;
    EXPECT_TRUE(store.objects.contains("../escape")) << "what can't be a file stays in the bucket";
}

TEST_F(SyncTest, CachesAndScratchFilesStayHere)
{
    restore();
    write("node_modules/x/index.js", "x");
    write("env/pyvenv.cfg", "home = /usr");
    write("env/lib/a.py", "x");
    write("target/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# made by cargo");
    write("target/debug/app", "x");
    write("dist/app.js", "somebody's work");
    write(".note.txt.swp", "x");
    write(".git/index.lock", "x");
    write(".git/HEAD", "ref: refs/heads/main");
    sync();
    EXPECT_EQ(user_objects(), 2u);
    EXPECT_TRUE(store.objects.contains("dist/app.js"));
    EXPECT_TRUE(store.objects.contains(".git/HEAD"));
}

TEST_F(SyncTest, AFileThatBecomesACacheFolderLaterIsNotDeletedFromS3)
{
    store.put({{"build/out.txt", "x"}, {"a", "1"}});
    restore();
    write("build/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
    sync();
    EXPECT_TRUE(store.objects.contains("build/out.txt"));
}

TEST_F(SyncTest, AFailureSaysItsClassAndTheNextRoundHeals)
{
    restore();
    write("a", "1");
    store.failure = "S3Denied: api error AccessDenied";
    try {
        sync();
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find("S3Denied: "), 0u);
    }
    store.failure.clear();
    sync();
    EXPECT_EQ(store.objects["a"], "1");
}

TEST_F(SyncTest, WithoutARestoreOnlyWhatCameFromS3MayGo)
{
    store.put({{"a", "1"}, {"b", "2"}});
    store.downloads_until_failure = 1;
    EXPECT_THROW(restore(), Error);
    bool safe = false;
    auto ask = [](SyncContext& c, bool& answer) -> awaitable<> { answer = co_await nothing_unsaved(c); };
    run(ask(*side.context, safe));
    EXPECT_TRUE(safe);
    write("mine", "x");
    run(ask(*side.context, safe));
    EXPECT_FALSE(safe);
}

} // namespace
} // namespace berth
