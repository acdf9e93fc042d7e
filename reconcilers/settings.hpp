#pragma once
// What the reconcilers are told at the start. Plain values; filled from the environment by main.

#include "api/types/urls.hpp"
#include "api/types/workspace_template.hpp"

namespace berth {

/// The dates and numbers of a workspace's life. Tests shorten them; operators have no reason to.
struct LifeLimits {
    Duration start_deadline =
        std::chrono::minutes{5}; ///< starting → running; a restore in progress extends it
    /// The same after a restart for bad health: it had been up before, on this node.
    Duration incident_deadline = std::chrono::minutes{2};
    Duration retry_rejected = std::chrono::seconds{20}; ///< until a task that Docker refused is tried again
    Duration probe_interval{50};                        ///< of the probe through Traefik while starting
    Duration safety_net = std::chrono::minutes{2};      ///< longest time without a look at a live workspace
    Duration incident_over = std::chrono::minutes{10};  ///< of good health: earlier crashes and restarts are forgotten
    Duration agent_stale = std::chrono::seconds{120};  ///< an agent that is silent for so long is not trusted
    Duration at_risk_after = std::chrono::seconds{60}; ///< of an unconfirmed stop, even without an error
    Duration force_wait = std::chrono::seconds{60};    ///< for a node to clean up after a forced stop
    Duration archive_after = std::chrono::hours{24};   ///< stopped → archived
    Duration claim_deadline = std::chrono::seconds{20}; ///< for a node to hear that its slot has been claimed
    std::int64_t max_crash_replacements = 3;
    std::int64_t max_incident_restarts = 1;
    std::int64_t max_health_misses = 3;
};

/// What counts as use where a workspace does not say it, and for how long (W29).
struct IdleSettings {
    IdleMode mode = IdleMode::all; ///< off: nothing is ever stopped for inactivity
    Duration timeout = std::chrono::minutes{10};
    Duration warning = std::chrono::minutes{2}; ///< before the stop; at most half of the timeout
};

struct WorkspaceSettings {
    std::string install_id;
    std::string edge_network = "berth-edge";
    PublicAddress address;
    /// Labels for a Traefik of the user's own (ROUTE_SOURCE=labels); else routes come from our HTTP endpoint.
    bool route_labels = false;
    std::string route_entrypoint;    ///< of that Traefik; empty: its defaults
    std::string route_cert_resolver; ///< of that Traefik; empty: none is named
    /// Where that Traefik reaches the API, to ask who may pass to a slot; empty: slots get no labels.
    std::string api_url;
    /// Lets the probe through to a slot that nobody has claimed.
    std::string probe_token;
    /// A workspace is usable only when its node says that its network filter is in force (ISOLATION).
    bool isolation = true;
    /// Id of the install's own S3 key, which no workspace is ever shown.
    std::string platform_key;
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
    IdleSettings idle;
};

/// The numbers of every warm pool. Tests shorten them; operators have no reason to.
struct PoolLimits {
    std::int64_t starting_at_once = 2; ///< slots; one while users wait for workspaces of theirs
    /// After a claim, while half of the slots are left: its user is just opening the editor.
    Duration claim_pause = std::chrono::seconds{3};
    double stale_share = 0.2;          ///< of the wanted slots, replaced at a time; at least one
    /// Of a node's memory: no slot is made above the first, and slots are given up above the second. Both are below
    /// MAX_MEMORY_PERCENT, so that the pool yields before a user is refused.
    double grow_below_percent = 80;
    double yield_above_percent = 85;
    std::int64_t slot_memory = 256LL << 20; ///< taken to be used by a slot of which nothing is measured yet
    Duration measure_lag = std::chrono::seconds{15}; ///< what a node measures may be so old
    Duration first_back_off = std::chrono::seconds{15};
    Duration longest_back_off = std::chrono::minutes{10};
    Duration look = std::chrono::seconds{30}; ///< at a pool that has a schedule or is not full
};

struct PoolSettings {
    WorkspaceTemplateSpec flavor; ///< of slots without a template: the install's image and limits
    PoolLimits limits;
};

struct NodeSettings {
    Duration agent_stale = std::chrono::seconds{120};
};

struct EdgeSettings {
    std::string install_id;
    std::string edge_network = "berth-edge";
    /// A service whose tasks are reverse proxies too, beside ours that the role label marks (PROXY_SERVICE).
    std::string proxy_service;
    Duration settle_for = std::chrono::minutes{2}; ///< longest time of close watching while proxies come up
};

struct SwarmSettings {
    std::string install_id;
    std::string advertise_address; ///< empty: Docker chooses
    std::string edge_network = "berth-edge";
    std::string edge_subnet = "10.201.0.0/16";
};

} // namespace berth
