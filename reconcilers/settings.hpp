#pragma once
// What the reconcilers are told at the start. Plain values; filled from the environment by main.

#include "api/types/urls.hpp"

namespace berth {

/// The dates and numbers of a workspace's life. Tests shorten them; operators have no reason to.
struct LifeLimits {
    Duration start_deadline =
        std::chrono::minutes{5}; ///< starting → running; a restore in progress extends it
    Duration retry_rejected = std::chrono::seconds{20}; ///< until a task that Docker refused is tried again
    Duration probe_interval{50};                        ///< of the probe through Traefik while starting
    Duration safety_net = std::chrono::minutes{2};      ///< longest time without a look at a live workspace
    Duration incident_over = std::chrono::minutes{10};  ///< of good health ends an incident
    Duration agent_stale = std::chrono::seconds{120};  ///< an agent that is silent for so long is not trusted
    Duration at_risk_after = std::chrono::seconds{60}; ///< of an unconfirmed stop, even without an error
    Duration agent_settles = std::chrono::seconds{45}; ///< an agent has listed everything local at least once
    Duration force_wait = std::chrono::seconds{60};    ///< for a node to clean up after a forced stop
    std::int64_t max_crash_replacements = 3;
    std::int64_t max_incident_restarts = 1;
    std::int64_t max_health_misses = 3;
};

struct WorkspaceSettings {
    std::string install_id;
    std::string edge_network = "berth-edge";
    PublicAddress address;
    /// Labels for a Traefik of the user's own (ROUTE_SOURCE=labels); else routes come from our HTTP endpoint.
    bool route_labels = false;
    /// What a workspace without a template runs.
    std::string image;
    ResourceLimits limits;
    std::int64_t pids_limit = 512;
    /// Kept free for a workspace by the Swarm's placement; small, so that many fit.
    double reserved_cpu = 0.05;
    std::int64_t reserved_memory = 128LL << 20;
    Duration stop_grace = std::chrono::seconds{10};
    Duration probe_timeout = std::chrono::seconds{2};
    LifeLimits life;
};

struct NodeSettings {
    Duration agent_stale = std::chrono::seconds{120};
};

struct SwarmSettings {
    std::string install_id;
    std::string advertise_address; ///< empty: Docker chooses
    std::string edge_network = "berth-edge";
    std::string edge_subnet = "10.201.0.0/16";
};

} // namespace berth
