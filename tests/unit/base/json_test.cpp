#include "controller/base/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::json_test {

enum class Colour { red, green, delete_ };
BOOST_DESCRIBE_ENUM(Colour, red, green, delete_)

struct Inner {
    std::string name;
    std::int32_t small = 7;
    std::uint64_t big = 0;
    bool operator==(const Inner&) const = default;
    static constexpr std::array required{"name"};
};
BOOST_DESCRIBE_STRUCT(Inner, (), (name, small, big))

struct Everything {
    bool flag = false;
    std::string text = "default";
    std::int64_t whole = -1;
    std::uint8_t byte = 0;
    double number = 0.5;
    Colour colour = Colour::green;
    std::string template_;
    std::optional<std::string> maybe;
    std::optional<Inner> inner;
    std::vector<Inner> list;
    std::map<std::string, std::int64_t> map;
    Time at{};
    Duration wait{90'000};
    Secret secret;
    json::value any;
    json::object object;
};
BOOST_DESCRIBE_STRUCT(Everything, (),
    (flag, text, whole, byte, number, colour, template_, maybe, inner, list, map, at, wait, secret, any,
        object))

struct Ranged {
    std::int64_t low = 0;
    std::int64_t high = 0;
};
BOOST_DESCRIBE_STRUCT(Ranged, (), (low, high))
void validate(const Ranged& ranged, const std::string& path, Problems& problems)
{
    if (ranged.low > ranged.high) problems.push_back({path + "/low", "is above high"});
}

struct Base {
    std::string from_base;
};
BOOST_DESCRIBE_STRUCT(Base, (), (from_base))
struct Derived : Base {
    std::vector<Ranged> ranges;
};
BOOST_DESCRIBE_STRUCT(Derived, (Base), (ranges))

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T> Problems problems_of(std::string_view text, Unknown unknown = Unknown::Reject)
{
    try {
        decode<T>(parse_json(text), unknown);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::Invalid);
        return error.problems();
    }
    return {};
}

std::string parse_error(std::string_view text, const JsonLimits& limits = {})
{
    try {
        parse_json(text, limits);
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::Invalid);
        return error.what();
    }
    return {};
}

TEST(Json, WritesEveryKindOfMember)
{
    Everything value;
    value.flag = true;
    value.template_ = "t";
    value.colour = Colour::delete_;
    value.inner = Inner{"i", 1, 18446744073709551615u};
    value.list = {{"a", 2, 3}};
    value.map = {{"k", 4}};
    value.at = *parse_time("2026-01-31T12:00:00.250Z");
    value.any = {1, "two"};
    EXPECT_EQ(json::serialize(encode(value)),
        R"({"flag":true,"text":"default","whole":-1,"byte":0,"number":5E-1,"colour":"delete","template":"t",)"
        R"("inner":{"name":"i","small":1,"big":18446744073709551615},"list":[{"name":"a","small":2,"big":3}],)"
        R"("map":{"k":4},"at":"2026-01-31T12:00:00.250Z","wait":"90s","any":[1,"two"],"object":{}})");
}

TEST(Json, ReadsBackWhatItWrote)
{
    Everything value;
    value.colour = Colour::delete_;
    value.maybe = "";
    value.inner = Inner{"\"quoted\"\n", std::numeric_limits<std::int32_t>::min(), 1};
    value.list = {{"a", 2, 3}, {"b", 4, 5}};
    value.map = {{"a/b~c", -4}, {"", 1}};
    value.secret = Secret{"hidden"};
    const auto text = json::serialize(encode(value, Secrets::Show));
    const auto back = decode<Everything>(parse_json(text), Unknown::Reject);
    EXPECT_EQ(json::serialize(encode(back, Secrets::Show)), text);
    EXPECT_EQ(back.secret.reveal(), "hidden");
    EXPECT_EQ(back.inner, value.inner);
    EXPECT_EQ(back.maybe, "");
}

