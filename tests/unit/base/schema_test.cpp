#include "controller/base/schema.hpp"

#include <gtest/gtest.h>

namespace berth::schema_test {

enum class Mode { fast, default_ };
BOOST_DESCRIBE_ENUM(Mode, fast, default_)

struct Leaf {
    std::string id;
    static constexpr std::array required{"id"};
    static constexpr std::array docs{std::pair{"id", "names it"}};
};
BOOST_DESCRIBE_STRUCT(Leaf, (), (id))

struct Tree {
    bool flag = false;
    std::uint8_t byte = 0;
    std::int64_t whole = 0;
    double number = 0;
    Mode mode = Mode::fast;
    std::optional<std::string> maybe;
    std::optional<Leaf> leaf;
    std::vector<Tree> children;
    std::map<std::string, Leaf> leaves;
    Time at{};
    Duration wait{};
    Secret secret;
    json::value any;
};
BOOST_DESCRIBE_STRUCT(
    Tree, (), (flag, byte, whole, number, mode, maybe, leaf, children, leaves, at, wait, secret, any))

namespace {

std::string property(const SchemaRegistry& registry, std::string_view type, std::string_view name)
{
    return json::serialize(registry.components().at(type).at("properties").at(name));
}

TEST(Schema, ReferencesAStructByItsName)
{
    SchemaRegistry registry;
    EXPECT_EQ(json::serialize(registry.of<Leaf>()), R"({"$ref":"#/components/schemas/Leaf"})");
    EXPECT_EQ(json::serialize(registry.components()),
        R"({"Leaf":{"type":"object","properties":{"id":{"type":"string","description":"names it"}},)"
        R"("additionalProperties":false,"required":["id"]}})");
}

TEST(Schema, SaysWhatTheCodecAccepts)
{
    SchemaRegistry registry;
    registry.of<Tree>();
    EXPECT_EQ(property(registry, "Tree", "flag"), R"({"type":"boolean"})");
    EXPECT_EQ(property(registry, "Tree", "byte"), R"({"type":"integer","minimum":0,"maximum":255})");
    EXPECT_EQ(property(registry, "Tree", "whole"), R"({"type":"integer","format":"int64"})");
    EXPECT_EQ(property(registry, "Tree", "number"), R"({"type":"number"})");
    EXPECT_EQ(property(registry, "Tree", "mode"), R"({"type":"string","enum":["fast","default"]})");
    EXPECT_EQ(property(registry, "Tree", "maybe"), R"({"type":["string","null"]})");
    EXPECT_EQ(property(registry, "Tree", "leaf"),
        R"({"anyOf":[{"$ref":"#/components/schemas/Leaf"},{"type":"null"}]})");
    EXPECT_EQ(property(registry, "Tree", "at"), R"({"type":"string","format":"date-time"})");
    EXPECT_EQ(property(registry, "Tree", "secret"), R"({"type":"string","writeOnly":true})");
    EXPECT_EQ(property(registry, "Tree", "any"), "{}");
}

TEST(Schema, ATypeMayContainItself)
{
    SchemaRegistry registry;
    registry.of<Tree>();
    EXPECT_EQ(property(registry, "Tree", "children"),
        R"({"type":"array","items":{"$ref":"#/components/schemas/Tree"}})");
    EXPECT_EQ(property(registry, "Tree", "leaves"),
        R"({"type":"object","additionalProperties":{"$ref":"#/components/schemas/Leaf"}})");
    EXPECT_EQ(registry.components().size(), 2u);
}

} // namespace
} // namespace berth::schema_test
