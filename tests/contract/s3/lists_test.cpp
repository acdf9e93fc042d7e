// What the sync relies on in lists: all of it, under the right names, and the trash apart.

#include "tests/contract/s3/storage_fixture.hpp"

namespace berth {
namespace {

template <class Side> class StorageLists : public Storage<Side> {};
using Sides = testing::Types<MemorySide, ServerSide>;
TYPED_TEST_SUITE(StorageLists, Sides);

TYPED_TEST(StorageLists, ManyPages)
{
    constexpr int kMany = 1'234;
    std::vector<PutItem> items;
    for (int i = 0; i < kMany; ++i) items.push_back(this->item("f/" + std::to_string(i), "x"));
    for (const auto& result : this->call(this->store().put(items))) ASSERT_EQ(result.outcome, Outcome::Done);
    const auto files = this->list();
    EXPECT_EQ(files.size(), std::size_t(kMany));
    for (const auto& item : items) EXPECT_TRUE(files.contains(item.path)) << item.path;
    std::vector<RemoveItem> all;
    for (const auto& item : items) all.push_back({item.path});
    for (const auto& result : this->call(this->store().remove(all))) ASSERT_EQ(result.outcome, Outcome::Done);
    EXPECT_THAT(this->list(), IsEmpty());
}

TYPED_TEST(StorageLists, OddNames)
{
    std::vector<std::string> names{"a b", "a+b", "a%2Fb", "a&b=c", "#1", "question?", "*.[ch]", "~tilde",
        "'quote'", "\"double\"", "<tag>", "semi;colon", "caf\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac",
        "\xf0\x9f\x98\x80", "...", "..a", ".hidden/x", " ", "end ", "b\\s", "new\nline", "tab\t", "\x7f",
        "\x01", "caf\xe9.txt", "\xff", "deep/er/and/deeper", "\xef\xbc\xbc", "\xe2\x90\x8a", "cafe\xcc\x81",
        std::string(255, 'n'), std::string(256, 'n'), std::string(100, '\n'), "x=1", "a:b|c", "C:", "$HOME",
        "`id`", "\xe2\x80\x9b\\"};
    for (const auto& name : names) {
        const auto result = this->put(name, "in " + name, this->absent());
        ASSERT_EQ(result.outcome, Outcome::Done) << name << (result.failure ? result.failure->what() : "");
        EXPECT_TRUE(this->head(name)) << name;
        EXPECT_EQ(this->read(name), "in " + name);
        const auto trashed = trash_path("2026-11-21/083400.123", name);
        EXPECT_EQ(this->copy(name, trashed).outcome, Outcome::Done) << name;
        EXPECT_EQ(this->put(name, "again", this->version(result.etag)).outcome, Outcome::Done) << name;
    }
    EXPECT_THAT(this->paths(), testing::UnorderedElementsAreArray(names));
    std::vector<std::string> trashed;
    for (const auto& file : this->call(this->store().list_trash())) trashed.push_back(file.path);
    EXPECT_THAT(trashed, testing::UnorderedElementsAreArray(names));
    for (const auto& name : names) EXPECT_EQ(this->remove(name), Outcome::Done) << name;
    EXPECT_THAT(this->paths(), IsEmpty());
}

TYPED_TEST(StorageLists, NamesThatBeginAlikeAreNotTheSame)
{
    for (const auto* name : {"a", "a.b", "ab/c", "A"}) this->put(name, name);
    EXPECT_THAT(this->paths(), UnorderedElementsAre("a", "a.b", "ab/c", "A"));
    this->remove("a");
    EXPECT_THAT(this->paths(), UnorderedElementsAre("a.b", "ab/c", "A"));
}

TYPED_TEST(StorageLists, AFolderIsInTheWayOfANewFileAlsoWhenItIsEmpty)
{
    this->put("a/b/c", "inside");
    EXPECT_EQ(this->put("a", "file", this->absent()).outcome, Outcome::Changed);
    EXPECT_EQ(this->put("a/b", "file", this->absent()).outcome, Outcome::Changed);
    EXPECT_FALSE(this->head("a"));
    this->remove("a/b/c");
    EXPECT_THAT(this->paths(), IsEmpty());
    EXPECT_EQ(this->put("a", "file", this->absent()).outcome, Outcome::Changed);
    EXPECT_EQ(this->put("a", "file").outcome, Outcome::Done) << "without a condition";
    EXPECT_THAT(this->paths(), ElementsAre("a"));
}

TYPED_TEST(StorageLists, AFileAndAFolderOfTheSameName)
{
    this->put("a", "file");
    EXPECT_EQ(this->put("a/b", "inside", this->absent()).outcome, Outcome::Done);
    EXPECT_THAT(this->paths(), ElementsAre("a", "a/b"));
    EXPECT_EQ(this->read("a"), "file");
    EXPECT_EQ(this->put("a", "file again", this->version(this->head("a")->etag)).outcome, Outcome::Done);
    this->remove("a");
    EXPECT_THAT(this->paths(), ElementsAre("a/b"));
    EXPECT_EQ(this->put("a", "once more").outcome, Outcome::Done) << "without a condition";
    EXPECT_THAT(this->paths(), ElementsAre("a", "a/b"));
}

TYPED_TEST(StorageLists, OurOwnFolderIsNotAmongTheFiles)
{
    this->put("a", "x");
    this->put(manifest_path("ws-1"), "{}");
    this->put(".berth/other", "x");
    this->put(trash_path("2026-11-21/083400.123", "a"), "x");
    const auto listing = this->call(this->store().list());
    EXPECT_THAT(this->paths(), ElementsAre("a"));
    ASSERT_EQ(listing.manifests.size(), 1u);
    EXPECT_EQ(listing.manifests.at("ws-1").etag, MemoryBucket::md5_of("{}"));
}

TYPED_TEST(StorageLists, WhatOthersWrite)
{
    this->side_.foreign_put("plain", "one");
    this->side_.foreign_put("mtime-less/x", "two");
    EXPECT_THAT(this->paths(), ElementsAre("mtime-less/x", "plain"));
    EXPECT_EQ(this->read("plain"), "one");
    EXPECT_FALSE(this->head("plain")->mtime) << "nobody said";
    EXPECT_FALSE(this->head("plain")->written);
    EXPECT_FALSE(this->get("plain").mtime);
    const auto etag = this->head("plain")->etag;
    EXPECT_EQ(etag, MemoryBucket::md5_of("one"));
    EXPECT_EQ(this->put("plain", "ours", this->version(etag)).outcome, Outcome::Done);
}

TYPED_TEST(StorageLists, TheMarkerOfAFolderIsNoFile)
{
    this->side_.foreign_put("folder/", "");
    this->put("folder/a", "x");
    EXPECT_THAT(this->paths(), ElementsAre("folder/a"));
}

TYPED_TEST(StorageLists, TheTrashHasStampsAndIsEmptiedByDays)
{
    const auto etag = this->put("dir/a", "one").etag;
    for (const auto* stamp : {"2026-11-19/235959.999", "2026-11-20/000000.000", "2026-11-21/083400.123"})
        EXPECT_EQ(this->copy("dir/a", trash_path(stamp, "dir/a")).outcome, Outcome::Done);
    const auto stamps = [this] {
        std::vector<std::string> found;
        for (const auto& file : this->call(this->store().list_trash())) found.push_back(file.stamp);
        return found;
    };
    const auto trashed = this->call(this->store().list_trash());
    ASSERT_EQ(trashed.size(), 3u);
    for (const auto& file : trashed) {
        EXPECT_EQ(file.path, "dir/a");
        EXPECT_EQ(file.object.etag, etag);
        EXPECT_EQ(file.object.size, 3);
    }
    EXPECT_THAT(stamps(),
        UnorderedElementsAre("2026-11-19/235959.999", "2026-11-20/000000.000", "2026-11-21/083400.123"));
    this->side_.large_ready();
    this->call(this->store().empty_trash("2026-11-20"));
    EXPECT_THAT(stamps(), UnorderedElementsAre("2026-11-20/000000.000", "2026-11-21/083400.123"));
    this->call(this->store().empty_trash("2026-11-20"));
    EXPECT_THAT(this->paths(), ElementsAre("dir/a"));
}

TYPED_TEST(StorageLists, ThingsInTheTrashThatAreNotOursAreNotListed)
{
    this->side_.foreign_put(".berth/trash/x", "1");
    this->side_.foreign_put(".berth/trash/2026-11-21/083400.123", "1");
    this->side_.foreign_put(".berth/trash/2026-11-21/a", "1");
    EXPECT_THAT(this->call(this->store().list_trash()), IsEmpty());
}

} // namespace
} // namespace berth
