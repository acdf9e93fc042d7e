#include "storage/selector.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

bool matches(std::string_view selector, Labels labels)
{
    Entry entry;
    entry.labels = std::move(labels);
    return Selector::parse(selector).matches(entry);
}

TEST(SelectorTest, FollowsKubernetesSyntax)
{
    struct Row {
        const char* selector;
        Labels labels;
        bool expected;
    };
    const Row rows[] = {
        {"", {}, true},
        {"a=1", {{"a", "1"}}, true},
        {"a==1", {{"a", "1"}}, true},
        {"a=1", {{"a", "2"}}, false},
        {"a=1", {}, false},
        {"a!=1", {{"a", "2"}}, true},
        {"a!=1", {}, true},
        {"a!=1", {{"a", "1"}}, false},
        {"a in (1,2)", {{"a", "2"}}, true},
        {"a in (1, 2 )", {{"a", "3"}}, false},
        {"a notin (1,2)", {{"a", "3"}}, true},
        {"a notin (1,2)", {{"a", "1"}}, false},
        {"a", {{"a", ""}}, true},
        {"a", {{"b", ""}}, false},
        {"!a", {{"b", ""}}, true},
        {"!a", {{"a", ""}}, false},
        {"a=1,b in (x,y),!c", {{"a", "1"}, {"b", "y"}}, true},
        {"a=1,b in (x,y),!c", {{"a", "1"}, {"b", "y"}, {"c", ""}}, false},
        {"dev.berth/tier=gold", {{"dev.berth/tier", "gold"}}, true},
        {"a=", {{"a", ""}}, true},
    };
    for (const auto& row : rows) EXPECT_EQ(matches(row.selector, row.labels), row.expected) << row.selector;
}

TEST(SelectorTest, RefusesWhatItCannotRead)
{
    for (const char* text :
        {",", "a,", "=1", "a in 1", "a in (1", "a of (1)", "a b", "a=b=c", "(a)", "a=\"1\"", "!"})
        EXPECT_THROW(Selector::parse(text), Error) << text;
}

TEST(SelectorTest, RevisionsAreDecimal)
{
    EXPECT_EQ(parse_revision("17"), 17U);
    EXPECT_EQ(parse_revision("18446744073709551615"), 18446744073709551615U);
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"})
        EXPECT_FALSE(parse_revision(text)) << text;
}

} // namespace
} // namespace berth
