// Files whose names can't be keys: under which name they are kept, and that everything is done with them as
// with others.

#include "tests/unit/node/s3_support.hpp"

#include <random>

namespace berth {
namespace {

const std::string kLatin = "caf\xe9.txt";
const std::string kLong(100, '\n'); // 300 bytes once it is spelled

TEST(KeyNames, NearlyEveryPathIsItsOwnName)
{
    for (const std::string path : {"a", "a=b==/c", "new\nline", "b\\s", "...", "\xe2\x90\xa2",
             "\xe2\x80\x9b"
             "90s",
             "\xef\xbc\xbc", ".berth/names/caf=e9=.txt"})
        EXPECT_EQ(name_of_path(path), path);
    EXPECT_EQ(name_of_path(std::string(255, 'n')), std::string(255, 'n'));
    std::string wide;
    for (int i = 0; i < 85; ++i) wide += "\xe6\x97\xa5";
    EXPECT_EQ(name_of_path(wide), wide);
}

// Agents of other versions and buckets of earlier ones rely on these.
TEST(KeyNames, TheOthersHaveNamesThatNeverChange)
{
    const std::string below(kNamesFolder);
    const std::map<std::string, std::string> names{{"caf\xe9/a.txt", "caf=e9=/a.txt"}, {".\xff", "=2eff="},
        {"\xff==.x", "=ff3d3d=.x"}, {"\xe2\x90\x8a", "=e2908a="}, {"\xe2\x80\x9b\\", "=e2809b5c="},
        {std::string(86, '\n') + "..", "=" +
                                           [] {
                                               std::string run;
                                               for (int i = 0; i < 86; ++i) run += "0a";
                                               return run;
                                           }() +
                                           "=.."},
        {std::string(198, 'a') + "\xff.", std::string(198, 'a') + "=ff===/=2e="}};
    for (const auto& [path, name] : names) {
        EXPECT_EQ(name_of_path(path), below + name);
        EXPECT_EQ(key_of_path(path), below + name) << "a name is not spelled once more";
        EXPECT_EQ(path_of_key(below + name), path);
    }
    EXPECT_EQ(name_of_target(kLatin), below + "caf=e9=.txt");
    EXPECT_EQ(path_of_name(name_of_target(below + "a")), below + "a");
}

TEST(KeyNames, EveryPathIsFoundAgainAndEveryKeyCanBeHeld)
{
    std::mt19937 random(7);
    constexpr std::string_view kSigns = "ab.=/\\\n\x7f\xff\xe9\xe2\x90\x8a\x80\x9b\xef\xbc ";
    const MemoryBucket bucket;
    for (int n = 0; n < 20'000; ++n) {
        std::string path;
        for (auto size = random() % 300; size > 0; --size)
            path += n % 2 ? kSigns[random() % kSigns.size()] : char(random());
        const auto key = key_of_path(path);
        ASSERT_EQ(path_of_key(key), path) << key;
        if (path_problem(path)) continue;
        ASSERT_FALSE(bucket.refusal(key)) << key;
        ASSERT_EQ(("/" + key + "/").find("/./"), std::string::npos) << key;
        ASSERT_EQ(("/" + key + "/").find("/../"), std::string::npos) << key;
    }
}

TEST(KeyNames, NonsenseFromABucketIsNoFile)
{
    for (const std::string key :
        {"=", "==", "===", "=f", "=zz=", "=2e2e=/x", "=2f=x", "=00=", "a==/", "plain.txt", "=E9="}) {
        const auto whole = std::string(kNamesFolder) + key;
        Listing listing;
        Strays strays;
        sort_in(listing, strays, whole, {.size = 1, .etag = "e"});
        EXPECT_TRUE(listing.files.empty()) << key;
        EXPECT_TRUE(strays.empty()) << key;
    }
    Manifest manifest;
    manifest.links["a"] = "b";
    auto text = to_text(manifest);
    text.replace(text.find("\"a\""), 3, "\".berth/names/=2e2e=/a\"");
    EXPECT_TRUE(parse_manifest(text).links.empty());
}

// --- the whole way ---

struct NamesTest : SyncFixture {
    void put_all(const std::set<std::string>& names)
    {
        for (const auto& name : names) {
            std::filesystem::create_directories(std::filesystem::path(side.path(name)).parent_path());
            std::ofstream(side.path(name)) << "content of " << name;
        }
    }
    std::vector<std::string> in_trash() const
    {
        std::vector<std::string> found;
        for (const auto& [key, object] : store.objects)
            if (key.starts_with(kTrashFolder)) found.push_back(object.content);
        return found;
    }
};

TEST_F(NamesTest, FilesLinksAndFoldersOfAnyNameComeBack)
{
    restore();
    const std::set<std::string> names{kLatin, kLong,
        "\xff"
        "folder/plain",
        "plain/\xfe", std::string(255, '\xff'), "\xe2\x90\x8a", "other"};
    put_all(names);
    std::filesystem::create_directories(side.path("empty\xe9"));
    std::filesystem::create_symlink(kLatin, side.path("link\xe9"));
    sync(true);
    EXPECT_EQ(status.message, "");
    EXPECT_EQ(status.receipt->files, std::int64_t(names.size()));
    const auto before = side.files();
    reopen();
    const auto requests = store.requests;
    sync();
    EXPECT_EQ(store.requests, requests) << "by the journal as it was written nothing is new";
    side.start_over();
    EXPECT_EQ(side.files(), before);
    for (const auto& name : names) EXPECT_EQ(local(name), "content of " + name);
    EXPECT_EQ(std::filesystem::read_symlink(side.path("link\xe9")).string(), kLatin);
}

TEST_F(NamesTest, EditsDeletesAndEarlierTimesAreAsOfOtherFiles)
{
    restore();
    put_all({kLatin, kLong});
    sync();
    clock.advance(std::chrono::minutes{1});
    const auto then = clock.now();
    clock.advance(std::chrono::minutes{1});
    write(kLatin, "edited");
    side.erase(kLong);
    sync();
    EXPECT_EQ(in_trash(), (std::vector<std::string>{"content of " + kLong, "content of " + kLatin}));
    clock.advance(std::chrono::minutes{1});
    auto back = [](SyncContext& context, Time at) -> awaitable<> { co_await restore_files_at(context, at); };
    run(back(*side.context, then));
    EXPECT_EQ(local(kLatin), "content of " + kLatin);
    EXPECT_EQ(local(kLong), "content of " + kLong);
    sync(true);
    EXPECT_EQ(store.objects[key_of_path(kLatin)], "content of " + kLatin);
}

TEST_F(NamesTest, OthersOnThePrefixGetThemAndConflictsKeepBoth)
{
    Side two{"two", store, clock, io};
    restore();
    two.restore();
    put_all({kLatin, kLong});
    sync();
    two.compare();
    EXPECT_EQ(two.local(kLatin), "content of " + kLatin);
    write(kLatin, "of one");
    two.write(kLatin, "of two");
    side.erase(kLong);
    sync();
    two.compare();
    two.sync();
    side.compare();
    EXPECT_FALSE(two.has(kLong));
    EXPECT_EQ(two.status.conflicts, 1);
    EXPECT_EQ(side.files(), two.files());
    EXPECT_EQ(local(kept(kLatin, "of one")), "of one");
    EXPECT_EQ(local(kLatin), "of two");
}

// --- what the server refuses although it could be a key ---

TEST_F(NamesTest, ARefusedFileHoldsUpNothingElseAndIsNotGivenUp)
{
    store.refused = {"refused"};
    restore();
    put_all({"a", "refused", "z", ".git/HEAD"});
    sync();
    for (const char* name : {"a", "z", ".git/HEAD"})
        EXPECT_EQ(store.objects[name], std::string("content of ") + name);
    EXPECT_EQ(status.pendingFiles, 1);
    EXPECT_NE(status.message.find("refused: S3 refuses it: write: 400"), std::string::npos) << status.message;
    EXPECT_FALSE(status.receipt);
    EXPECT_THROW(sync(true), Error);
    EXPECT_FALSE(status.receipt);
    std::filesystem::rename(side.path("refused"), side.path("taken"));
    sync(true);
    EXPECT_TRUE(status.receipt && status.receipt->final);
    EXPECT_EQ(store.objects["taken"], "content of refused");
}

TEST_F(NamesTest, WhatTheTrashRefusesIsNeitherOverwrittenNorDeleted)
{
    store.put({{"edited", "old"}, {"deleted", "d"}, {"other", "o"}, {"kept", "k"}});
    restore();
    const auto stamp = trash_stamp(clock.now());
    store.refused = {trash_path(stamp, "edited"), trash_path(stamp, "deleted")};
    write("edited", "new");
    side.erase("deleted");
    side.erase("other");
    write("fresh", "f");
    sync();
    EXPECT_EQ(store.objects["edited"], "old");
    EXPECT_EQ(store.objects["deleted"], "d");
    EXPECT_EQ(store.objects["fresh"], "f");
    EXPECT_FALSE(store.objects.contains("other"));
    EXPECT_EQ(status.pendingFiles, 2);
    EXPECT_THROW(sync(true), Error);
    clock.advance(std::chrono::minutes{1}); // and with that another name in the trash
    sync(true);
    EXPECT_EQ(store.objects["edited"], "new");
    EXPECT_FALSE(store.objects.contains("deleted"));
}

TEST_F(NamesTest, AServerThatTakesNothingIsAFailureOfTheWhole)
{
    restore();
    for (int i = 0; i < 200; ++i) {
        write("f" + std::to_string(i), "x");
        store.refused.insert("f" + std::to_string(i));
    }
    EXPECT_THROW(sync(), Error);
}

// --- keys that somebody else chose ---

struct StrayTest : S3StoreTest {
    std::map<std::string, std::string> objects; ///< by the target of a request
    std::vector<std::string> log;

