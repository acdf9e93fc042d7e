// fsck, backup and restore of real folders.

#include "storage/database.hpp"
#include "storage/keys.hpp"
#include "storage/rescue.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <fstream>

namespace berth::test {
namespace {

using detail::Family;
namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RescueTest : public StoreTest {
protected:
    /// A store with something of everything, closed.
    void SetUp() override
    {
        open();
        for (int i = 0; i < 5; ++i) create(make_thing("t" + std::to_string(i), i, {{"tier", "x"}}));
        transact([](Txn& txn) {
            txn.audit({"somebody", "create", "Thing", key("t0"), ""});
            txn.put_idempotency({"scope/key", "hash", 201, "{}"});
        });
        close();
    }
    /// Writes behind the store's back.
    void raw(const std::function<void(rocksdb::WriteBatch&, detail::Database&)>& change)
    {
        detail::Database database(db());
        rocksdb::WriteBatch batch;
        change(batch, database);
        ASSERT_TRUE(database.db().Write({}, &batch).ok());
    }
    std::string db() const { return folder / "db"; }
    std::string backup() const { return folder / "copy"; }
    std::optional<Errc> restore_error()
    {
        try {
            restore(backup(), db(), clock.now());
        } catch (const Error& error) {
            message = error.what();
            return error.code();
        }
        return std::nullopt;
    }
    void expect_problem(const std::string& words)
    {
        EXPECT_THAT(fsck(db()).problems, Contains(HasSubstr(words)));
    }
};

TEST_F(RescueTest, FsckOfAWholeStoreIsCleanAndChangesNothing)
{
    const auto report = fsck(db());
    EXPECT_THAT(report.problems, IsEmpty());
    EXPECT_EQ(report.objects, 5U);
    EXPECT_EQ(report.index_entries, 10U);
    EXPECT_EQ(report.changes, 5U);
    EXPECT_EQ(report.audit_lines, 1U);
    EXPECT_EQ(report.idempotency_records, 1U);
    EXPECT_EQ(report.revision, 5U);
    EXPECT_EQ(report.schema, 1U);
    open();
    try {
        fsck(db());
        FAIL() << "it is in use";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::Unavailable);
        EXPECT_THAT(error.what(), HasSubstr("in use"));
    }
    EXPECT_EQ(store->count("things"), 5U) << "the store that is in use is none the worse";
    EXPECT_THROW(fsck(folder / "nothing"), Error);
}

TEST_F(RescueTest, FsckSeesEachThingThatDoesNotAgree)
{
    raw([](auto& batch, auto& database) {
        ASSERT_TRUE(batch
                        .Delete(database.family(Family::Index),
                            detail::label_prefix("tier", "x", "things") + std::string("default\0t1\0", 11))
                        .ok());
        ASSERT_TRUE(batch
                        .Put(database.family(Family::Index),
                            detail::uid_prefix("nobody") + std::string("things\0default\0t9\0", 18), "")
                        .ok());
        ASSERT_TRUE(batch.Delete(database.family(Family::Changes), detail::number_key(3)).ok());
        ASSERT_TRUE(batch.Put(database.family(Family::Objects), "things/default/t2", "[]").ok());
        ASSERT_TRUE(batch.Put(database.family(Family::Audit), detail::number_key(2), "{").ok());
        ASSERT_TRUE(batch.Put(database.family(Family::Idempotency), "other", "{\"key\":\"mine\"}").ok());
    });
    expect_problem("an entry is missing: l tier x things default t1");
    expect_problem("an entry that no object has: u nobody things default t9");
    expect_problem("changes 3 to 3 are missing");
    expect_problem("things/default/t2");
    expect_problem("audit log: ");
    expect_problem("idempotency records: one is stored under another key");
}

TEST_F(RescueTest, FsckSeesARevisionThatWasNeverGivenOut)
{
    raw([](auto& batch, auto& database) {
        ASSERT_TRUE(batch.Put(database.family(Family::Meta), detail::kRevisionName, "4").ok());
    });
    expect_problem("its resourceVersion 5 was never given out");
    expect_problem("ends at 5, the last revision is 4");
}

TEST_F(RescueTest, WhatDoesNotFitItsTypeIsNotedAndIsNoDamage)
{
    const auto report = fsck(
        db(), [](std::string_view plural, const json::value&) { return std::string(plural) + " are odd"; });
    EXPECT_THAT(report.problems, IsEmpty());
    EXPECT_EQ(report.notes.size(), 5U);
}

TEST_F(RescueTest, ABackupIsAStoreAndOverwritesNothing)
{
    back_up(db(), backup());
    EXPECT_THAT(fsck(backup()).problems, IsEmpty());
    EXPECT_THROW(back_up(db(), backup()), Error);
    store = run(Store::open(options(backup())));
    EXPECT_EQ(store->count("things"), 5U);
}

TEST_F(RescueTest, ARestoreMovesTheBrokenStoreAsideAndGoesOnAboveEveryRevision)
{
    back_up(db(), backup());
    open();
    const auto late = create(make_thing("late"));
    auto old_watch = store->revision();
    close();
    std::ofstream(db() + "/MANIFEST-000005", std::ios::trunc) << "rubbish";
    const auto done = restore(backup(), db(), clock.now());
    EXPECT_TRUE(fs::exists(done.aside + "/CURRENT"));
    EXPECT_FALSE(fs::exists(db() + "/restore.tmp"));
    EXPECT_THAT(fsck(db()).problems, IsEmpty());
    open();
    EXPECT_EQ(store->count("things"), 5U);
    EXPECT_EQ(store->meta(kRestoredName), format_time(clock.now()));
    EXPECT_GT(store->revision(), old_watch);
    // Whoever followed the store before is told to list again, whatever it has seen, also when the store has
    // moved on.
    for (int turn = 0; turn < 2; ++turn) {
        for (const Revision seen : {Revision{1}, Revision{5}, old_watch, store->revision() + 1}) {
            auto watch = store->watch("things", seen);
            try {
                watch->try_next();
                ADD_FAILURE() << "a watch from " << seen << " was fooled";
            } catch (const Error& error) {
                EXPECT_EQ(error.code(), Errc::Gone);
            }
        }
        create(make_thing("after" + std::to_string(turn)));
    }
    EXPECT_EQ(run(store->audit_log(0, 10)).back().entry.verb, "restore");
    // The same backup once more, later: above what the first restore has given out.
    const auto first = store->revision();
    close();
    clock.time += std::chrono::minutes{1};
    EXPECT_GT(restore(backup(), db(), clock.now()).revision, first);
}

TEST_F(RescueTest, WhatMayHaveBecomeSomebodysIsLeftOut)
{
    back_up(db(), backup());
    const auto done =
        restore(backup(), db(), clock.now(), [](std::string_view plural, const json::object& object) {
            return plural == "things" && object.at("metadata").at("name") == "t3";
        });
    EXPECT_EQ(done.let_go, 1U);
    EXPECT_THAT(fsck(db()).problems, IsEmpty());
    open();
    EXPECT_EQ(store->count("things"), 4U);
    EXPECT_FALSE(store->find("things", key("t3")));
}

TEST_F(RescueTest, ADamagedBackupAndAStoreInUseChangeNothing)
{
    back_up(db(), backup());
    open();
    EXPECT_EQ(restore_error(), Errc::Unavailable);
    EXPECT_EQ(store->count("things"), 5U);
    close();
    fs::remove(backup() + "/CURRENT");
    EXPECT_EQ(restore_error(), Errc::Internal);
    open();
    EXPECT_EQ(store->count("things"), 5U);
    EXPECT_EQ(store->revision(), 5U);
}

/// The moments in which a restore may be cut: the folder is refused until it has been done again, and nothing
/// is lost.
TEST_F(RescueTest, ARestoreThatWasCutIsRefusedUntilItIsDoneAgain)
{
    back_up(db(), backup());
    fs::create_directory(db() + "/restoring");
    EXPECT_EQ(error_of(Store::open(options())), Errc::Internal);
    EXPECT_THAT(message, HasSubstr("cut short"));
    for (const auto& file : fs::directory_iterator(db()))
        if (file.path().extension() == ".sst" || file.path().extension() == ".log") fs::remove(file.path());
    fs::remove(db() + "/CURRENT"); // an empty folder must not become a new store
    EXPECT_EQ(error_of(Store::open(options())), Errc::Internal);
    restore(backup(), db(), clock.now());
    open();
    EXPECT_EQ(store->count("things"), 5U);
}

} // namespace
} // namespace berth::test