TEST(Json, AMissingMemberKeepsItsDefault)
{
    const auto value = decode<Everything>(parse_json("{}"), Unknown::Reject);
    EXPECT_EQ(value.text, "default");
    EXPECT_EQ(value.whole, -1);
    EXPECT_EQ(value.wait, Duration{90'000});
    EXPECT_FALSE(value.maybe);
    EXPECT_FALSE(value.inner);
}

TEST(Json, ARequiredMemberMustBeThere)
{
    EXPECT_THAT(problems_of<Inner>("{}"), ElementsAre(Problem{"/name", "is required"}));
    EXPECT_THAT(problems_of<Everything>(R"({"list":[{"name":"a"},{}]})"),
        ElementsAre(Problem{"/list/1/name", "is required"}));
}

TEST(Json, UnknownMembersAreRefusedOrIgnored)
{
    EXPECT_THAT(problems_of<Everything>(R"({"inner":{"name":"x","a/b~":1}})"),
        ElementsAre(Problem{"/inner/a~1b~0", "is not a known member"}));
    EXPECT_THAT(problems_of<Everything>(R"({"template_":"x"})"),
        ElementsAre(Problem{"/template_", "is not a known member"}));
    EXPECT_THAT(
        problems_of<Everything>(R"({"inner":{"name":"x","other":1}})", Unknown::Ignore), ElementsAre());
}

TEST(Json, EveryProblemIsReportedWithItsPointer)
{
    const auto problems = problems_of<Everything>(
        R"({"flag":1,"text":null,"whole":"1","colour":"blue","list":[{"name":5}],"map":{"a/b":true},"at":"soon","wait":90,"secret":1,"object":[]})");
    std::vector<std::string> fields;
    for (const auto& problem : problems) fields.push_back(problem.field);
    EXPECT_THAT(fields, ElementsAre("/flag", "/text", "/whole", "/colour", "/list/0/name", "/map/a~1b", "/at",
                            "/wait", "/secret", "/object"));
    EXPECT_EQ(problems[3].problem, "expected one of red, green, delete");
}

TEST(Json, ADocumentThatIsNoObjectIsAProblemOfTheWhole)
{
    for (const char* text : {"[]", "1", "null", "\"x\""})
        EXPECT_THAT(problems_of<Inner>(text), ElementsAre(Problem{"", "expected an object"})) << text;
}

TEST(Json, WholeNumbersHaveTheRangeOfTheirType)
{
    EXPECT_EQ(decode<Everything>(parse_json(R"({"byte":255})"), Unknown::Reject).byte, 255);
    EXPECT_THAT(problems_of<Everything>(R"({"byte":256})"),
        ElementsAre(Problem{"/byte", "expected a whole number from 0 to 255"}));
    EXPECT_EQ(problems_of<Everything>(R"({"byte":-1})").size(), 1u);
    EXPECT_EQ(problems_of<Everything>(R"({"byte":1.0})").size(), 1u);
    EXPECT_EQ(problems_of<Everything>(R"({"whole":9223372036854775808})").size(), 1u);
    EXPECT_EQ(problems_of<Everything>(R"({"whole":1e300})").size(), 1u);
    EXPECT_EQ(decode<Everything>(parse_json(R"({"whole":-9223372036854775808})"), Unknown::Reject).whole,
        std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(decode<Everything>(parse_json(R"({"number":3})"), Unknown::Reject).number, 3.0);
}

TEST(Json, NullClearsAnOptional)
{
    Everything value;
    value.maybe = "set";
    value.inner = Inner{"set"};
    Problems problems;
    decode_into(parse_json(R"({"maybe":null,"inner":{"name":"new"}})"), value, Unknown::Reject, "", problems);
    EXPECT_THAT(problems, ElementsAre());
    EXPECT_FALSE(value.maybe);
    EXPECT_EQ(value.inner->name, "new");
}

TEST(Json, NullListsAreEmptyOnlyForLenientReaders)
{
    EXPECT_TRUE(decode<Everything>(parse_json(R"({"list":null,"map":null})"), Unknown::Ignore).list.empty());
    EXPECT_EQ(problems_of<Everything>(R"({"list":null,"map":null})").size(), 2u);
}

TEST(Json, SecretsAreShownOnlyOnRequest)
{
    Everything value;
    value.secret = Secret{"s3cr3t"};
    EXPECT_THAT(json::serialize(encode(value)), testing::Not(HasSubstr("s3cr3t")));
    EXPECT_THAT(json::serialize(encode(value)), testing::Not(HasSubstr("\"secret\"")));
    EXPECT_THAT(json::serialize(encode(value, Secrets::Show)), HasSubstr(R"("secret":"s3cr3t")"));
    value.secret = Secret{};
    EXPECT_THAT(json::serialize(encode(value, Secrets::Show)), testing::Not(HasSubstr("\"secret\"")));
}

TEST(Json, RulesOfTheTypeApplyAtEveryDepth)
{
    EXPECT_THAT(problems_of<Derived>(R"({"from_base":"b","ranges":[{"low":1,"high":2},{"low":3,"high":2}]})"),
        ElementsAre(Problem{"/ranges/1/low", "is above high"}));
}

TEST(JsonParser, KeepsTextOfAnyLengthAndEscapes)
{
    const std::string longer(100'000, 'x');
    const auto value =
        parse_json(R"({"a\u0062\n":"\u00e9\ud83d\ude00)" + longer + R"(","n":[[],{},[{"k":[1,2.5,-3]}]]})");
    EXPECT_EQ(value.at("ab\n").as_string(), "\u00e9\U0001F600" + longer);
    EXPECT_EQ(json::serialize(value.at("n")), R"([[],{},[{"k":[1,2.5E0,-3]}]])");
}

TEST(JsonParser, RefusesAMemberThatIsGivenTwice)
{
    EXPECT_THAT(parse_error(R"({"a":1,"a":2})"), HasSubstr("'a' is given twice"));
    EXPECT_THAT(parse_error(R"({"a":1,"\u0061":2})"), HasSubstr("'a' is given twice"));
    EXPECT_THAT(parse_error(R"({"o":[{"x":{},"y":1,"x":3}]})"), HasSubstr("'x' is given twice"));
    EXPECT_EQ(parse_error(R"({"a":{"a":1},"b":{"a":2},"c":[{"a":1},{"a":1}]})"), "");
    EXPECT_THAT(parse_error(R"({"":1,"":2})"), HasSubstr("given twice"));
}

TEST(JsonParser, RefusesWhatIsNotJson)
{
    for (const char* text :
        {"", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "nul", "01", "1 2", "{} x", "// c\n1",
            "[1]/* c */", "\"\x01\"", "\"\xff\"", "\"\xed\xa0\x80\"", "\"\\ud800\"", "NaN", "-", "\"abc"})
        EXPECT_THAT(parse_error(text), HasSubstr("not valid JSON")) << text;
    EXPECT_EQ(parse_error(" [1] \n"), "");
}

TEST(JsonParser, RefusesWhatIsTooLargeOrTooDeep)
{
    EXPECT_EQ(parse_error("[[1]]", {.max_bytes = 5, .max_depth = 2}), "");
    EXPECT_THAT(parse_error("[[1] ]", {.max_bytes = 5, .max_depth = 2}), HasSubstr("larger than 5 bytes"));
    EXPECT_NE(parse_error("[[[1]]]", {.max_bytes = 100, .max_depth = 2}), "");
    EXPECT_EQ(parse_error(std::string(32, '[') + std::string(32, ']')), "");
    EXPECT_NE(parse_error(std::string(33, '[') + std::string(33, ']')), "");
    EXPECT_NE(parse_error(std::string(500'000, '[')), "");
}

TEST(JsonPointer, EscapesItsTwoSpecialCharacters) { EXPECT_EQ(pointer("/x", "a/b~c"), "/x/a~1b~0c"); }

TEST(Json, WholeNumbersOfDoublesAreWrittenWithoutExponent)
{
    EXPECT_EQ(json::serialize(encode(2.0)), "2");
    EXPECT_EQ(json::serialize(encode(-0.5)), "-5E-1");
    EXPECT_TRUE(encode(1e300).is_double());
    EXPECT_EQ(decode<double>(encode(2.0), Unknown::Reject), 2.0);
    EXPECT_EQ(decode<double>(encode(1e300), Unknown::Reject), 1e300);
}

TEST(Json, NumbersAreTheSameWhenTheyAreWrittenAndReadAgain)
{
    for (const char* text : {"0.30000000000000004", "12.345678901234567", "-1.7976931348623e308", "5e-324", "1e-400", "0.1"}) {
        const auto value = parse_json(text);
        EXPECT_EQ(parse_json(json::serialize(value)), value) << text;
    }
    EXPECT_EQ(parse_json("0.30000000000000004").as_double(), 0.3);
    // As json::value reads them, they would be written as texts that are no JSON.
    for (const char* text : {"0e999", "1e400", "-1e400", "[1.7976931348623158e308]"}) EXPECT_NE(parse_error(text), "") << text;
}

} // namespace
} // namespace berth::json_test
