#include "controller/base/env.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

struct Settings {
    std::string name = "default";
    int port = 80;
    double cores = 2;
    Duration wait = std::chrono::seconds{15};
    ByteSize memory{4LL << 30};
    Secret key;
};

std::vector<EnvSetting> table(Settings& s)
{
    return {env("NAME", s.name, "a name"), env("PORT", s.port, "a port"), env("CORES", s.cores, "cores"),
        env("WAIT", s.wait, "a time"), env("MEMORY", s.memory, "a size"), env("KEY", s.key, "a key")};
}

EnvLookup from(std::map<std::string, std::string> values)
{
    return [values](std::string_view name) -> std::optional<std::string> {
        const auto found = values.find(std::string(name));
        return found == values.end() ? std::nullopt : std::optional(found->second);
    };
}

TEST(Env, ReadsEveryTypeAndKeepsDefaults)
{
    Settings settings;
    load_environment(table(settings), from({{"NAME", "x"}, {"PORT", "81"}, {"CORES", "1.5"}, {"WAIT", "2m"},
                                          {"MEMORY", "512m"}, {"KEY", "s3cret"}}));
    EXPECT_EQ(settings.name, "x");
    EXPECT_EQ(settings.port, 81);
    EXPECT_EQ(settings.cores, 1.5);
    EXPECT_EQ(settings.wait, std::chrono::minutes{2});
    EXPECT_EQ(settings.memory.bytes, 512LL << 20);
    EXPECT_EQ(settings.key.reveal(), "s3cret");

    Settings untouched;
    load_environment(table(untouched), from({{"PORT", ""}}));
    EXPECT_EQ(untouched.port, 80);
}

TEST(Env, NamesEveryWrongVariableAndNoSecret)
{
    Settings settings;
    try {
        load_environment(table(settings), from({{"PORT", "x"}, {"WAIT", "15"}, {"MEMORY", "-1"}, {"KEY", "s3cret"}}));
        FAIL() << "accepted wrong values";
    } catch (const Error& error) {
        const std::string text = error.what();
        for (const char* name : {"PORT", "WAIT", "MEMORY"}) EXPECT_NE(text.find(name), std::string::npos) << text;
        EXPECT_EQ(text.find("s3cret"), std::string::npos);
        EXPECT_EQ(error.problems().size(), 3u);
    }
}

TEST(Env, TablesShowDefaultsButNoSecret)
{
    Settings settings;
    settings.key = Secret{"s3cret"};
    const auto help = describe_environment(table(settings));
    EXPECT_NE(help.find("MEMORY (default 4g)"), std::string::npos) << help;
    EXPECT_NE(help.find("WAIT (default 15s)"), std::string::npos) << help;
    EXPECT_EQ(help.find("s3cret"), std::string::npos);
    EXPECT_NE(environment_markdown(table(settings)).find("| `PORT` | `80` | a port |"), std::string::npos);
}

} // namespace
} // namespace berth
