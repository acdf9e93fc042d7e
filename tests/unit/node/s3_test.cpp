// Signed requests, what S3 answers, and what is done with answers that are wrong on purpose.

#include "controller/base/random.hpp"
#include "node/key_names.hpp"
#include "tests/unit/node/s3_support.hpp"

namespace berth {
namespace {

// --- the examples that AWS gives for signature version 4 in the Authorization header ---

struct Example {
    std::string method;
    std::string url;
    std::map<std::string, std::string> headers;
    std::string body;
    std::string signature;
};

TEST(S3Signature, IsThatOfAwssExamples)
{
    const S3Keys keys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1"};
    const auto now = *parse_time("2013-05-24T00:00:00Z");
    const std::string host = "https://examplebucket.s3.amazonaws.com";
    const std::vector<Example> examples{
        {"GET", host + "/test.txt", {{"range", "bytes=0-9"}}, "",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"PUT", host + "/test%24file.text",
            {{"date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
            "Welcome to Amazon S3.", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"GET", host + "/?lifecycle=", {}, "",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"GET", host + "/?max-keys=2&prefix=J", {}, "",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    for (const auto& example : examples) {
        const S3Signable request{example.method, example.url, example.headers, sha256_hex(example.body)};
        const auto headers = sign_s3(request, keys, now);
        EXPECT_TRUE(headers.at("authorization").ends_with("Signature=" + example.signature)) << example.url;
        EXPECT_EQ(headers.at("x-amz-date"), "20130524T000000Z");
    }
}

TEST(S3Signature, ThePortOfTheSchemeIsNotPartOfTheHost)
{
    const S3Keys keys{"a", "b", "us-east-1"};
    const auto signature = [&](const std::string& url) {
        return sign_s3({"GET", url, {}, sha256_hex("")}, keys, Time{}).at("authorization");
    };
    EXPECT_EQ(signature("https://h:443/x"), signature("https://h/x"));
    EXPECT_EQ(signature("http://h:80/x"), signature("http://h/x"));
    EXPECT_NE(signature("http://h:443/x"), signature("http://h/x"));
}

// --- what S3 says ---

TEST(S3Lists, KeysSizesAndWhatFollows)
{
    const auto page = parse_list(
        list_of(object("a%20b%2Fc+d", "12") + "<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes>"
                                              "<IsTruncated>true</IsTruncated>"
                                              "<NextContinuationToken>t&amp;1</NextContinuationToken>"));
    ASSERT_EQ(page.objects.size(), 1u);
    EXPECT_EQ(page.objects[0].key, "a b/c d");
    EXPECT_EQ(page.objects[0].size, 12);
    EXPECT_EQ(page.objects[0].etag, "e");
    EXPECT_TRUE(page.objects[0].modified);
    EXPECT_EQ(page.folders, std::vector<std::string>{"x/"});
    EXPECT_EQ(page.next, "t&1");
    EXPECT_EQ(parse_list(list_of("")).next, "");
}

// Half a list would look like files that are gone.
TEST(S3Lists, WhatIsNoWholeListIsRefused)
{
    const auto whole = list_of(object("a") + object("b"));
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_THROW(parse_list(std::string_view(whole).substr(0, size)), Error) << size;
    EXPECT_THROW(parse_list("<html>a portal that wants a password</html>"), Error);
    EXPECT_THROW(parse_list(list_of("<IsTruncated>true</IsTruncated>")), Error) << "more, but not how";
}

TEST(S3Lists, NonsenseInAnEntryHarmsNothing)
{
    for (const char* size : {"-1", "x", "", "99999999999999999999", "9223372036854775807"}) {
        const auto page = parse_list(list_of(object("a", size)));
        EXPECT_GE(page.objects[0].size, 0) << size;
        EXPECT_LE(page.objects[0].size, std::int64_t{5} << 40) << size;
    }
    const auto etag = parse_list(list_of(object("a", "1", "x&#13;&#10;x-evil: 1&quot;"))).objects[0].etag;
    EXPECT_EQ(etag, "xx-evil:1") << "it is sent back in a header";
    for (const char* key : {"%", "%4", "%zz", "&#x110000;", "&#99999999999;", "&unknown;", "&", "&#;"})
        EXPECT_EQ(parse_list(list_of(object(key))).objects.size(), 1u) << key;
    EXPECT_EQ(parse_list(list_of(object("&#x41;&#66;%43"))).objects[0].key, "ABC");
    EXPECT_EQ(parse_list(list_of("<Contents></Contents>")).objects[0].key, "");
}

TEST(S3Errors, TheCodeIsAWord)
{
    EXPECT_EQ(error_code("<Error><Code>NoSuchBucket</Code></Error>"), "NoSuchBucket");
    EXPECT_EQ(error_code("<Error><Code>No\nSuch<b>!</Code></Error>"), "NoSuchb");
    EXPECT_EQ(error_code("<Error><Code>cut"), "");
    EXPECT_EQ(error_code(""), "");
    EXPECT_LE(error_code("<Code>" + std::string(5000, 'x') + "</Code>").size(), 64u);
}

TEST(S3Times, OfFilesAndOfHeaders)
{
    for (const std::int64_t time : {0ll, 1ll, 1'700'000'000'123'456'789ll, -1ll, -1'500'000'000ll})
        EXPECT_EQ(parse_mtime_header(mtime_header(time)), time);
    EXPECT_EQ(mtime_header(1'700'000'000'123'456'789), "1700000000.123456789");
    for (const char* bad : {"", "x", "99999999999999999999", "-99999999999", "."})
        EXPECT_FALSE(parse_mtime_header(bad)) << bad;
    EXPECT_EQ(parse_http_date("Sat, 21 Nov 2026 12:13:54 GMT"), parse_time("2026-11-21T12:13:54Z"));
    EXPECT_FALSE(parse_http_date("yesterday"));
}

TEST(S3Keys, EveryNameComesBack)
{
    for (const std::string path : {"a", "a\\b", "new\nline", "\x7f", "\x01\x1f", "\xef\xbc\xbc",
             "\\\xef\xbc\xbc\\", "\xc3\xa9/\xe6\x97\xa5"}) {
        EXPECT_EQ(path_of_key(key_of_path(path)), path);
        EXPECT_EQ(key_of_path(path).find_first_of("\\\n\x7f\x01"), std::string::npos)
            << "no server's own sign";
    }
}

TEST(LargeObjects, FromSixtyFourMegabytesOn)
{
    EXPECT_FALSE(is_large(0));
    EXPECT_FALSE(is_large((64 << 20) - 1));
    EXPECT_TRUE(is_large(64 << 20));
    EXPECT_TRUE(is_large(std::int64_t{5} << 40));
}

TEST_F(S3StoreTest, ASecondPageIsAskedForAndTheTrashIsLeftOut)
{
    answer = [](const Request& request) {
        const std::string target(request.target());
        const auto more = "<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>";
        if (target.find("start-after") != std::string::npos)
            return response(200, list_of(object("p/a") + object("other/b") + object("p/folder/")));
        return response(200, list_of(object("p/.berth/manifests/one.json") +
                                     object("p/.berth/trash/2026-11-21/083400.123/x") + more));
    };
    const auto listing = run(store->list());
    EXPECT_EQ(listing.files.size(), 1u) << "nothing outside of the prefix, no folder markers";
    EXPECT_TRUE(listing.files.contains("a"));
    EXPECT_TRUE(listing.manifests.contains("one"));
    EXPECT_EQ(seen.size(), 2u);
    EXPECT_EQ(store->requests(), 2);
}

TEST_F(S3StoreTest, FailuresHaveTheirClassAndAreTriedOnce)
{
    answer = [](const Request&) { return response(403, "<Error><Code>AccessDenied</Code></Error>"); };
    EXPECT_TRUE(failure(store->list()).starts_with("S3Denied"));
    EXPECT_EQ(seen.size(), 1u);
    answer = [](const Request&) { return response(404, "<Error><Code>NoSuchBucket</Code></Error>"); };
    EXPECT_TRUE(failure(store->list()).starts_with("NoSuchBucket"));
    seen.clear();
    answer = [](const Request&) { return response(503, "<Error><Code>SlowDown</Code></Error>"); };
    EXPECT_TRUE(failure(store->list()).starts_with("S3Unreachable"));
    EXPECT_EQ(seen.size(), 2u) << "once more, then it is said";
    answer = [](const Request&) { return response(302, "<a href=elsewhere>"); };
    EXPECT_TRUE(failure(store->list()).starts_with("S3Error")) << "nobody is followed elsewhere";
    answer = [](const Request&) { return response(200, "<html>hello</html>"); };
    EXPECT_TRUE(failure(store->list()).starts_with("S3Error"));
}

TEST_F(S3StoreTest, AListThatGoesRoundInCirclesEnds)
{
    const auto page =
        list_of(object("p/.berth/trash/2026-11-21/083400.123/x") +
                "<IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken>");
    answer = [page](const Request&) { return response(200, page); };
    EXPECT_THROW(run(store->list_trash()), Error);
    EXPECT_LT(seen.size(), 10u);
}

TEST_F(S3StoreTest, WritesSayWhatTheyReplaceAndNoteTheirTime)
{
    servers.conditional("http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "|bucket") =
        true;
    write_text(temp / "content", "hello");
    answer = [](const Request& request) {
        if (request.target().ends_with("/changed")) return response(412);
        if (request.target().ends_with("/gone"))
            return response(404, "<Error><Code>NoSuchKey</Code></Error>");
        auto good = response(200);
        good.set("ETag", "\"new\"");
        return good;
    };
    const auto when = *parse_time("2026-11-21T08:34:00.123Z");
    std::vector<PutItem> items;
    for (const char* name : {"new", "changed", "gone"}) {
        PutItem item{.path = name,
            .file = temp / "content",
            .size = 5,
            .mtime = 1'500'000'000,
            .sha256 = sha256_hex("hello")};
        item.expect = {std::string(name) == "new" ? Expect::Kind::Absent : Expect::Kind::Version, "old"};
        item.written = when;
        items.push_back(std::move(item));
    }
    const auto results = run(store->put(std::move(items)));
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].outcome, Outcome::Done);
    EXPECT_EQ(results[0].etag, "new");
    EXPECT_EQ(results[1].outcome, Outcome::Changed);
    EXPECT_EQ(results[2].outcome, Outcome::Changed);
    ASSERT_EQ(seen.size(), 3u);
    for (const auto& request : seen) {
        EXPECT_EQ(request.body(), "hello");
        EXPECT_EQ(request["x-amz-meta-mtime"], "1.500000000");
        EXPECT_EQ(request["x-amz-meta-berth-written"], "2026-11-21T08:34:00.123Z");
        const bool fresh = request.target().ends_with("/new");
        EXPECT_EQ(request["if-none-match"], fresh ? "*" : "");
        EXPECT_EQ(request["if-match"], fresh ? "" : "\"old\"");
    }
}

TEST_F(S3StoreTest, ACopyThatFailedInsideIsAFailure)
{
    answer = [](const Request&) { return response(200, "<Error><Code>InternalError</Code></Error>"); };
    std::vector<CopyItem> items;
    items.push_back({"a", "b", 1, "etag"});
    const auto results = run(store->copy(std::move(items)));
    EXPECT_EQ(results[0].outcome, Outcome::Failed);
    EXPECT_TRUE(results[0].failure);
}

// Without conditions the object is looked at before it is written.
TEST_F(S3StoreTest, AServerWithoutConditionsIsAskedFirst)
{
    write_text(temp / "content", "hello");
    answer = [](const Request& request) { // takes every write, whatever is asked of it
        auto good = response(200);
        good.set("ETag", "\"theirs\"");
        if (request.method() == http::verb::head) good.content_length(0);
        return good;
    };
    std::vector<PutItem> items;
    items.push_back({.path = "a",
        .file = temp / "content",
        .size = 5,
        .sha256 = sha256_hex("hello"),
        .expect = {Expect::Kind::Version, "ours"}});
    const auto results = run(store->put(std::move(items)));
    EXPECT_EQ(results[0].outcome, Outcome::Changed);
    for (const auto& request : seen) {
        const bool written = request.method() == http::verb::put && request.target() == "/bucket/p/a";
        EXPECT_FALSE(written);
    }
}

awaitable<> fetch_many(S3Store& from, std::string folder, int lane, int& whole)
{
    std::vector<GetItem> items;
    for (int i = 0; i < 30; ++i)
        items.push_back({"a", folder + "/" + std::to_string(lane) + "-" + std::to_string(i), 5});
    const auto results = co_await from.get(std::move(items));
    for (const auto& result : results) EXPECT_EQ(result.outcome, Outcome::Done);
    ++whole;
}

TEST_F(S3StoreTest, CallsThatAreCutOffLeaveTheOthersAlone)
{
    TaskGroup cut{io.get_executor()};
    TaskGroup kept{io.get_executor()};
    answer = [&](const Request&) {
        if (seen.size() == 20) cut.cancel();
        auto good = response(200, "hello");
        good.set("ETag", "\"e\"");
        return good;
    };
    int whole = 0;
    for (int lane = 0; lane < 8; ++lane)
        (lane % 2 == 0 ? kept : cut).spawn("get", fetch_many(*store, temp.path(), lane, whole));
    run(kept.join());
    run(cut.join());
    EXPECT_EQ(whole, 4);
    for (int i = 0; i < 30; ++i) EXPECT_EQ(read_file(temp / ("6-" + std::to_string(i))), "hello");
    answer = [](const Request&) { return response(200, list_of(object("p/a"))); };
    EXPECT_EQ(run(store->list()).files.size(), 1u);
}

} // namespace
} // namespace berth
