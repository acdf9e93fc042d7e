// The parts of the bucket check that need no S3 server: addresses, the canonical query, the words of its
// errors.

#include "api/actions/bucket_check.hpp"
#include "api/http/reply.hpp"
#include "tests/fakes/harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth {
namespace {

S3Source a_source()
{
    S3Source source;
    source.bucket = "demo";
    source.region = "eu-central-1";
    source.accessKeyId = "key";
    source.secretAccessKey = Secret{"very-secret"};
    return source;
}

TEST(BucketCheck, TheQueryIsSortedAndEncodedAsTheSignatureWantsIt)
{
    EXPECT_EQ(s3::canonical_query({{"prefix", "a/b c+d"}, {"list-type", "2"}, {"location", ""}}),
        "list-type=2&location=&prefix=a%2Fb%20c%2Bd");
    EXPECT_EQ(s3::encode("ä~-_.", false), "%C3%A4~-_.");
    EXPECT_EQ(s3::encode("a/b", true), "a/b");
}

TEST(BucketCheck, AddressesArePathStyle)
{
    auto source = a_source();
    EXPECT_EQ(s3::url_of(source, "", {}), "https://s3.eu-central-1.amazonaws.com/demo");
    source.endpoint = "http://s3.local:8333/";
    EXPECT_EQ(s3::url_of(source, "a b/.berth/x", {}), "http://s3.local:8333/demo/a%20b/.berth/x");
    EXPECT_EQ(s3::url_of(source, "", {{"max-keys", "1"}}), "http://s3.local:8333/demo?max-keys=1");
}

using s3::Outcome;
using s3::Probes;

Outcome answered(long status, const std::string& code = "") { return {status, code, "", false, false}; }
const Outcome kOk = answered(200);
const Outcome kThere = answered(412, "PreconditionFailed");
const Outcome kDenied = answered(403, "AccessDenied");

/// What the caller is to blame for; empty when it is not the caller.
std::string problem_in(const Probes& probes)
{
    const auto verdict = s3::verdict_of(probes);
    return verdict.fault == s3::Fault::server ? "" : verdict.problem;
}

Probes fit() { return {kOk, kOk, kOk, answered(204), kThere}; }

// W25
TEST(BucketCheck, NamesEveryRightThatIsMissing)
{
    EXPECT_EQ(problem_in(fit()), "");
    auto probes = fit();
    probes.put = kDenied;
    EXPECT_EQ(problem_in(probes), "the credentials may not write in this bucket (AccessDenied)");
    probes.remove = kDenied;
    EXPECT_EQ(problem_in(probes), "the credentials may not write and delete in this bucket (AccessDenied)");
    probes.get = kDenied;
    probes.list = kDenied;
    EXPECT_EQ(problem_in(probes),
        "the credentials may not list, read, write and delete in this bucket (AccessDenied)");
    probes = fit();
    probes.head = answered(403);
    EXPECT_EQ(problem_in(probes), "") << "the right to HEAD a bucket is not needed";
    probes.get = answered(404, "NoSuchKey");
    EXPECT_EQ(problem_in(probes), "")
        << "the first time there is nothing to read, which is read all the same";
    probes.put = answered(501, "NotImplemented");
    EXPECT_EQ(problem_in(probes), "the S3 endpoint answered 501 to the attempt to write (NotImplemented)");
}

// W25
TEST(BucketCheck, WhatPassesIsNotTheBucketsFault)
{
    for (const auto& busy : {answered(500, "InternalError"), answered(503, "SlowDown"), answered(502),
             answered(429), answered(400, "RequestTimeout")}) {
        auto probes = fit();
        probes.put = busy;
        const auto verdict = s3::verdict_of(probes);
        EXPECT_EQ(verdict.fault, s3::Fault::server) << busy.status;
        EXPECT_THAT(verdict.problem, testing::HasSubstr("to the attempt to write"));
        probes.list = busy;
        probes.head = busy;
        EXPECT_EQ(s3::verdict_of(probes).fault, s3::Fault::server) << busy.status;
        probes.remove = kDenied;
        EXPECT_EQ(s3::verdict_of(probes).fault, s3::Fault::source) << "a right that is denied stays denied";
        probes.list = answered(404, "NoSuchBucket");
        EXPECT_EQ(s3::verdict_of(probes).fault, s3::Fault::source);
    }
    EXPECT_EQ(s3::verdict_of(fit()).fault, s3::Fault::none);
}

TEST(BucketCheck, TellsBucketRegionEndpointAndKeysApart)
{
    const auto problem = [](Outcome list) {
        auto probes = fit();
        probes.list = probes.get = probes.put = probes.remove = std::move(list);
        return problem_in(probes);
    };
    EXPECT_EQ(problem(answered(404, "NoSuchBucket")), "the bucket does not exist (NoSuchBucket)");
    EXPECT_EQ(problem(answered(301, "PermanentRedirect")),
        "the bucket is somewhere else: wrong region or endpoint (PermanentRedirect)");
    EXPECT_EQ(problem(answered(400, "AuthorizationHeaderMalformed")),
        "the bucket is somewhere else: wrong region or endpoint (AuthorizationHeaderMalformed)");
    EXPECT_EQ(problem(answered(403, "SignatureDoesNotMatch")),
        "the credentials are not accepted (SignatureDoesNotMatch)");
    EXPECT_EQ(problem({0, "", "Couldn't connect to server", false, false}),
        "the S3 endpoint does not answer: Couldn't connect to server");
    EXPECT_EQ(problem({0, "", "Couldn't resolve host name", true, true}),
        "the S3 endpoint can't be found, or is not on the public internet");
}

TEST(BucketCheck, SeesConditionalWritesWhereItsObjectIsAlready)
{
    EXPECT_TRUE(s3::facts_of(fit()).conditional_put);
    auto probes = fit();
    probes.put = kOk; // the first time
    EXPECT_FALSE(s3::facts_of(probes).conditional_put);
    EXPECT_FALSE(s3::wants_plain_put(probes));
    probes.put = answered(501, "NotImplemented");
    EXPECT_TRUE(s3::wants_plain_put(probes));
}

TEST(BucketCheck, RepeatsNothingOfAReplyUnchecked)
{
    EXPECT_EQ(s3::error_code("<Error><Code>AccessDenied</Code></Error>"), "AccessDenied");
    EXPECT_EQ(s3::error_code("<Code>bad \n code</Code>"), "");
    EXPECT_EQ(s3::error_code("</Code><Code>"), "");
}

class BucketCheckOf : public ::testing::Test {
protected:
    std::string problem(BucketCheckSettings settings, const std::string& endpoint)
    {
        S3BucketCheck check{h.io.get_executor(), h.clock, std::move(settings)};
        auto source = a_source();
        source.endpoint = endpoint;
        try {
            h.run(check.check(source));
        } catch (const Error& error) {
            EXPECT_EQ(std::string(error.what()).find("very-secret"), std::string::npos);
            const auto reply = error_reply(error, h.clock.now(), "/");
            const bool retry = !reply.headers.empty() && reply.headers.front().first == "Retry-After";
            EXPECT_EQ(retry, reply.status == 503);
            return std::to_string(reply.status) + " " + error.wire_code() + ": " + error.what();
        }
        return "";
    }
    Harness h;
};

TEST_F(BucketCheckOf, TheInstallsOwnServerWillBeBackAndAnotherMayNeverHaveBeenThere)
{
    BucketCheckSettings settings;
    settings.own_endpoint = "http://127.0.0.1:1";
    settings.endpoints = *EndpointRules::parse("127.0.0.0/8");
    EXPECT_THAT(problem(settings, "http://127.0.0.1:1"),
        testing::StartsWith("503 S3_UNAVAILABLE: the S3 endpoint does not answer"));
    EXPECT_THAT(problem(settings, "http://127.0.0.1:2"),
        testing::StartsWith("400 INVALID_S3_BUCKET: the S3 endpoint does not answer"));
    EXPECT_THAT(problem(settings, "file:///etc"), testing::StartsWith("400 INVALID_S3_BUCKET"));
}

/// A port that is open and one that is not, a name that is there and one that is not: all look the same.
TEST_F(BucketCheckOf, InnerAddressesAreNotConnectedTo)
{
    const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&where), size), 0);
    ASSERT_EQ(::listen(listening, 8), 0);
    ::getsockname(listening, reinterpret_cast<sockaddr*>(&where), &size);
    const auto port = std::to_string(ntohs(where.sin_port));

    const std::string refused =
        "400 INVALID_S3_BUCKET: the S3 endpoint can't be found, or is not on the public internet";
    for (const auto& host : {"127.0.0.1:" + port, std::string("127.0.0.1:1"), "localhost:" + port,
             "[::1]:" + port, "0.0.0.0:" + port, std::string("no-such-name.invalid")})
        EXPECT_EQ(problem({}, "http://" + host), refused) << host;
    EXPECT_LT(::accept(listening, nullptr, nullptr), 0) << "nothing was sent there";

    BucketCheckSettings settings;
    settings.endpoints = *EndpointRules::parse("127.0.0.0/8");
    EXPECT_THAT(problem(settings, "http://127.0.0.1:1"), testing::HasSubstr("does not answer"))
        << "it was asked";
    settings.endpoints = *EndpointRules::parse("a-server-with-a-long-name.invalid,localhost");
    for (const auto* host : {"http://a-server-with-a-long-name.invalid:8333", "http://localhost:1"})
        EXPECT_THAT(problem(settings, host), testing::HasSubstr("does not answer")) << "its name is allowed";
    ::close(listening);
}

} // namespace
} // namespace berth
