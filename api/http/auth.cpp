#include "api/http/auth.hpp"

#include "controller/base/error.hpp"
#include "controller/base/json.hpp"
#include "controller/base/random.hpp"
#include "storage/store.hpp"

#include <charconv>
#include <fstream>
#include <set>
#include <sstream>

namespace berth {

namespace {

std::string_view trim(std::string_view text)
{
    const auto start = text.find_first_not_of(" \t\r");
    if (start == std::string_view::npos) return {};
    return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

std::optional<Role> role_of(std::string_view text)
{
    Role role{};
    Problems problems;
    decode_into(json::value(text), role, Unknown::Reject, "", problems);
    return problems.empty() ? std::optional(role) : std::nullopt;
}

/// 1 to 1,000,000 in decimal digits.
std::optional<std::int64_t> to_count(std::string_view text)
{
    std::int64_t count = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
    const bool whole = failure == std::errc{} && end == text.data() + text.size();
    return whole && count >= 1 && count <= 1'000'000 ? std::optional(count) : std::nullopt;
}

[[noreturn]] void refuse(std::string_view source, std::size_t position, const std::string& problem)
{
    // Says where, never what: the text may hold a key.
    throw Error{Errc::Invalid, std::string(source) + ": key " + std::to_string(position) + " " + problem};
}

ConfiguredKey parse_one(std::string_view text, std::string_view source, std::size_t position)
{
    ConfiguredKey key;
    key.name = "key-" + std::to_string(position);
    if (const auto first = text.find(':'); first != std::string_view::npos) {
        const auto second = text.find(':', first + 1);
        if (second == std::string_view::npos)
            refuse(source, position, "is neither a plain key nor name:role:key");
        key.name = trim(text.substr(0, first));
        const auto role = role_of(trim(text.substr(first + 1, second - first - 1)));
        if (!role) refuse(source, position, "has no known role: expected admin, user, viewer, node or proxy");
        if (key.name.empty() || key.name.size() > 63)
            refuse(source, position, "needs a name of 1 to 63 characters");
        key.role = *role;
        text = trim(text.substr(second + 1));
        if (const auto third = text.find(':'); third != std::string_view::npos) {
            const auto most = to_count(text.substr(third + 1));
            if (!most)
                refuse(source, position, "ends with ':' and no number of containers; a key holds no ':'");
            key.max_containers = *most;
            text = text.substr(0, third);
        }
    }
    if (text.size() < kMinKeyLength)
        refuse(source, position,
            "is too short: expected at least " + std::to_string(kMinKeyLength) + " characters");
    for (const unsigned char c : text)
        if (c <= ' ' || c > '~')
            refuse(source, position, "has characters that an Authorization header can't carry");
    key.sha256 = sha256_hex(text);
    return key;
}

void add_unique(
    std::vector<ConfiguredKey>& keys, ConfiguredKey key, std::string_view source, std::size_t position)
{
    for (const auto& other : keys) {
        if (other.name == key.name) refuse(source, position, "has the name of another key: " + key.name);
        if (other.sha256 == key.sha256) refuse(source, position, "is given twice");
    }
    keys.push_back(std::move(key));
}

void read_keys(std::vector<ConfiguredKey>& keys, std::string_view text, std::string_view source)
{
    std::size_t position = 0;
    while (!text.empty()) {
        const auto end = text.find_first_of(",\n");
        const auto item = trim(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (item.empty() || item.front() == '#') continue;
        ++position;
        add_unique(keys, parse_one(item, source, position), source, position);
    }
}

} // namespace

std::vector<ConfiguredKey> parse_api_keys(std::string_view text, std::string_view source)
{
    std::vector<ConfiguredKey> keys;
    read_keys(keys, text, source);
    return keys;
}

std::vector<ConfiguredKey> load_api_keys(const ApiKeySettings& settings)
{
    std::vector<ConfiguredKey> keys;
    if (const auto single = trim(settings.api_key); !single.empty()) {
        keys.push_back(parse_one(single, "API_KEY", 1));
        if (single.find(':') == std::string_view::npos) keys.back().name = "default";
    }
    read_keys(keys, settings.api_keys, "API_KEYS");
    if (!settings.api_keys_file.empty()) {
        std::ifstream file(settings.api_keys_file);
        std::ostringstream text;
        if (!file || !(text << file.rdbuf()))
            throw Error{Errc::Invalid, "API_KEYS_FILE: can't read " + settings.api_keys_file};
        read_keys(keys, text.str(), "API_KEYS_FILE");
    }
    return keys;
}

struct Authenticator::Stored {
    std::map<Key, Known> keys; ///< by object; only those in force
    void take(const ApiKey& object)
    {
        const auto key = key_of(object);
        if (object.spec.disabled || object.metadata.deletionTimestamp)
            keys.erase(key);
        else
            keys[key] = {
                {object.metadata.name, object.spec.role, object.spec.maxContainers}, object.spec.sha256};
    }
};

Authenticator::Authenticator(std::vector<ConfiguredKey> configured) : stored_(std::make_shared<Stored>())
{
    for (auto& key : configured) configured_.push_back({{key.name, key.role, key.max_containers}, key.sha256});
}

Authenticator::Authenticator(std::vector<ConfiguredKey> configured, Store& store)
    : Authenticator(std::move(configured))
{
    for (const auto& object : store.list<ApiKey>()) stored_->take(object);
    store.on_commit([stored = stored_](const Change& change) {
        if (change.entry->plural != ApiKey::kind().plural) return;
        if (change.op == Op::Deleted)
            stored->keys.erase(change.entry->key);
        else
            stored->take(decode_entry<ApiKey>(*change.entry));
    });
}

std::string_view Authenticator::bearer(std::string_view authorization)
{
    constexpr std::string_view kScheme = "bearer ";
    if (authorization.size() <= kScheme.size()) return {};
    for (std::size_t i = 0; i < kScheme.size(); ++i)
        if (std::tolower(static_cast<unsigned char>(authorization[i])) != kScheme[i]) return {};
    return trim(authorization.substr(kScheme.size()));
}

std::optional<Principal> Authenticator::authenticate(std::string_view authorization) const
{
    const auto key = bearer(authorization);
    if (key.empty()) return std::nullopt;
    const auto hash = sha256_hex(key);
    const Known* found = nullptr;
    // No early exit: the time must not tell which key was nearly right.
    for (const auto& known : configured_)
        if (equal_constant_time(known.sha256, hash)) found = &known;
    for (const auto& [name, known] : stored_->keys)
        if (equal_constant_time(known.sha256, hash)) found = &known;
    return found ? std::optional(found->principal) : std::nullopt;
}

} // namespace berth
