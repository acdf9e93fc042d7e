// What the sync relies on in an object storage: versions, conditions, copies, and what is kept with an
// object.

#include "tests/contract/s3/storage_fixture.hpp"

namespace berth {
namespace {

using Sides = testing::Types<MemorySide, ServerSide>;
TYPED_TEST_SUITE(Storage, Sides);

const std::string kNobodysEtag(32, '0');

TYPED_TEST(Storage, AnEmptyPrefixHasNothing)
{
    EXPECT_THAT(this->list(), IsEmpty());
    EXPECT_THAT(this->call(this->store().list_trash()), IsEmpty());
    EXPECT_FALSE(this->head("a"));
    EXPECT_EQ(this->get("a").outcome, Outcome::Missing);
    EXPECT_FALSE(std::filesystem::exists(this->file_));
    EXPECT_EQ(this->copy("a", "b").outcome, Outcome::Missing);
    EXPECT_EQ(this->remove("a"), Outcome::Done);
    EXPECT_TRUE(this->call(this->store().put({})).empty());
    EXPECT_TRUE(this->call(this->store().get({})).empty());
}

TYPED_TEST(Storage, WhatIsWrittenIsFound)
{
    for (const auto& text : {std::string(), std::string("x"), std::string(300'000, 'y')}) {
        const auto before = this->side_.clock.now() - std::chrono::seconds{2};
        auto sent = this->item("folder/a.txt", text);
        sent.written = parse_time("2026-11-21T08:34:00.125Z");
        const auto result = this->put(sent);
        ASSERT_EQ(result.outcome, Outcome::Done);
        EXPECT_EQ(result.etag, MemoryBucket::md5_of(text)) << "of what goes in one request";
        const auto listed = this->list().at("folder/a.txt");
        const auto seen = this->head("folder/a.txt").value();
        for (const auto& one : {listed, seen}) {
            EXPECT_EQ(one.size, std::int64_t(text.size()));
            EXPECT_EQ(one.etag, result.etag);
            ASSERT_TRUE(one.modified);
            EXPECT_GE(*one.modified, before);
            EXPECT_LE(*one.modified, this->side_.clock.now() + std::chrono::seconds{2});
        }
        EXPECT_FALSE(listed.mtime) << "a list tells no metadata";
        EXPECT_FALSE(listed.written);
        EXPECT_EQ(seen.mtime, sent.mtime);
        EXPECT_EQ(seen.written, sent.written);
        const auto got = this->get("folder/a.txt", std::int64_t(text.size()));
        EXPECT_EQ(got.outcome, Outcome::Done);
        EXPECT_EQ(got.etag, result.etag);
        EXPECT_EQ(got.mtime, sent.mtime);
        EXPECT_EQ(read_file(this->file_), text);
    }
}

TYPED_TEST(Storage, EqualContentHasOneVersionAndOtherContentAnother)
{
    const auto first = this->put("a", "one");
    EXPECT_EQ(this->put("b", "one").etag, first.etag);
    EXPECT_EQ(this->put("a", "one").etag, first.etag);
    EXPECT_NE(this->put("a", "two").etag, first.etag);
    EXPECT_EQ(this->read("a"), "two");
}

TYPED_TEST(Storage, WhatIsKeptWithAnObjectGoesWithItsVersion)
{
    auto sent = this->item("a", "one");
    sent.written = parse_time("2026-11-21T08:34:00Z");
    this->put(sent);
    auto next = this->item("a", "two");
    this->put(next);
    EXPECT_EQ(this->head("a")->mtime, next.mtime);
    EXPECT_FALSE(this->head("a")->written);
}

TYPED_TEST(Storage, ANewObjectIsMadeOnce)
{
    EXPECT_EQ(this->put("a", "one", this->absent()).outcome, Outcome::Done);
    EXPECT_EQ(this->put("a", "two", this->absent()).outcome, Outcome::Changed);
    EXPECT_EQ(this->read("a"), "one");
    this->remove("a");
    EXPECT_EQ(this->put("a", "three", this->absent()).outcome, Outcome::Done);
}

TYPED_TEST(Storage, OnlyOneOfManyMakesIt)
{
    std::vector<PutItem> items;
    for (int i = 0; i < 8; ++i) items.push_back(this->item("a", "by " + std::to_string(i), this->absent()));
    const auto results = this->call(this->store().put(items));
    int done = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
        EXPECT_TRUE(results[i].outcome == Outcome::Done || results[i].outcome == Outcome::Changed);
        if (results[i].outcome != Outcome::Done) continue;
        ++done;
        EXPECT_EQ(this->head("a")->etag, results[i].etag);
    }
    EXPECT_EQ(done, 1);
}

TYPED_TEST(Storage, AVersionIsReplacedOnce)
{
    const auto first = this->put("a", "one").etag;
    EXPECT_EQ(this->put("a", "x", this->version(kNobodysEtag)).outcome, Outcome::Changed);
    EXPECT_EQ(this->read("a"), "one");
    EXPECT_EQ(this->put("a", "two", this->version(first)).outcome, Outcome::Done);
    EXPECT_EQ(this->put("a", "three", this->version(first)).outcome, Outcome::Changed);
    EXPECT_EQ(this->read("a"), "two");
    EXPECT_EQ(this->put("gone", "x", this->version(first)).outcome, Outcome::Changed);
    EXPECT_FALSE(this->head("gone"));
}

TYPED_TEST(Storage, OneRefusedItemDoesNotStopTheOthers)
{
    this->put("b", "there");
    std::vector<PutItem> items;
    for (const auto* name : {"a", "b", "c"}) items.push_back(this->item(name, "new", this->absent()));
    const auto results = this->call(this->store().put(items));
    EXPECT_EQ(results.at(0).outcome, Outcome::Done);
    EXPECT_EQ(results.at(1).outcome, Outcome::Changed);
    EXPECT_EQ(results.at(2).outcome, Outcome::Done);
    EXPECT_EQ(this->read("b"), "there");
}

TYPED_TEST(Storage, ACopyHasAllThatTheOriginalHas)
{
    auto sent = this->item("a", "one");
    sent.written = parse_time("2026-11-21T08:34:00Z");
    const auto etag = this->put(sent).etag;
    EXPECT_EQ(this->copy("a", "b", kNobodysEtag).outcome, Outcome::Changed);
    EXPECT_FALSE(this->head("b"));
    EXPECT_EQ(this->copy("a", "b", etag).outcome, Outcome::Done);
    EXPECT_EQ(this->copy("a", "c").outcome, Outcome::Done);
    for (const auto* name : {"b", "c"}) {
        EXPECT_EQ(this->read(name), "one");
        EXPECT_EQ(this->head(name)->etag, etag);
        EXPECT_EQ(this->head(name)->mtime, sent.mtime);
        EXPECT_EQ(this->head(name)->written, sent.written);
    }
    this->put("b", "other");
    EXPECT_EQ(this->copy("a", "b").outcome, Outcome::Done) << "a copy overwrites";
    EXPECT_EQ(this->read("b"), "one");
}

TYPED_TEST(Storage, WhatIsRemovedIsGone)
{
    const auto etag = this->put("a", "one").etag;
    this->put("ab", "other");
    EXPECT_EQ(this->remove("a", etag), Outcome::Done);
    EXPECT_FALSE(this->head("a"));
    EXPECT_EQ(this->read("a"), "(Missing)");
    EXPECT_THAT(this->paths(), ElementsAre("ab"));
    EXPECT_EQ(this->remove("a"), Outcome::Done) << "for ever";
}

TYPED_TEST(Storage, AVersionThatIsNotMeantIsNotRemoved)
{
    this->put("a", "one");
    EXPECT_EQ(this->remove("a", kNobodysEtag), Outcome::Changed);
    EXPECT_EQ(this->read("a"), "one");
}

TYPED_TEST(Storage, AVersionOfNothingIsNotWhatIsThere)
{
    EXPECT_EQ(this->remove("a", kNobodysEtag), Outcome::Changed);
}

TYPED_TEST(Storage, TheServerHonoursConditionsAndTheQuestionLeavesNothing)
{
    EXPECT_TRUE(this->call(this->store().conditional()));
    EXPECT_TRUE(this->call(this->store().conditional()));
    EXPECT_THAT(this->list(), IsEmpty());
}

TYPED_TEST(Storage, AnObjectOfPartsHasAVersionToo)
{
    constexpr std::size_t kPart = 5 << 20; // a server takes no smaller ones
    const std::vector<std::string> parts{std::string(kPart, 'a'), "the rest"};
    this->side_.foreign_put_in_parts("a", parts);
    const auto listed = this->list().at("a");
    EXPECT_EQ(listed.size, std::int64_t(kPart + parts[1].size()));
    EXPECT_THAT(listed.etag, testing::EndsWith("-2")) << "not of the content";
    EXPECT_EQ(this->head("a")->etag, listed.etag);
    const auto got = this->get("a", listed.size);
    EXPECT_EQ(got.etag, listed.etag);
    EXPECT_EQ(read_file(this->file_), parts[0] + parts[1]);
    EXPECT_EQ(this->put("a", "x", this->version(kNobodysEtag)).outcome, Outcome::Changed);
    EXPECT_EQ(this->put("a", "x", this->version(listed.etag)).outcome, Outcome::Done);
}

TYPED_TEST(Storage, LargeOnesGoAnotherWay)
{
    const auto text = std::string(std::size_t(kLargeObject), 'z') + "end";
    const auto sent = this->item("large", text, this->absent());
    std::filesystem::last_write_time(
        sent.file, std::filesystem::file_time_type::clock::now() - std::chrono::hours{5});
    this->side_.large_ready();
    const auto result = this->put(sent);
    ASSERT_EQ(result.outcome, Outcome::Done);
    EXPECT_EQ(this->put(sent).outcome, Outcome::Changed);
    EXPECT_EQ(this->list().at("large").etag, result.etag);
    EXPECT_EQ(this->head("large")->size, sent.size);
    const auto got = this->get("large", sent.size);
    ASSERT_EQ(got.outcome, Outcome::Done);
    EXPECT_EQ(got.etag, result.etag);
    EXPECT_TRUE(got.mtime);
    EXPECT_EQ(hash_file(this->file_).sha256, sent.sha256);
    std::vector<CopyItem> items;
    items.push_back({"large", "folder/copy", sent.size, result.etag});
    EXPECT_EQ(this->call(this->store().copy(items)).at(0).outcome, Outcome::Done);
    EXPECT_EQ(this->head("folder/copy")->size, sent.size);
    EXPECT_EQ(this->get("nothing", sent.size).outcome, Outcome::Missing);
}

} // namespace
} // namespace berth
