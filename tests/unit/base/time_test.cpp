#include "controller/base/time.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(TimeText, WritesAndReadsMilliseconds)
{
    const auto time = parse_time("2026-11-21T08:34:00.123Z");
    ASSERT_TRUE(time);
    EXPECT_EQ(format_time(*time), "2026-11-21T08:34:00.123Z");
    EXPECT_EQ(format_time(Time{}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(format_time(Time{Duration{-1}}), "1969-12-31T23:59:59.999Z");
}

TEST(TimeText, AcceptsOffsetsAndNanoseconds)
{
    EXPECT_EQ(parse_time("2026-01-01T02:00:00+02:00"), parse_time("2026-01-01T00:00:00Z"));
    EXPECT_EQ(parse_time("2025-12-31T22:30:00-01:30"), parse_time("2026-01-01T00:00:00Z"));
    EXPECT_EQ(parse_time("2026-01-01t00:00:00z"), parse_time("2026-01-01T00:00:00Z"));
    EXPECT_EQ(format_time(*parse_time("2026-01-01T00:00:00.123456789Z")), "2026-01-01T00:00:00.123Z");
    EXPECT_EQ(format_time(*parse_time("2026-01-01T00:00:00.5Z")), "2026-01-01T00:00:00.500Z");
    EXPECT_EQ(format_time(*parse_time("2024-02-29T23:59:59Z")), "2024-02-29T23:59:59.000Z");
}

TEST(TimeText, RefusesWhatIsNoTime)
{
    for (const char* text :
        {"", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00+0200",
            "2026-01-01T00:00:00Zx", "26-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "-026-01-01T00:00:00Z"})
        EXPECT_FALSE(parse_time(text)) << text;
}

TEST(TimeText, StaysInTheYearsOfFourDigits)
{
    for (const char* text : {"0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"})
        EXPECT_EQ(format_time(parse_time(text).value()), text);
    // As UTC the year before the first, and the one after the last.
    for (const char* text :
        {"0000-01-01T00:00:00+00:01", "9999-12-31T23:59:00-00:01", "9999-12-31T23:59:60Z"})
        EXPECT_FALSE(parse_time(text)) << text;
}

TEST(DurationText, WritesTheShortestExactForm)
{
    EXPECT_EQ(format_duration(Duration{0}), "0s");
    EXPECT_EQ(format_duration(Duration{1}), "1ms");
    EXPECT_EQ(format_duration(Duration{1500}), "1500ms");
    EXPECT_EQ(format_duration(Duration{90'000}), "90s");
    EXPECT_EQ(format_duration(Duration{120'000}), "2m");
    EXPECT_EQ(format_duration(Duration{3'600'000}), "1h");
    EXPECT_EQ(format_duration(Duration{172'800'000}), "2d");
}

TEST(DurationText, ReadsNumbersWithUnits)
{
    EXPECT_EQ(parse_duration("1h30m"), Duration{5'400'000});
    EXPECT_EQ(parse_duration("15s"), Duration{15'000});
    EXPECT_EQ(parse_duration("250ms"), Duration{250});
    EXPECT_EQ(parse_duration("1m1ms"), Duration{60'001});
    EXPECT_EQ(parse_duration("0s"), Duration{0});
    for (const auto length : {Duration{7}, Duration{61'000}, Duration{86'400'001}})
        EXPECT_EQ(parse_duration(format_duration(length)), length);
}

TEST(DurationText, RefusesWhatIsNoDuration)
{
    for (const char* text : {"", "5", "s", "-5s", "+5s", "1.5s", "5 s", "5x", "1h30", "99999999999999999999s",
             "9223372036854775807d", "9223372036854775807ms1ms", "1e3s"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

} // namespace
} // namespace berth
