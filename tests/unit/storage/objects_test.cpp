// What transactions do to objects.

#include "tests/unit/storage/store_fixture.hpp"

namespace berth::test {
namespace {

class ObjectsTest : public StoreTest {};

TEST_F(ObjectsTest, CreateFillsTheMetadataAndIsReadAtOnce)
{
    const auto made = create(make_thing("one", 5));
    EXPECT_EQ(made.metadata.generation, 1);
    EXPECT_EQ(made.metadata.resourceVersion, std::to_string(store->revision()));
    EXPECT_EQ(made.metadata.creationTimestamp, clock.now());
    EXPECT_FALSE(made.metadata.uid.empty());
    EXPECT_EQ(store->get<Thing>(key("one")), made);
    EXPECT_EQ(store->count("things"), 1U);
    EXPECT_FALSE(store->get<Part>(key("one")));
}

TEST_F(ObjectsTest, CreateRefusesANameInUseABadNameAndALostOwner)
{
    const auto first = create(make_thing("one", 1));
    EXPECT_THROW(create(make_thing("one", 2)), Error);
    EXPECT_THROW(create(make_thing("Not a name")), Error);
    auto orphan = make_thing("two");
    orphan.metadata.ownerReferences = {{"Thing", "gone", "no-such-uid"}};
    EXPECT_THROW(create(orphan), Error);
    EXPECT_EQ(store->list<Thing>(), std::vector{first});
}

TEST_F(ObjectsTest, AnEmptyOrgIsTheDefaultOne)
{
    auto thing = make_thing("one");
    thing.metadata.org.clear();
    EXPECT_EQ(create(thing).metadata.org, "default");
    EXPECT_TRUE(store->find("things", key("one")));
}

TEST_F(ObjectsTest, UpdateRaisesTheGenerationOnlyWithTheSpec)
{
    auto thing = create(make_thing("one", 1));
    thing.spec.value = 2;
    thing = update(thing);
    EXPECT_EQ(thing.metadata.generation, 2);
    thing.metadata.labels["a"] = "b";
    const auto before = thing.metadata.resourceVersion;
    thing = update(thing);
    EXPECT_EQ(thing.metadata.generation, 2);
    EXPECT_NE(thing.metadata.resourceVersion, before);
    const auto revision = store->revision();
    EXPECT_EQ(update(thing), thing);
    EXPECT_EQ(store->revision(), revision) << "an update that changes nothing must write nothing";
}

TEST_F(ObjectsTest, UpdateLeavesStatusFinalizersAndTimesAlone)
{
    auto made = make_thing("one", 1);
    made.metadata.finalizers = {"f"};
    made = create(made);
    auto mine = made;
    mine.status.phase = "running";
    transact([mine](Txn& txn) { txn.put_status(mine); });
    auto theirs = made;
    theirs.metadata.resourceVersion.clear();
    theirs.metadata.finalizers.clear();
    theirs.metadata.creationTimestamp.reset();
    theirs.status.phase = "nonsense";
    theirs.spec.value = 9;
    update(theirs);
    const auto now = store->get<Thing>(key("one")).value();
    EXPECT_EQ(now.status.phase, "running");
    EXPECT_EQ(now.metadata.finalizers, std::vector<std::string>{"f"});
    EXPECT_EQ(now.metadata.creationTimestamp, made.metadata.creationTimestamp);
    EXPECT_EQ(now.spec.value, 9);
}

TEST_F(ObjectsTest, StaleOrForeignUpdatesConflict)
{
    const auto old = create(make_thing("one", 1));
    auto winner = old;
    winner.spec.value = 2;
    update(winner);
    auto loser = old;
    loser.spec.value = 3;
    auto attempt = [loser](Txn& txn) mutable { txn.update(loser); };
    EXPECT_EQ(error_of(store->transact(attempt)), Errc::Conflict);
    loser.metadata.resourceVersion.clear();
    loser.metadata.uid = "another";
    auto foreign = [loser](Txn& txn) mutable { txn.update(loser); };
    EXPECT_EQ(error_of(store->transact(foreign)), Errc::Conflict);
    EXPECT_EQ(store->get<Thing>(key("one"))->spec.value, 2);
    auto missing = [](Txn& txn) {
        auto thing = make_thing("none");
        txn.update(thing);
    };
    EXPECT_EQ(error_of(store->transact(missing)), Errc::NotFound);
}

TEST_F(ObjectsTest, StatusGoesByUidAndNeverConflicts)
{
    auto stale = create(make_thing("one", 1));
    auto newer = stale;
    newer.spec.value = 2;
    update(newer);
    stale.status.phase = "running";
    transact([stale](Txn& txn) { txn.put_status(stale); });
    EXPECT_EQ(store->get<Thing>(key("one"))->spec.value, 2);
    EXPECT_EQ(store->get<Thing>(key("one"))->status.phase, "running");

    transact([](Txn& txn) { return txn.remove<Thing>(key("one")); });
    create(make_thing("one", 7));
    const auto revision = store->revision();
    transact([stale](Txn& txn) { txn.put_status(stale); });
    EXPECT_EQ(store->revision(), revision) << "the status of a removed object reached its successor";
}

TEST_F(ObjectsTest, FinalizersHoldADeletedObject)
{
    auto thing = make_thing("one");
    thing.metadata.finalizers = {"a"};
    create(thing);
    EXPECT_TRUE(transact([](Txn& txn) { return txn.add_finalizer<Thing>(key("one"), "b"); }));
    EXPECT_TRUE(transact([](Txn& txn) { return txn.remove<Thing>(key("one")); }));
    const auto deleting = store->get<Thing>(key("one"));
    ASSERT_TRUE(deleting);
    EXPECT_EQ(deleting->metadata.deletionTimestamp, clock.now());
    EXPECT_TRUE(store->find("things", key("one"))->deleting);
    EXPECT_FALSE(transact([](Txn& txn) { return txn.add_finalizer<Thing>(key("one"), "c"); }));

    clock.time += std::chrono::seconds{5};
    const auto revision = store->revision();
    EXPECT_TRUE(transact([](Txn& txn) { return txn.remove<Thing>(key("one")); }));
    EXPECT_EQ(store->revision(), revision) << "a second delete must not move the time of the first";
    transact([](Txn& txn) { txn.remove_finalizer<Thing>(key("one"), "a"); });
    EXPECT_TRUE(store->get<Thing>(key("one")));
    transact([](Txn& txn) { txn.remove_finalizer<Thing>(key("one"), "b"); });
    EXPECT_FALSE(store->get<Thing>(key("one")));
    EXPECT_FALSE(transact([](Txn& txn) { return txn.remove<Thing>(key("one")); }));
}

TEST_F(ObjectsTest, OwnedObjectsGoWithTheirOwner)
{
    const auto owner = create(make_thing("owner"));
    const auto other = create(make_thing("other"));
    Part part;
    part.metadata.name = "part";
    part.metadata.ownerReferences = {owned_by(owner)};
    part = create(part);
    auto grandchild = make_thing("grandchild");
    grandchild.metadata.ownerReferences = {owned_by(part)};
    create(grandchild);
    auto shared = make_thing("shared");
    shared.metadata.ownerReferences = {owned_by(owner), owned_by(other)};
    create(shared);
    auto held = make_thing("held");
    held.metadata.ownerReferences = {owned_by(owner)};
    held.metadata.finalizers = {"f"};
    create(held);

    transact([](Txn& txn) { return txn.remove<Thing>(key("owner")); });
    EXPECT_FALSE(store->find("things", key("owner")));
    EXPECT_FALSE(store->find("parts", key("part")));
    EXPECT_FALSE(store->find("things", key("grandchild")));
    EXPECT_TRUE(store->find("things", key("held"))->deleting);
    ASSERT_TRUE(store->get<Thing>(key("shared")));
    EXPECT_EQ(store->get<Thing>(key("shared"))->metadata.ownerReferences, std::vector{owned_by(other)});
    transact([](Txn& txn) { return txn.remove<Thing>(key("other")); });
    EXPECT_FALSE(store->find("things", key("shared")));
}

TEST_F(ObjectsTest, ADeletedOwnerKeepsWhatItOwnsUntilItIsGone)
{
    auto owner = make_thing("owner");
    owner.metadata.finalizers = {"f"};
    owner = create(owner);
    Part part;
    part.metadata.name = "part";
    part.metadata.ownerReferences = {owned_by(owner)};
    create(part);
    transact([](Txn& txn) { return txn.remove<Thing>(key("owner")); });
    EXPECT_TRUE(store->find("parts", key("part")));
    transact([](Txn& txn) { txn.remove_finalizer<Thing>(key("owner"), "f"); });
    EXPECT_FALSE(store->find("parts", key("part")));
}

TEST_F(ObjectsTest, SecretsAreStoredAndSurviveAReopen)
{
    auto thing = make_thing("one");
    thing.spec.secret = Secret{"hush"};
    thing = create(thing);
    reopen();
    EXPECT_EQ(store->get<Thing>(key("one")), thing);
    EXPECT_EQ(store->get<Thing>(key("one"))->spec.secret.reveal(), "hush");
    EXPECT_EQ(encode_object(*store->get<Thing>(key("one")))["spec"].as_object().contains("secret"), false);
}

TEST_F(ObjectsTest, ListsAreOrderedSelectedAndPaged)
{
    for (const char* name : {"c", "a", "b"})
        create(make_thing(name, 0, {{"tier", name == std::string("b") ? "x" : "y"}}));
    auto elsewhere = make_thing("z", 0, {{"tier", "y"}});
    elsewhere.metadata.org = "acme";
    create(elsewhere);
    auto names = [](const std::vector<EntryPtr>& entries) {
        std::vector<std::string> out;
        for (const auto& entry : entries) out.push_back(to_string(entry->key));
        return out;
    };
    using Names = std::vector<std::string>;
    EXPECT_EQ(names(store->entries("things")), (Names{"acme/z", "default/a", "default/b", "default/c"}));
    EXPECT_EQ(names(store->entries("things", Selector::in_org("default"))),
        (Names{"default/a", "default/b", "default/c"}));
    auto selector = Selector::parse("tier=y");
    EXPECT_EQ(names(store->entries("things", selector)), (Names{"acme/z", "default/a", "default/c"}));
    EXPECT_EQ(
        names(store->entries_after("things", selector, std::nullopt, 2)), (Names{"acme/z", "default/a"}));
    EXPECT_EQ(names(store->entries_after("things", selector, key("a"), 2)), (Names{"default/c"}));
    selector.org = "default";
    EXPECT_EQ(names(store->entries_after("things", selector, Key{"acme", "z"}, 9)),
        (Names{"default/a", "default/c"}));
    EXPECT_TRUE(store->entries("nothings").empty());
}

TEST_F(ObjectsTest, ATransactionReadsItsOwnWrites)
{
    create(make_thing("old", 1, {{"tier", "y"}}));
    transact([](Txn& txn) {
        auto fresh = make_thing("new", 2, {{"tier", "y"}});
        txn.create(fresh);
        EXPECT_EQ(txn.get<Thing>(key("new")), fresh);
        EXPECT_EQ(txn.list<Thing>(Selector::label("tier", "y")).size(), 2U);
        EXPECT_EQ(txn.list<Thing>().size(), 2U);
        txn.remove<Thing>(key("old"));
        EXPECT_FALSE(txn.get<Thing>(key("old")));
        EXPECT_EQ(txn.list<Thing>(Selector::label("tier", "y")), std::vector{fresh});
    });
    EXPECT_EQ(store->list<Thing>().size(), 1U);
}

TEST_F(ObjectsTest, AThrowingBodyWritesNothing)
{
    const auto kept = create(make_thing("kept", 1));
    const auto revision = store->revision();
    auto body = [](Txn& txn) {
        auto other = make_thing("other");
        txn.create(other);
        txn.remove<Thing>(key("kept"));
        txn.audit({"me", "delete", "Thing", key("kept"), ""});
        txn.put_idempotency({"k", "h", 200, "{}", {}});
        txn.set_meta("a", "b");
        throw Error{Errc::Quota, "no more"};
    };
    EXPECT_EQ(error_of(store->transact(body)), Errc::Quota);
    EXPECT_EQ(store->revision(), revision);
    const auto nothing_left = [&] {
        EXPECT_EQ(store->list<Thing>(), std::vector{kept});
        EXPECT_TRUE(run(store->audit_log(0, 10)).empty());
        EXPECT_EQ(store->meta("a"), "");
        EXPECT_FALSE(transact([](Txn& txn) { return txn.idempotency("k"); }));
    };
    nothing_left();
    reopen();
    nothing_left();
    EXPECT_EQ(create(make_thing("next")).metadata.resourceVersion, std::to_string(revision + 1));
}

TEST_F(ObjectsTest, IdempotencyRecordsAreWrittenWithTheObjectAndExpire)
{
    transact([](Txn& txn) {
        auto thing = make_thing("one");
        txn.create(thing);
        txn.put_idempotency({"scope/k", "hash", 201, R"({"id":"one"})", {}});
    });
    reopen();
    const auto record = transact([](Txn& txn) { return txn.idempotency("scope/k"); });
    ASSERT_TRUE(record);
    EXPECT_EQ(record->bodyHash, "hash");
    EXPECT_EQ(record->status, 201);
    EXPECT_EQ(record->response, R"({"id":"one"})");
    EXPECT_EQ(record->at, clock.now());
    clock.time += std::chrono::hours{24};
    EXPECT_FALSE(transact([](Txn& txn) { return txn.idempotency("scope/k"); }));
}

TEST_F(ObjectsTest, TheAuditLogKeepsItsOrderOverAReopen)
{
    for (int i = 0; i < 3; ++i)
        transact([i](Txn& txn) { txn.audit({"alice", "update", "Thing", key("one"), std::to_string(i)}); });
    reopen();
    transact([](Txn& txn) { txn.audit({"bob", "delete", "Thing", key("one"), "3"}); });
    const auto all = run(store->audit_log(0, 100));
    ASSERT_EQ(all.size(), 4U);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].entry.detail, std::to_string(i));
    EXPECT_EQ(all[3].entry.who, "bob");
    EXPECT_EQ(all[3].entry.key, key("one"));
    EXPECT_EQ(run(store->audit_log(all[1].sequence, 1)).at(0).entry.detail, "2");
}

