#pragma once
// What the API's actions are told at the start. Plain values; filled from the environment by main.

#include "api/types/urls.hpp"

namespace berth {

/// The install's own S3, used by workspaces that name none.
struct S3Defaults {
    std::string endpoint; ///< empty: AWS
    std::string access_key_id;
    Secret secret_access_key;
};

struct ContainerSettings {
    PublicAddress address;
    S3Defaults s3;
    /// A start is refused when every node uses more of its memory.
    double max_memory_percent = 90;
    double warn_cpu_percent = 90;
};

struct RouteSettings {
    PublicAddress address;
    bool tls = false;                                 ///< routers get `tls: {}`
    Duration hold = std::chrono::seconds{50};         ///< of a poll without news; below Traefik's pollTimeout
    Duration coalesce = std::chrono::milliseconds{3}; ///< after a change, for the others of a burst
};

struct BucketCheckSettings {
    Duration deadline = std::chrono::seconds{10}; ///< of the whole check
    Duration remember = std::chrono::seconds{60}; ///< a success
    std::size_t remember_at_most = 1'000;
    std::string ca_file; ///< PEM; empty: the system's
};

} // namespace berth
