#include "controller/base/error.hpp"
#include "controller/base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(ErrorType, SaysWhetherTryingAgainMayHelp)
{
    for (const auto code : {Errc::Conflict, Errc::Gone, Errc::Unavailable, Errc::Timeout, Errc::Internal})
        EXPECT_TRUE(Error(code, "").transient()) << to_string(code);
    for (const auto code : {Errc::Invalid, Errc::NotFound, Errc::Exists, Errc::Denied, Errc::Quota})
        EXPECT_FALSE(Error(code, "").transient()) << to_string(code);
}

TEST(ErrorType, ListsItsProblemsInItsMessage)
{
    const Error error{Problems{{"/a", "is required"}, {"", "is odd"}}};
    EXPECT_EQ(error.code(), Errc::Invalid);
    EXPECT_STREQ(error.what(), "/a: is required; is odd");
    EXPECT_EQ(error.problems().size(), 2u);
}

TEST(Log, QuotesTextSoThatALineStaysALine)
{
    testing::internal::CaptureStderr();
    log::warning("hello", {{"text", "a\"b\nc"}, {"number", 5}, {"flag", true}});
    log::info("not shown before start()");
    const auto line = testing::internal::GetCapturedStderr();
    EXPECT_THAT(line, testing::EndsWith("warning hello text=\"a\\\"b\\nc\" number=5 flag=true\n"));
}

} // namespace
} // namespace berth
