#pragma once
// What the API's actions are told at the start. Plain values; filled from the environment by main.

#include "api/types/urls.hpp"
#include "api/types/workspace_template.hpp"
#include "controller/base/endpoint_rules.hpp"

namespace berth {

/// The install's own S3, used by workspaces that name none.
struct S3Defaults {
    std::string endpoint; ///< empty: AWS
    std::string access_key_id;
    Secret secret_access_key;
    EndpointRules endpoints; ///< which other servers may be named
};

struct ContainerSettings {
    PublicAddress address;
    WorkspaceTemplateSpec flavor; ///< of workspaces without a template: the install's image and limits
};

/// When a start is refused for want of room (W23).
struct CapacitySettings {
    double max_memory_percent = 90; ///< of a node's memory, measured; nothing is started on it above that
    double warn_cpu_percent = 90;
    std::int64_t reserved_memory = 128LL << 20; ///< bytes that a workspace is promised
    double cpu_limit = 2;                       ///< cores, of workspaces without a template
    Duration stale = std::chrono::seconds{120}; ///< older measurements say nothing
    Duration report_interval =
        std::chrono::seconds{30}; ///< of the agents: sooner there is nothing new to decide on
};

struct AdmissionSettings {
    S3Defaults s3;
    /// Key name → containers at the same time, for the keys of the configuration that have a limit.
    std::map<std::string, std::int64_t> key_limits;
};

struct RouteSettings {
    PublicAddress address;
    bool tls = false; ///< routers get `tls: {}`
    /// Where the proxy reaches this API; empty: no page for stopped workspaces and no slots behind a guard.
    std::string api_url;
    Duration hold = std::chrono::seconds{50};         ///< of a poll without news; below Traefik's pollTimeout
    Duration coalesce = std::chrono::milliseconds{3}; ///< after a change, for the others of a burst
};

struct PageSettings {
    PublicAddress address;
    std::string probe_token; ///< of the reconciler's probes; empty: none is let through
};

struct BucketCheckSettings {
    Duration deadline = std::chrono::seconds{10}; ///< of the whole check
    Duration remember = std::chrono::seconds{60}; ///< a success
    std::size_t remember_at_most = 1'000;
    std::string ca_file;      ///< PEM; empty: the system's
    std::string own_endpoint; ///< of the install: asked wherever it is
    EndpointRules endpoints;  ///< for all others, at each connection
};

} // namespace berth
