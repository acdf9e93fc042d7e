// The judge of histories must itself be right: what has an order, what has none.

#include "tests/sim/history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::sim {
namespace {

using Verb = Operation::Verb;
using Answer = Operation::Answer;
using testing::HasSubstr;
using testing::IsEmpty;

Operation made(Verb verb, std::string value, std::string version, Answer answer, std::uint64_t called,
    std::uint64_t returned, std::string expected = "")
{
    return {.client = "c",
        .verb = verb,
        .expected = std::move(expected),
        .value = std::move(value),
        .version = std::move(version),
        .answer = answer,
        .called = called,
        .returned = returned};
}
Operation create(std::string value, std::string version, std::uint64_t called, std::uint64_t returned)
{
    return made(Verb::Create, value, version, Answer::Ok, called, returned);
}
Operation get(std::string value, std::string version, std::uint64_t called, std::uint64_t returned)
{
    return made(Verb::Get, value, version, Answer::Ok, called, returned);
}
Operation nothing(std::uint64_t called, std::uint64_t returned)
{
    return made(Verb::Get, "", "", Answer::Absent, called, returned);
}
Operation patch(std::string value, std::string expected, std::string version, std::uint64_t called,
    std::uint64_t returned)
{
    return made(Verb::Patch, value, version, Answer::Ok, called, returned, expected);
}
Operation lost(
    Verb verb, std::string value, std::uint64_t called, std::uint64_t returned, std::string expected = "")
{
    return made(verb, value, "", Answer::Unknown, called, returned, expected);
}
Operation removed(std::uint64_t called, std::uint64_t returned)
{
    return made(Verb::Delete, "", "", Answer::Ok, called, returned);
}

TEST(History, OneAfterAnother)
{
    EXPECT_THAT(contradiction_in({nothing(1, 2), create("a", "v1", 3, 4), get("a", "v1", 5, 6),
                    patch("b", "v1", "v2", 7, 8), get("b", "v2", 9, 10), removed(11, 12), nothing(13, 14),
                    create("c", "v3", 15, 16)}),
        IsEmpty());
}

TEST(History, WhatIsAtTheSameTimeHasAnyOrder)
{
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), patch("b", "", "v2", 3, 8), get("a", "v1", 4, 5),
                    get("b", "v2", 6, 7)}),
        IsEmpty());
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), patch("b", "", "v2", 3, 8), get("b", "v2", 4, 5),
                    get("a", "v1", 6, 7)}),
        HasSubstr("none of these fits"));
}

TEST(History, ALostUpdate)
{
    EXPECT_THAT(contradiction_in(
                    {create("a", "v1", 1, 2), patch("b", "v1", "v2", 3, 6), patch("c", "v1", "v3", 4, 7)}),
        HasSubstr("c patch"));
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), patch("b", "", "v2", 3, 4),
                    patch("c", "", "v3", 5, 6), get("b", "v2", 7, 8)}),
        HasSubstr("get b"));
}

TEST(History, AStaleRead)
{
    EXPECT_THAT(
        contradiction_in({create("a", "v1", 1, 2), patch("b", "v1", "v2", 3, 4), get("a", "v1", 5, 6)}),
        HasSubstr("get a"));
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), nothing(3, 4)}), HasSubstr("absent"));
}

TEST(History, ADeletedObjectThatIsBack)
{
    EXPECT_THAT(
        contradiction_in({create("a", "v1", 1, 2), removed(3, 4), get("a", "v1", 5, 6)}), HasSubstr("get a"));
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), removed(3, 4), patch("b", "", "v2", 5, 6)}),
        HasSubstr("patch b"));
    EXPECT_THAT(
        contradiction_in({create("a", "v1", 1, 2), removed(3, 4), removed(5, 6)}), HasSubstr("delete"));
}

TEST(History, TwoMakeTheSame)
{
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 4), create("b", "v2", 2, 3)}), HasSubstr("create"));
    EXPECT_THAT(
        contradiction_in({create("a", "v1", 1, 4), made(Verb::Create, "b", "", Answer::Refused, 2, 3)}),
        IsEmpty());
}