TEST_F(ObjectsTest, OldLinesOfTheAuditLogGoTheLastOneStays)
{
    const auto note = [this](const char* detail) {
        transact([detail](Txn& txn) { txn.audit({"alice", "update", "Thing", key("one"), detail}); });
    };
    const auto left = [this] {
        std::string details;
        for (const auto& record : run(store->audit_log(0, 100))) details += record.entry.detail;
        return details;
    };
    note("a");
    clock.time += std::chrono::hours{24 * 40};
    note("b");
    EXPECT_EQ(left(), "ab");
    clock.time += std::chrono::hours{24 * 50};
    note("c");
    EXPECT_EQ(left(), "bc") << "90 days old";
    clock.time += std::chrono::hours{24 * 400};
    reopen();
    create(make_thing("one")); // any write is an occasion
    EXPECT_EQ(left(), "c") << "the numbers go on from it";
    const auto last = run(store->audit_log(0, 1)).at(0).sequence;
    reopen();
    note("d");
    EXPECT_EQ(left(), "d");
    EXPECT_EQ(run(store->audit_log(0, 1)).at(0).sequence, last + 1);

    auto for_ever = options();
    for_ever.audit_keep = Duration{0};
    close();
    store = run(Store::open(std::move(for_ever)));
    clock.time += std::chrono::hours{24 * 4000};
    note("e");
    EXPECT_EQ(left(), "de");
}

TEST_F(ObjectsTest, ValuesOfTheInstallAreKept)
{
    EXPECT_EQ(store->meta("install-id"), "");
    run(store->set_meta("install-id", "abc"));
    EXPECT_EQ(store->meta("install-id"), "abc");
    reopen();
    EXPECT_EQ(store->meta("install-id"), "abc");
    EXPECT_EQ(transact([](Txn& txn) { return txn.meta("install-id"); }), "abc");
}

} // namespace
} // namespace berth::test
