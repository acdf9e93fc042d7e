// The database folder: who may open it, its schema, copies of it.

#include "tests/unit/storage/store_fixture.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::test {
namespace {

class FolderTest : public StoreTest {};

TEST_F(FolderTest, IsPrivate)
{
    struct stat info {};
    ASSERT_EQ(::stat((folder / "db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
    close();
    ASSERT_EQ(::chmod((folder / "db").c_str(), 0755), 0);
    open();
    ASSERT_EQ(::stat((folder / "db").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(FolderTest, OpensOnceAtATime)
{
    create(make_thing("one"));
    EXPECT_EQ(error_of(Store::open(options())), Errc::Unavailable);
    EXPECT_THAT(message, ::testing::HasSubstr("in use"));
    EXPECT_THAT(message, ::testing::HasSubstr(folder / "db"));
    reopen();
    EXPECT_EQ(store->count("things"), 1U);
}

TEST_F(FolderTest, SaysWhyItCannotBeOpened)
{
    const auto file = folder / "file";
    ASSERT_EQ(std::system(("echo hello > " + file).c_str()), 0);
    EXPECT_EQ(error_of(Store::open(options(file + "/db"))), Errc::Unavailable);
    EXPECT_THAT(message, ::testing::HasSubstr(file));
}

TEST_F(FolderTest, MigratesStepByStepAndRefusesANewerSchema)
{
    const auto before = create(make_thing("one", 1));
    create(make_thing("two", 2));
    close();

    auto newer = options();
    int seen = 0;
    newer.migrations.push_back({"double the values", [&](std::string_view plural, json::object& object) {
                                    EXPECT_EQ(plural, "things");
                                    ++seen;
                                    auto& value = object["spec"].as_object()["value"];
                                    value = value.as_int64() * 2;
                                    return true;
                                }});
    newer.migrations.push_back(
        {"label the large", [&](std::string_view, json::object& object) {
             if (object["spec"].as_object()["value"].as_int64() < 3) return false;
             object["metadata"].as_object()["labels"] = json::object{{"size", "large"}};
             return true;
         }});
    store = run(Store::open(newer));
    EXPECT_EQ(seen, 2);
    EXPECT_EQ(store->get<Thing>(key("one"))->spec.value, 2);
    EXPECT_EQ(store->get<Thing>(key("one"))->metadata, before.metadata);
    const auto large = transact([](Txn& txn) { return txn.list<Thing>(Selector::label("size", "large")); });
    ASSERT_EQ(large.size(), 1U) << "the index knows what a migration changed";
    EXPECT_EQ(large[0].spec.value, 4);
    close();
    store = run(Store::open(newer));
    EXPECT_EQ(seen, 2) << "a migration runs once";
    close();

    EXPECT_EQ(error_of(Store::open(options())), Errc::Conflict);
    EXPECT_THAT(message, ::testing::HasSubstr("newer version"));
}

TEST_F(FolderTest, ACheckpointIsAWholeStore)
{
    const auto one = create(make_thing("one", 1));
    run(store->set_meta("install-id", "abc"));
    run(store->checkpoint(folder / "copy"));
    create(make_thing("two", 2));
    EXPECT_EQ(error_of(store->checkpoint(folder / "copy")), Errc::Unavailable) << "must not overwrite a copy";

    auto copy = run(Store::open(options(folder / "copy")));
    EXPECT_EQ(copy->list<Thing>(), std::vector{one});
    EXPECT_EQ(copy->meta("install-id"), "abc");
    EXPECT_EQ(copy->revision(), 1U);
    run(copy->close());
}

/// A misfit must not make its kind unreadable.
TEST_F(FolderTest, ReadsObjectsThatDoNotFitTheirTypeAnyMore)
{
    create(make_thing("one", 1));
    create(make_thing("two", 2));
    close();
    auto odd = options();
    odd.migrations.push_back({"break one", [](std::string_view, json::object& object) {
                                  if (object["metadata"].as_object()["name"] != "one") return false;
                                  object["spec"].as_object()["value"] = "many";
                                  object["spec"].as_object()["unheardOf"] = true;
                                  return true;
                              }});
    store = run(Store::open(odd));
    const auto all = store->list<Thing>();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].spec.value, 0);
    EXPECT_EQ(all[1].spec.value, 2);
}

} // namespace
} // namespace berth::test