TEST(History, WhatHadNoAnswerWasDoneOnceOrNot)
{
    const std::vector<Operation> begun{create("a", "v1", 1, 2), lost(Verb::Patch, "b", 3, 4)};
    const auto with = [&](std::vector<Operation> more) {
        auto all = begun;
        all.insert(all.end(), more.begin(), more.end());
        return contradiction_in(all);
    };
    EXPECT_THAT(with({get("a", "v1", 5, 6)}), IsEmpty());
    EXPECT_THAT(with({get("b", "v2", 5, 6)}), IsEmpty());
    EXPECT_THAT(with({get("a", "v1", 5, 6), get("b", "v2", 7, 8)}), HasSubstr("get b")) << "it was too late";
    EXPECT_THAT(with({get("b", "v2", 5, 6), get("a", "v1", 7, 8)}), HasSubstr("get a"));
    EXPECT_THAT(with({get("b", "v2", 5, 6), patch("c", "v2", "v3", 7, 8), get("b", "v2", 9, 10)}),
        HasSubstr("get b"));
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), lost(Verb::Patch, "b", 3, Operation::kNever),
                    get("a", "v1", 5, 6), get("b", "v2", 7, 8)}),
        IsEmpty())
        << "it is still on its way";
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), lost(Verb::Delete, "", 3, 4), nothing(5, 6),
                    create("b", "v2", 7, 8)}),
        IsEmpty());
    EXPECT_THAT(
        contradiction_in({create("a", "v1", 1, 2), lost(Verb::Patch, "b", 3, 4, "v0"), get("b", "v2", 5, 6)}),
        HasSubstr("get b"))
        << "its condition did not hold";
}

TEST(History, ARefusalHasAReason)
{
    const auto refused = [](const std::string& expected) {
        return made(Verb::Patch, "b", "", Answer::Refused, 3, 4, expected);
    };
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), refused("v0")}), IsEmpty());
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), refused("v1")}), HasSubstr("refused"));
    EXPECT_THAT(contradiction_in({refused("v1")}), HasSubstr("refused"))
        << "there is nothing: that is another answer";
}

TEST(History, ValuesHaveWritersAndOneVersion)
{
    EXPECT_THAT(contradiction_in({get("x", "v1", 1, 2)}), HasSubstr("nobody wrote"));
    EXPECT_THAT(contradiction_in({create("a", "v1", 1, 2), get("a", "v2", 3, 4)}), HasSubstr("two versions"));
}

TEST(History, KeysAreJudgedApartAndNumbersAreTheOrder)
{
    History history;
    const auto ask = [&](const std::string& key, Operation one, Answer answer) {
        const auto number = history.call(key, std::move(one));
        history.answer(key, number, answer);
    };
    ask("x", {.client = "c", .verb = Verb::Create, .value = "a", .version = "v1"}, Answer::Ok);
    ask("y", {.client = "c", .verb = Verb::Get}, Answer::Absent);
    EXPECT_THAT(history.contradiction(), IsEmpty());
    ask("x", {.client = "c", .verb = Verb::Get}, Answer::Absent);
    EXPECT_THAT(history.contradiction(), HasSubstr("x: "));
    EXPECT_EQ(history.size(), 3u);
}

TEST(History, ManyAtOnceAreJudgedInTime)
{
    std::vector<Operation> all;
    std::uint64_t number = 0;
    for (int i = 0; i < 60; ++i) {
        const auto value = "w" + std::to_string(i);
        const auto begin = ++number;
        all.push_back(made(Verb::Put, value, "v" + std::to_string(i), Answer::Ok, begin, begin + 5));
        if (i % 4 == 0) all.push_back(lost(Verb::Delete, "", ++number, Operation::kNever));
    }
    EXPECT_THAT(contradiction_in(all), IsEmpty());
}

} // namespace
} // namespace berth::sim
