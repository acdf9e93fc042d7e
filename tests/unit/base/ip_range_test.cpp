#include "controller/base/ip_range.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

std::string canonical(std::string_view text)
{
    const auto range = parse_ip_range(text);
    return range ? range->text() : "no";
}

TEST(IpRange, ReadsAddressesAndRanges)
{
    EXPECT_EQ(canonical("10.1.2.3"), "10.1.2.3/32");
    EXPECT_EQ(canonical("10.1.2.3/8"), "10.0.0.0/8");
    EXPECT_EQ(canonical("10.201.77.9/17"), "10.201.0.0/17");
    EXPECT_EQ(canonical("0.0.0.0/0"), "0.0.0.0/0");
    EXPECT_EQ(canonical("fd00:1::5"), "fd00:1::5/128");
    EXPECT_EQ(canonical("fd12:3456::1/9"), "fd00::/9");
    EXPECT_TRUE(parse_ip_range("::/0")->is_everything());
    EXPECT_FALSE(parse_ip_range("::1")->is_v4());
}

TEST(IpRange, RefusesEverythingElse)
{
    for (const auto* text : {"", "/8", "10.0.0/8", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/8x", "10.0.0.1/",
             "host", "1.2.3.4 -j ACCEPT", "1.2.3.4\n-A OUTPUT", "fe80::1%eth0", "::1/129", "1.2.3.4/8/8"})
        EXPECT_EQ(canonical(text), "no") << text;
}

TEST(IpRange, KeepsTheWidest)
{
    std::string text;
    for (const auto& range : minimal_ranges(*parse_ip_ranges(
             "10.1.2.3,fd00::1,10.0.0.0/8,192.0.2.1,10.1.2.3,192.0.2.1,fd00::/8,11.0.0.0/9,172.16.0.0/12")))
        text += range.text() + " ";
    EXPECT_EQ(text, "10.0.0.0/8 fd00::/8 11.0.0.0/9 172.16.0.0/12 192.0.2.1/32 ");
    EXPECT_FALSE(contains(*parse_ip_range("0.0.0.0/0"), *parse_ip_range("::1")));
}

TEST(IpRange, ReadsLists)
{
    EXPECT_EQ(parse_ip_ranges("")->size(), 0u);
    EXPECT_EQ(parse_ip_ranges("10.0.0.0/8, fd00::/8 ,1.2.3.4")->size(), 3u);
    EXPECT_FALSE(parse_ip_ranges("10.0.0.0/8,,1.2.3.4"));
    EXPECT_FALSE(parse_ip_ranges("10.0.0.0/8 1.2.3.4"));
}

} // namespace
} // namespace berth
