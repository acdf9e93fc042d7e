#include "tests/unit/http/http_fixture.hpp"

#include <fstream>

namespace berth::test {
namespace {

const std::string kLong(32, 'a');
const std::string kOther(40, 'b');

std::string refusal_of(const std::string& text)
{
    try {
        parse_api_keys(text, "API_KEYS");
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(ApiKeys, ReadsNamedAndPlainOnes)
{
    const auto keys = parse_api_keys(" ops:viewer:" + kLong + " ,\n# note\n," + kOther + "\r\n", "API_KEYS");
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(keys[0], (ConfiguredKey{"ops", Role::viewer, sha256_hex(kLong), 0}));
    EXPECT_EQ(keys[1], (ConfiguredKey{"key-2", Role::admin, sha256_hex(kOther), 0}));
    const auto limited = parse_api_keys("bob:user:" + kLong + ":5", "API_KEYS");
    EXPECT_EQ(limited.at(0), (ConfiguredKey{"bob", Role::user, sha256_hex(kLong), 5}));
    EXPECT_EQ(Authenticator(limited).authenticate("Bearer " + kLong)->max_containers, 5);
}

// W35
TEST(ApiKeys, RefusesBadOnesWithoutSayingThem)
{
    const std::string secret = "hunter2-is-short";
    for (const auto& text : {secret, "a:admin:" + secret, "a:root:" + kLong, kLong + "," + kLong,
             "a:user:" + kLong + ",a:user:" + kOther, "a:" + kLong, kLong + "\x01x", ":user:" + kLong,
             "a:user:" + kLong + ":", "a:user:" + kLong + ":x", "a:user:" + kLong + ":0",
             "a:user:" + kLong + ":1:2"}) {
        const auto message = refusal_of(text);
        EXPECT_THAT(message, testing::StartsWith("API_KEYS: key "));
        EXPECT_THAT(message, testing::Not(testing::HasSubstr(secret)));
        EXPECT_THAT(message, testing::Not(testing::HasSubstr(kLong)));
    }
}

// W35
TEST(ApiKeys, LoadsFromAllThreePlaces)
{
    const auto path = (std::filesystem::temp_directory_path() / ("berth-keys-" + random_text(8))).string();
    std::ofstream(path) << "node:node:" << std::string(32, 'n') << "\n\nproxy:proxy:" << std::string(32, 'p')
                        << "\n";
    const auto keys = load_api_keys({kLong, "bob:user:" + kOther, path});
    std::filesystem::remove(path);
    ASSERT_EQ(keys.size(), 4u);
    EXPECT_EQ(keys[0].name, "default");
    EXPECT_EQ(keys[0].role, Role::admin);
    EXPECT_EQ(keys[3].role, Role::proxy);
    EXPECT_THROW(load_api_keys({"", "", path}), Error);
}

class AuthTest : public HttpTest {};

ApiKey stored_key(const std::string& name, const std::string& key)
{
    ApiKey object;
    object.metadata.org = "default";
    object.metadata.name = name;
    object.spec = {sha256_hex(key), Role::user, 3, false};
    return object;
}

TEST_F(AuthTest, KnowsConfiguredKeysByBearerOnly)
{
    const auto key = key_of_role("viewer");
    ASSERT_TRUE(auth->authenticate("Bearer " + key));
    EXPECT_EQ(auth->authenticate("bearer  " + key)->name, "name-viewer");
    EXPECT_EQ(auth->authenticate("Bearer " + key)->role, Role::viewer);
    for (const std::string& text :
        std::vector<std::string>{"", key, "Basic " + key, "Bearer", "Bearer ", "Bearer " + key + "x"})
        EXPECT_FALSE(auth->authenticate(text)) << text;
}

TEST_F(AuthTest, FollowsApiKeyObjects)
{
    const auto header = "Bearer " + kOther;
    EXPECT_FALSE(auth->authenticate(header));
    auto object = stored_key("carol", kOther);
    auto create = [object](Txn& txn) mutable { txn.create(object); };
    run(store->transact(std::move(create)));
    const auto principal = auth->authenticate(header);
    ASSERT_TRUE(principal);
    EXPECT_EQ(principal->name, "carol");
    EXPECT_EQ(principal->max_containers, 3);

    auto disable = [](Txn& txn) {
        auto found = txn.get<ApiKey>({"default", "carol"});
        found->spec.disabled = true;
        txn.update(*found);
    };
    run(store->transact(std::move(disable)));
    EXPECT_FALSE(auth->authenticate(header));

    auto enable = [](Txn& txn) {
        auto found = txn.get<ApiKey>({"default", "carol"});
        found->spec.disabled = false;
        txn.update(*found);
    };
    run(store->transact(std::move(enable)));
    // One that starts later finds what is stored.
    EXPECT_TRUE(Authenticator({}, *store).authenticate(header));
    auto remove = [](Txn& txn) { txn.remove<ApiKey>({"default", "carol"}); };
    run(store->transact(std::move(remove)));
    EXPECT_FALSE(auth->authenticate(header));
}

} // namespace
} // namespace berth::test
