#include "controller/base/random.hpp"

#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

namespace berth {
namespace {

TEST(RandomText, HasTheLengthAndTheAlphabet)
{
    EXPECT_EQ(random_text(0), "");
    for (const std::size_t length : {1, 12, 33, 1000}) {
        const auto text = random_text(length);
        EXPECT_EQ(text.size(), length);
        EXPECT_EQ(text.find_first_not_of(kNameAlphabet), std::string::npos);
    }
}

TEST(RandomText, FavoursNoLetter)
{
    std::map<char, int> counts;
    for (char c : random_text(27'000)) ++counts[c];
    EXPECT_EQ(counts.size(), kNameAlphabet.size());
    // Expected 1000 each with a deviation of about 31: 300 off happens once in 10^20 runs.
    for (const auto& [letter, count] : counts) EXPECT_NEAR(count, 1000, 300) << letter;
}

TEST(Uuid, IsOfVersionSevenAndUnique)
{
    const std::regex form{"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"};
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto uuid = make_uuid(std::chrono::floor<Duration>(std::chrono::system_clock::now()));
        EXPECT_TRUE(std::regex_match(uuid, form)) << uuid;
        EXPECT_TRUE(seen.insert(uuid).second);
    }
}

TEST(Sha256, GivesTheKnownDigests)
{
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(EqualConstantTime, Compares)
{
    EXPECT_TRUE(equal_constant_time("", ""));
    EXPECT_TRUE(equal_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_constant_time("abc", "ab"));
    EXPECT_FALSE(equal_constant_time(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

} // namespace
} // namespace berth