    void SetUp() override
    {
        servers.conditional(
            "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "|bucket") = true;
        answer = [this](const Request& request) { return serve_one(request); };
    }
    Response serve_one(const Request& request)
    {
        const std::string target(request.target());
        if (target.find("list-type=2") != std::string::npos) {
            std::string inside;
            for (const auto& [at, content] : objects) inside += object(at.substr(8), "1", content);
            return response(200, list_of(inside));
        }
        log.push_back(std::string(request.method_string()) + " " + target);
        const std::string source(request["x-amz-copy-source"]);
        const auto found = objects.find(source.empty() ? target : source);
        if (request.method() != http::verb::put && found == objects.end())
            return response(
                404, request.method() == http::verb::head ? "" : "<Error><Code>NoSuchKey</Code></Error>");
        auto good = response(200, request.method() == http::verb::get ? found->second : "");
        if (request.method() == http::verb::delete_) objects.erase(found);
        if (request.method() == http::verb::put)
            objects[target] = source.empty() ? request.body() : found->second;
        good.set("ETag", objects.contains(target) ? "\"" + objects[target] + "\"" : "");
        return good;
    }
};

TEST_F(StrayTest, AreReadWhereTheyAreAndMoveHomeWhenTheyAreWritten)
{
    const std::string home = "/bucket/p/.berth/names/caf%3De9%3D.txt";
    objects = {{"/bucket/p/caf%E9.txt", "1"}, {"/bucket/p/b%5Cs", "2"}, {"/bucket/p/two%5C", "old"},
        {"/bucket/p/two%EF%BC%BC", "3"}};
    const auto listing = run(store->list());
    ASSERT_EQ(listing.files.size(), 3u);
    EXPECT_EQ(listing.files.at(kLatin).etag, "1");
    EXPECT_EQ(listing.files.at("two\\").etag, "3") << "our own key counts";
    std::vector<GetItem> items;
    items.push_back({kLatin, temp / "got", 1});
    items.push_back({"b\\s", temp / "other", 1});
    for (const auto& result : run(store->get(std::move(items)))) EXPECT_EQ(result.outcome, Outcome::Done);
    EXPECT_EQ(read_file(temp / "got"), "1");
    log.clear();
    write_text(temp / "new", "9");
    std::vector<PutItem> puts;
    puts.push_back({.path = kLatin,
        .file = temp / "new",
        .size = 1,
        .sha256 = sha256_hex("9"),
        .expect = {Expect::Kind::Version, "1"}});
    EXPECT_EQ(run(store->put(std::move(puts)))[0].outcome, Outcome::Done);
    EXPECT_EQ(log, (std::vector<std::string>{
                       "HEAD " + home, "PUT " + home, "DELETE /bucket/p/caf%E9.txt", "PUT " + home}));
    EXPECT_EQ(objects.at(home), "9");
    std::vector<RemoveItem> gone;
    gone.push_back({"b\\s", "2"});
    EXPECT_EQ(run(store->remove(std::move(gone)))[0].outcome, Outcome::Done);
    EXPECT_FALSE(objects.contains("/bucket/p/b%5Cs"));
}

TEST_F(StrayTest, DoNotHideWhatCameToTheirHomeSince)
{
    objects = {{"/bucket/p/b%5Cs", "1"}};
    run(store->list());
    objects["/bucket/p/b%EF%BC%BCs"] = "theirs";
    write_text(temp / "new", "9");
    std::vector<PutItem> puts;
    puts.push_back(
        {.path = "b\\s", .file = temp / "new", .size = 1, .sha256 = sha256_hex("9"), .expect = {}});
    run(store->put(std::move(puts)));
    EXPECT_TRUE(objects.contains("/bucket/p/b%5Cs"));
    EXPECT_EQ(std::count_if(
                  log.begin(), log.end(), [](const std::string& line) { return line.starts_with("PUT"); }),
        1);
}

} // namespace
} // namespace berth
