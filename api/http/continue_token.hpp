#pragma once
// The place in a list where its next page begins. Internal to api/http.

#include "controller/base/json.hpp"

namespace berth::resource {

/// Where the next page begins. Opaque to clients: hexadecimal of JSON.
struct ContinueToken {
    std::int64_t revision = 0; ///< of the first page: what a watch after the last page starts from
    std::string org;
    std::string name;
    std::string about; ///< hash of what was asked for
    std::int64_t issued = 0;
    static constexpr std::array required{"revision", "org", "name", "about", "issued"};
    /// Anybody can make one up: ages are reckoned with these.
    static constexpr std::array rules{Rule::at_least("revision", 0), Rule::at_least("issued", 0)};
};
BOOST_DESCRIBE_STRUCT(ContinueToken, (), (revision, org, name, about, issued))

std::string to_text(const ContinueToken& token);
/// Throws Error{Invalid} for what to_text has not made.
ContinueToken to_token(const std::string& text);

} // namespace berth::resource
