#include "api/types/formats.hpp"

#include "api/types/workspace_template.hpp"
#include "controller/base/schema.hpp"

#include <gtest/gtest.h>

#include <random>
#include <regex>

namespace berth {
namespace {

/// Texts near the edges of every format: pieces that mean something to one of them, put together at random.
std::string some_text(std::mt19937& random)
{
    static const std::vector<std::string> kPieces{"a", "z9", "A", "-", "_", ".", "..", "/", "//", ".berth",
        "http://", "https://", "host", ":", ":80", ":123456", "[::1]", "[", "]", " ", "\n", "\x7f", "@", "?",
        "#", "0", "12", "é", "us-east-1", "BERTH_", "HOME", "SHELL", "USER", "DISPLAY", "BASH_ENV",
        std::string(61, 'b'), std::string(62, 'c'), std::string(63, 'd'), std::string(190, 'e'),
        std::string(64, 'f')};
    std::string text;
    for (auto count = std::uniform_int_distribution{0, 5}(random); count > 0; --count)
        text += kPieces[std::uniform_int_distribution<std::size_t>{0, kPieces.size() - 1}(random)];
    return text;
}

/// What the document says and what the server does are two spellings of one format.
TEST(Formats, PatternAndCheckAgree)
{
    std::mt19937 random{7}; // NOLINT: the same texts each time
    for (const auto* format : kFormats) {
        const std::regex pattern{std::string(format->pattern)};
        std::size_t good = 0;
        for (int i = 0; i < 4'000; ++i) {
            const auto text = some_text(random);
            const bool allowed = format->matches(text);
            good += allowed;
            ASSERT_EQ(std::regex_match(text, pattern), allowed) << format->pattern << " and '" << text << "'";
        }
        EXPECT_GT(good, 0u) << format->pattern << ": no text was of this format, so nothing is known of it";
    }
}

TEST(Formats, VariablesOfBerthAndOfTheImageAreNotTheUsers)
{
    for (const char* name :
        {"PORT", "PATH", "_", "HOME_", "MY_HOME", "BERTH", "BERTHA", "berth_x", "LD_PRELOAD"})
        EXPECT_TRUE(is_user_env_name(name)) << name;
    for (const char* name : {"BERTH_", "BERTH_ISOLATION", "BERTH_FILTER_DEADLINE", "BASH_ENV", "DISPLAY",
             "HOME", "SHELL", "USER", "1X", ""})
        EXPECT_FALSE(is_user_env_name(name)) << name;
}

TEST(Formats, VncLooksAtEightBytes)
{
    for (const char* password : {"", "a", "a b~!\"'x"}) EXPECT_TRUE(is_vnc_password(password)) << password;
    for (const char* password : {"ninechars", "schön", "tab\t"})
        EXPECT_FALSE(is_vnc_password(password)) << password;
}

TEST(Rules, OneTableRefusesAndTells)
{
    const auto body = json::parse(R"({"image":"a b","limits":{"cpuLimit":0,"memoryLimit":1},"pidsLimit":1,
        "env":{"1X":"a","OK":"b"}})");
    WorkspaceTemplateSpec spec;
    Problems problems;
    decode_into(body, spec, Unknown::Reject, "", problems);
    std::vector<std::string> fields;
    for (const auto& problem : problems) fields.push_back(problem.field);
    EXPECT_EQ(fields, (std::vector<std::string>{
                          "/image", "/limits/cpuLimit", "/limits/memoryLimit", "/pidsLimit", "/env/1X"}));

    SchemaRegistry schemas;
    schemas.of<WorkspaceTemplateSpec>();
    const auto& properties = schemas.components().at("WorkspaceTemplateSpec").at("properties");
    EXPECT_EQ(properties.at("image").at("pattern"), "^[!-~]+$");
    EXPECT_EQ(properties.at("image").at("maxLength"), 512);
    EXPECT_EQ(properties.at("pidsLimit").at("minimum"), 32);
    EXPECT_EQ(properties.at("env").at("propertyNames").at("pattern"), "^[A-Za-z_][A-Za-z0-9_]{0,255}$");
    EXPECT_EQ(properties.at("env").at("maxProperties"), 128);
    EXPECT_EQ(properties.at("env").at("additionalProperties").at("maxLength"), 32 * 1024);
    const auto& limits = schemas.components().at("ResourceLimits").at("properties");
    EXPECT_EQ(limits.at("cpuLimit").at("minimum"), 0.1);
}

TEST(Rules, CountCharactersAsASchemaDoes)
{
    const auto rule = Rule::text("name", kCleanText, 3);
    Problems problems;
    check_text(rule, "äöü", "/name", problems);
    EXPECT_TRUE(problems.empty());
    check_text(rule, "äöüa", "/name", problems);
    EXPECT_EQ(problems, (Problems{{"/name", "longer than 3 characters"}}));
}

TEST(Rules, AnEmptyTextOrZeroMayBeFineWhateverElseIsSaid)
{
    IdlePolicy policy;
    Problems problems;
    check_rules(policy, "", problems);
    EXPECT_TRUE(problems.empty());
    policy.timeoutSeconds = 9;
    check_rules(policy, "", problems);
    EXPECT_EQ(problems, (Problems{{"/timeoutSeconds", "expected 0, or 10 to 2592000"}}));
    SchemaRegistry schemas;
    schemas.of<IdlePolicy>();
    EXPECT_EQ(json::serialize(
                  schemas.components().at("IdlePolicy").at("properties").at("timeoutSeconds").at("anyOf")),
        R"([{"const":0},{"minimum":10,"maximum":2592000}])");
}

} // namespace
} // namespace berth
