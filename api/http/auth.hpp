#pragma once
// Who calls: keys from the configuration and ApiKey objects of the store (W35). Keys are held as SHA-256
// only.

#include "api/types/api_key.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

class Store;

/// The caller of a request. Without a key (open routes only) the name is empty.
struct Principal {
    std::string name;
    Role role = Role::viewer;
    std::int64_t max_containers = 0; ///< 0 = no limit
    bool anonymous() const noexcept { return name.empty(); }
};

/// A key of the configuration; the key itself is forgotten as soon as it has been read.
struct ConfiguredKey {
    std::string name;
    Role role = Role::admin;
    std::string sha256; ///< lower-case hexadecimal
    std::int64_t max_containers = 0; ///< at the same time; 0 = no limit
    bool operator==(const ConfiguredKey&) const = default;
};

inline constexpr std::size_t kMinKeyLength = 32;

/// Reads keys separated by commas or line ends; empty ones and lines that start with '#' are skipped. Each is
/// `name:role:key`, `name:role:key:most` (containers at the same time) or a plain key (role admin, named "key-1", "key-2", … by position). `source` names the
/// variable or file in messages, which never hold a key. Throws Error{Invalid}: a key shorter than 32
/// characters or with characters that a header can't carry, an unknown role, a name used twice.
std::vector<ConfiguredKey> parse_api_keys(std::string_view text, std::string_view source);

/// What berthd is told, as it stands in the environment; empty = not given.
struct ApiKeySettings {
    std::string api_key;  ///< API_KEY: one plain key, named "default", role admin (`name:role:key` works too)
    std::string api_keys; ///< API_KEYS: comma list
    std::string api_keys_file; ///< API_KEYS_FILE: path of a file with one key per line
};
/// Keys of all three places together. Throws Error{Invalid} also for an unreadable file and for a name or key
/// given twice.
std::vector<ConfiguredKey> load_api_keys(const ApiKeySettings& settings);

/// Owned by main; used on the I/O thread. Follows the ApiKey objects of the store by its commits.
class Authenticator {
public:
    Authenticator(std::vector<ConfiguredKey> configured, Store& store);
    /// Configured keys only (no store): for programs and tests without one.
    explicit Authenticator(std::vector<ConfiguredKey> configured);

    /// From the value of an Authorization header ("Bearer <key>"); nothing when the key is missing, unknown
    /// or disabled. Compares with every known key in constant time, also after a match.
    std::optional<Principal> authenticate(std::string_view authorization) const;
    /// The key of "Bearer <key>", empty for anything else.
    static std::string_view bearer(std::string_view authorization);

private:
    struct Known {
        Principal principal;
        std::string sha256;
    };
    struct Stored;

    std::vector<Known> configured_;
    std::shared_ptr<Stored> stored_; ///< shared with the store's callback, whichever of the two lives longer
};

} // namespace berth
