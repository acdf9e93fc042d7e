#pragma once
// ApiKey: who may call. Only the hash of a key is ever stored. A record; the authenticator watches it.

#include "api/types/meta.hpp"

namespace berth {

/// What a caller may do. `node` is a node's agent, `proxy` reads the route table and nothing else.
enum class Role { admin, user, viewer, node, proxy };
BOOST_DESCRIBE_ENUM(Role, admin, user, viewer, node, proxy)

struct ApiKeySpec {
    static constexpr KindInfo kind{"ApiKey", "apikeys"};
    std::string sha256; ///< lower-case hexadecimal, of the whole key
    Role role = Role::user;
    std::int64_t maxContainers = 0; ///< 0 = no limit
    bool disabled = false;
    bool operator==(const ApiKeySpec&) const = default;
    static constexpr std::array required{"sha256", "role"};
    static constexpr std::array rules{Rule::text("sha256", kSha256Hex), Rule::at_least("maxContainers", 0)};
};
BOOST_DESCRIBE_STRUCT(ApiKeySpec, (), (sha256, role, maxContainers, disabled))

using ApiKey = Object<ApiKeySpec, RecordStatus>;

BERTH_JSON_EXTERN(ApiKeySpec)
BERTH_JSON_EXTERN(ApiKey)

} // namespace berth
