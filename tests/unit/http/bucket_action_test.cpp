// The parts of the bucket check that need no S3 server: addresses, the canonical query, the words of its
// errors.

#include "api/actions/bucket_check.hpp"
#include "tests/fakes/harness.hpp"

#include <gtest/gtest.h>

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

TEST(BucketCheck, SaysWhichRightIsMissing)
{
    const std::string denied = "<Error><Code>AccessDenied</Code></Error>";
    EXPECT_EQ(s3::problem_of("write", 403, denied, ""),
        "the credentials may not write in this bucket (AccessDenied)");
    EXPECT_EQ(s3::problem_of("list", 404, "", ""), "the bucket does not exist");
    EXPECT_EQ(s3::problem_of("list", 403, "<Code>SignatureDoesNotMatch</Code>", ""),
        "the credentials are not accepted (SignatureDoesNotMatch)");
    EXPECT_EQ(s3::problem_of("list", 0, "", "Couldn't connect to server"),
        "the S3 endpoint does not answer: Couldn't connect to server");
    EXPECT_EQ(s3::problem_of("list", 403, "<Code>bad \n code</Code>", ""),
        "the credentials may not list in this bucket")
        << "nothing of a reply is repeated unchecked";
}

TEST(BucketCheck, AnEndpointThatIsAwayIsAnInvalidBucketWithoutSecrets)
{
    Harness h;
    S3BucketCheck check{h.io.get_executor(), h.clock};
    auto source = a_source();
    source.endpoint = "http://127.0.0.1:1";
    try {
        h.run(check.check(source));
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::Invalid);
        EXPECT_EQ(error.wire_code(), "INVALID_S3_BUCKET");
        EXPECT_EQ(std::string(error.what()).find("very-secret"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("does not answer"), std::string::npos);
    }
    source.endpoint = "file:///etc";
    EXPECT_THROW(h.run(check.check(source)), Error);
}

} // namespace
} // namespace berth
