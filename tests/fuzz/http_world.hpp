#pragma once
// The API with everything behind it that needs no Docker and no S3: a store in a temporary folder, every
// plain resource and the verbs, and a session of the real server at the end of a pair of sockets. One thread,
// a clock that stands still.

#include "api/http/router.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace berth::fuzz {

/// One answered request, as the server's metrics get it.
struct Answered {
    std::string method; ///< "other" when no route matched
    const Route* route = nullptr;
    unsigned status = 0;
};

class HttpWorld {
public:
    HttpWorld();
    HttpWorld(const HttpWorld&) = delete;
    HttpWorld& operator=(const HttpWorld&) = delete;
    ~HttpWorld();

    /// Sends these bytes on a connection of their own, says that no more will come, and gives everything that
    /// comes back. Fails when the server does not end the connection by itself.
    std::string exchange(std::string_view bytes);
    /// Of the exchange before.
    const std::vector<Answered>& answered() const noexcept;
    /// Whether it is another world than it was at its start.
    bool changed() const;

    /// The key of a role.
    static std::string key_of(std::string_view role);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace berth::fuzz
