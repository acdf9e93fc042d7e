#include "tests/unit/http/server_fixture.hpp"

#include <zlib.h>

namespace berth::test {
namespace {

std::string gunzip(const std::string& text)
{
    std::string out(1 << 20, '\0');
    z_stream stream{};
    inflateInit2(&stream, 15 + 16);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

TEST_F(ServerTest, KeepsAConnectionAndAnswersPipelinedRequestsInOrder)
{
    serve();
    auto client = connect();
    EXPECT_EQ(client.ask("GET", "/hello").status, 200u);
    client.send(
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\none"
        "\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\ntwo\r\n0\r\n\r\n");
    EXPECT_EQ(client.read().body, "one");
    EXPECT_EQ(client.read().status, 404u);
    EXPECT_EQ(client.read().body, "two");
    EXPECT_EQ(client.ask("GET", "/remember").body, "x");
    EXPECT_EQ(client.ask("GET", "/remember").body, "xx");
    EXPECT_FALSE(client.closed);
    EXPECT_EQ(ask("GET", "/remember").body, "x");
}

TEST_F(ServerTest, EndsAConnectionWhenAsked)
{
    serve();
    auto client = connect();
    const auto reply = client.ask("GET", "/hello", "", "", "Connection: close\r\n");
    EXPECT_EQ(reply.header("Connection"), "close");
    EXPECT_TRUE(client.wait_closed());
    auto old = connect();
    old.send("GET /hello HTTP/1.0\r\n\r\n");
    EXPECT_EQ(old.read().status, 200u);
    EXPECT_TRUE(old.wait_closed());
}

TEST_F(ServerTest, AnswersHeadWithoutBody)
{
    serve();
    auto client = connect();
    const auto reply = client.ask("HEAD", "/big");
    EXPECT_EQ(reply.status, 200u);
    EXPECT_EQ(reply.header("Content-Length"), "200000");
    EXPECT_EQ(client.ask("GET", "/remember").body, "x");
}

// W8
TEST_F(ServerTest, SaysWhatIsWrongInOneShape)
{
    serve();
    const auto missing = ask("GET", "/nothing?x=1");
    EXPECT_EQ(missing.status, 404u);
    EXPECT_EQ(missing.code(), "NOT_FOUND");
    EXPECT_EQ(missing.json().at("path").as_string(), "/nothing");
    EXPECT_TRUE(parse_time(std::string(missing.json().at("timestamp").as_string())));
    const auto method = ask("PUT", "/hello");
    EXPECT_EQ(method.status, 405u);
    EXPECT_EQ(method.header("Allow"), "GET, HEAD");
    EXPECT_EQ(ask("TRACE", "/hello").status, 405u);
    EXPECT_EQ(ask("GET", "/hello?x=1").status, 400u);
    EXPECT_FALSE(missing.header("X-Request-Id").empty());
    EXPECT_EQ(ask("GET", "/hello", "", "", "X-Request-Id: mine-1\r\n").header("X-Request-Id"), "mine-1");
}

// W8
TEST_F(ServerTest, MapsErrorsAndKeepsInternalTextToItself)
{
    serve();
    const std::vector<std::tuple<std::string, unsigned, std::string>> table{
        {"internal", 500, "INTERNAL_ERROR"}, {"std", 500, "INTERNAL_ERROR"},
        {"quota", 503, "RESOURCE_LIMIT_EXCEEDED"}, {"named", 404, "CONTAINER_NOT_FOUND"},
        {"gone", 410, "EXPIRED"}, {"timeout", 504, "TIMEOUT"}, {"conflict", 409, "CONFLICT"},
        {"direct", 422, "ODD"}};
    auto client = connect();
    for (const auto& [how, status, code] : table) {
        const auto reply = client.ask("GET", "/fail?how=" + how);
        EXPECT_EQ(reply.status, status) << how;
        EXPECT_EQ(reply.code(), code);
        EXPECT_THAT(reply.body, testing::Not(testing::HasSubstr("1234")));
        EXPECT_EQ(reply.header("Retry-After").empty(), how != "quota");
        EXPECT_EQ(reply.header("X-Odd"), how == "direct" ? "1" : "");
    }
    EXPECT_EQ(client.ask("GET", "/fail").status, 204u);
}

TEST_F(ServerTest, AsksForAKeyAndARole)
{
    serve();
    const auto none = ask("GET", "/admins");
    EXPECT_EQ(none.status, 401u);
    EXPECT_EQ(none.code(), "AUTHENTICATION_FAILED");
    EXPECT_EQ(none.header("WWW-Authenticate"), "Bearer");
    Client client = connect();
    const auto wrong = client.ask("GET", "/admins", std::string(40, 'w'));
    EXPECT_EQ(wrong.status, 401u);
    EXPECT_EQ(wrong.json().at("error"), none.json().at("error"));
    EXPECT_EQ(ask("GET", "/admins", "user").status, 403u);
    EXPECT_EQ(ask("GET", "/admins", "admin").status, 200u);
    EXPECT_EQ(ask("GET", "/users", "user").status, 200u);
    EXPECT_EQ(ask("GET", "/users", "node").status, 403u);
    EXPECT_EQ(ask("GET", "/hello", "viewer").status, 200u);
}

TEST_F(ServerTest, CompressesLargeReplies)
{
    serve();
    const auto packed = ask("GET", "/big", "", "", "Accept-Encoding: gzip\r\n");
    EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
    EXPECT_EQ(packed.header("ETag"), "W/\"7\"");
    EXPECT_EQ(packed.header("Vary"), "Accept-Encoding");
    EXPECT_LT(packed.body.size(), 2'000u);
    EXPECT_EQ(gunzip(packed.body), std::string(200'000, 'x'));
    const auto plain = ask("GET", "/big");
    EXPECT_EQ(plain.body.size(), 200'000u);
    EXPECT_EQ(plain.header("Content-Encoding"), "");
    EXPECT_EQ(ask("GET", "/hello", "", "", "Accept-Encoding: gzip\r\n").header("Content-Encoding"), "");
}

TEST_F(ServerTest, ReportsWhatItAnswered)
{
    serve();
    ask("GET", "/hello");
    ask("GET", "/nothing");
    EXPECT_EQ(records, (std::vector<std::pair<std::string, unsigned>>{{"/hello", 200}, {"", 404}}));
}

} // namespace
} // namespace berth::test
