#include "api/http/wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::wire {
namespace {

unsigned refusal_of(const std::string& block)
{
    try {
        parse_head(block);
    } catch (const Error& error) {
        return http_status(error);
    }
    return 0;
}

TEST(Wire, ReadsAHead)
{
    const auto head = parse_head("GET /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-One: 1\r\n\r\n");
    EXPECT_EQ(head.method, "GET");
    EXPECT_EQ(head.path(), "/a/b");
    EXPECT_EQ(head.query(), "c=d");
    EXPECT_EQ(head.header("x-one"), "1");
    EXPECT_TRUE(head.keep_alive);
    EXPECT_FALSE(head.has_body());
}

TEST(Wire, TakesThePathOfAnAbsoluteTarget)
{
    EXPECT_EQ(parse_head("GET http://x:1/a HTTP/1.1\r\nHost: x\r\n\r\n").target, "/a");
    EXPECT_EQ(parse_head("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n").target, "/");
}

TEST(Wire, KnowsWhenAConnectionEnds)
{
    EXPECT_FALSE(parse_head("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").keep_alive);
    EXPECT_FALSE(parse_head("GET / HTTP/1.0\r\n\r\n").keep_alive);
    EXPECT_TRUE(parse_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(Wire, RefusesWhatIsMalformedOrAmbiguous)
{
    const std::string start = "POST / HTTP/1.1\r\nHost: x\r\n";
    const std::vector<std::pair<std::string, unsigned>> table{
        {start + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {start + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
        {start + "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
        {start + "Content-Length: 3, 3\r\n\r\n", 400},
        {start + "Content-Length: +3\r\n\r\n", 400},
        {start + "Content-Length: -1\r\n\r\n", 400},
        {start + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        {start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {start + "Transfer-Encoding: gzip\r\n\r\n", 501},
        {start + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {start + "Transfer-Encoding: xchunked\r\n\r\n", 501},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {start + "Host: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {start + "X: a\r\n b\r\n\r\n", 400},
        {start + "X: a\r\n\tb\r\n\r\n", 400},
        {start + "X : a\r\n\r\n", 400},
        {start + "X: a\nY: b\r\n\r\n", 400},
        {start + "X: a\rb\r\n\r\n", 400},
        {start + std::string("X: a\0b\r\n\r\n", 11), 400},
        {start + "X: a\x01\r\n\r\n", 400},
        {start + ": a\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /\r\nHost: x\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /\xC3\xA4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {start + "Expect: magic\r\n\r\n", 417},
    };
    for (const auto& [block, status] : table) EXPECT_EQ(refusal_of(block), status) << block;
}

TEST(Wire, DecodesChunksHoweverTheyAreCut)
{
    const std::string wire = "4;name=value\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: x\r\n\r\nNEXT";
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        ChunkDecoder decoder{100};
        std::string body;
        std::size_t used = decoder.feed(std::string_view(wire).substr(0, cut), body);
        EXPECT_EQ(used, std::min(cut, wire.size() - 4));
        used += decoder.feed(std::string_view(wire).substr(used), body);
        EXPECT_TRUE(decoder.done());
        EXPECT_EQ(body, "Wikipedia");
        EXPECT_EQ(wire.substr(used), "NEXT");
    }
}

TEST(Wire, RefusesBadChunks)
{
    const std::vector<std::pair<std::string, unsigned>> table{{"x\r\n", 400}, {"\r\n", 400}, {"-1\r\n", 400},
        {"0x4\r\n", 400}, {"4\nWiki", 400}, {"4\r\nWikiX\r\n", 400}, {"ffffffffffffffff\r\n", 400},
        {"fffffffffffffff\r\n", 413}, {"65\r\n", 413}, {std::string(2000, '0'), 400},
        {"0\r\n" + std::string(900, 'a') + "\r\n" + std::string(20000, 'b'), 400}};
    for (const auto& [wire, status] : table) {
        ChunkDecoder decoder{100};
        std::string body;
        unsigned got = 0;
        try {
            decoder.feed(wire, body);
        } catch (const Error& error) {
            got = http_status(error);
        }
        EXPECT_EQ(got, status) << wire.substr(0, 40);
    }
}

TEST(Wire, LeavesOutHeadersThatWouldSplitTheReply)
{
    const auto head = format_head(200, true, {{"A", "1"}, {"B", "x\r\nSet-Cookie: y"}, {"C", "3"}});
    EXPECT_EQ(head, "HTTP/1.1 200 OK\r\nA: 1\r\nC: 3\r\n\r\n");
}

TEST(Wire, KnowsWhoTakesGzip)
{
    EXPECT_TRUE(accepts_gzip("gzip"));
    EXPECT_TRUE(accepts_gzip("deflate, GZIP;q=0.5"));
    EXPECT_TRUE(accepts_gzip("*"));
    EXPECT_FALSE(accepts_gzip(""));
    EXPECT_FALSE(accepts_gzip("br"));
    EXPECT_FALSE(accepts_gzip("gzip;q=0"));
    EXPECT_FALSE(accepts_gzip("*, gzip;q=0.000"));
}

TEST(Wire, WritesDatesInEnglish)
{
    EXPECT_EQ(http_date(*parse_time("2026-11-21T08:34:00Z")), "Sat, 21 Nov 2026 08:34:00 GMT");
}

} // namespace
} // namespace berth::wire
