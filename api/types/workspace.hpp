#pragma once
// Workspace: one IDE environment with its files in S3. Written by the API (spec) and by WorkspaceReconciler (status).

#include "api/types/meta.hpp"

namespace berth {

enum class DesiredState { running, stopped };
BOOST_DESCRIBE_ENUM(DesiredState, running, stopped)

/// Where the files live. An empty endpoint or credential means the install's own.
struct S3Source {
    std::string bucket;
    std::string region = "us-east-1";
    std::string prefix; ///< without slashes at either end; empty = the whole bucket
    std::string endpoint;
    std::string accessKeyId;
    Secret secretAccessKey;
    bool operator==(const S3Source&) const = default;
    static constexpr std::array required{"bucket"};
};
BOOST_DESCRIBE_STRUCT(S3Source, (), (bucket, region, prefix, endpoint, accessKeyId, secretAccessKey))
void validate(const S3Source& source, const std::string& path, Problems& problems);

struct WorkspaceSpec {
    static constexpr KindInfo kind{"Workspace", "workspaces"};
    DesiredState desiredState = DesiredState::running;
    std::string template_; ///< a WorkspaceTemplate; empty = the install's defaults
    S3Source s3;
    std::map<std::string, std::string> env;
    Secret vncPassword;
    Secret callbackToken;
    std::int64_t restarts = 0; ///< raised by one to ask for a restart
    std::string stopReason;    ///< why desiredState is stopped: manual, inactivity, …
    /// The only way to give up files that could not be synced (W28); who asked is in the audit log.
    bool forceStop = false;
    bool operator==(const WorkspaceSpec&) const = default;
    static constexpr std::array required{"s3"};
};
/// Asks for a restart: any other number than before does, so the count may wrap round.
void request_restart(WorkspaceSpec& spec);
BOOST_DESCRIBE_STRUCT(WorkspaceSpec, (),
    (desiredState, template_, s3, env, vncPassword, callbackToken, restarts, stopReason, forceStop))
void validate(const WorkspaceSpec& spec, const std::string& path, Problems& problems);

enum class Phase { pending, warm, starting, running, stopping, stopped, failed, archived };
BOOST_DESCRIBE_ENUM(Phase, pending, warm, starting, running, stopping, stopped, failed, archived)

struct PhaseChange {
    Phase phase = Phase::pending;
    std::string reason;
    std::optional<Time> at;
    bool operator==(const PhaseChange&) const = default;
};
BOOST_DESCRIBE_STRUCT(PhaseChange, (), (phase, reason, at))

/// Proof that every file was in S3 at a moment: the manifest lists path, size and hash of each.
struct Receipt {
    std::string manifestHash;
    std::int64_t files = 0;
    std::int64_t bytes = 0;
    std::optional<Time> at;
    bool final = false; ///< taken after the container had ended: nothing can have changed since
    bool operator==(const Receipt&) const = default;
};
BOOST_DESCRIBE_STRUCT(Receipt, (), (manifestHash, files, bytes, at, final))

enum class SyncState { waiting, restoring, idle, syncing, failing, held, finalizing, complete };
BOOST_DESCRIBE_ENUM(SyncState, waiting, restoring, idle, syncing, failing, held, finalizing, complete)

struct SyncStatus {
    SyncState state = SyncState::waiting;
    std::optional<Time> lastSyncAt;
    std::int64_t pendingFiles = 0;
    std::int64_t restoredFiles = 0;
    std::int64_t restoredBytes = 0;
    std::string message; ///< why it is failing or held
    std::optional<Receipt> receipt;
    bool operator==(const SyncStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(SyncStatus, (),
    (state, lastSyncAt, pendingFiles, restoredFiles, restoredBytes, message, receipt))

enum class HealthState { starting, healthy, unhealthy };
BOOST_DESCRIBE_ENUM(HealthState, starting, healthy, unhealthy)

struct HealthChecks {
    bool codeServer = false;
    bool vnc = false;
    bool webServer = false; ///< reported only: it is the user's own program
    bool operator==(const HealthChecks&) const = default;
};
BOOST_DESCRIBE_STRUCT(HealthChecks, (), (codeServer, vnc, webServer))

struct Health {
    HealthState status = HealthState::starting;
    std::optional<Time> lastCheck;
    HealthChecks checks;
    std::int64_t misses = 0; ///< consecutive rounds in which codeServer or vnc failed
    bool operator==(const Health&) const = default;
};
BOOST_DESCRIBE_STRUCT(Health, (), (status, lastCheck, checks, misses))

struct ResourceUsage {
    double cpu = 0;           ///< cores
    std::int64_t memory = 0;  ///< bytes
    double memoryPercent = 0; ///< of the limit
    bool operator==(const ResourceUsage&) const = default;
};
BOOST_DESCRIBE_STRUCT(ResourceUsage, (), (cpu, memory, memoryPercent))

struct ResourceLimits {
    double cpuLimit = 2;             ///< cores
    std::int64_t memoryLimit = 4LL << 30; ///< bytes
    bool operator==(const ResourceLimits&) const = default;
};
BOOST_DESCRIBE_STRUCT(ResourceLimits, (), (cpuLimit, memoryLimit))

struct WorkspaceUrls {
    std::string vnc;
    std::string codeServer;
    std::string webServer;
    bool operator==(const WorkspaceUrls&) const = default;
};
BOOST_DESCRIBE_STRUCT(WorkspaceUrls, (), (vnc, codeServer, webServer))

struct WorkspaceStatus {
    std::int64_t observedGeneration = 0;
    Conditions conditions;
    Phase phase = Phase::pending;
    std::string message; ///< one sentence for a person
    std::string serviceName;
    /// Counts the containers this workspace has had; part of the service's labels, so an old one is recognised.
    std::int64_t incarnation = 0;
    std::string nodeId; ///< the Swarm node that holds the volume; empty = none does
    std::string nodeName;
    std::string address; ///< of the container on the edge network, while it runs
    WorkspaceUrls urls;
    Health health;
    SyncStatus sync;
    std::optional<ResourceUsage> resourceUsage;
    ResourceLimits resourceLimits;
    std::optional<Time> startedAt;
    std::optional<Time> stoppedAt;
    std::optional<Time> lastActivity;
    std::string shutdownReason;
    std::int64_t observedRestarts = 0;  ///< the spec.restarts that has been acted on
    std::int64_t crashReplacements = 0; ///< containers replaced because they ended by themselves
    std::int64_t incidentRestarts = 0;  ///< restarts in the present incident of bad health
    std::vector<PhaseChange> history;   ///< the last 20 changes of phase
    bool operator==(const WorkspaceStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(WorkspaceStatus, (),
    (observedGeneration, conditions, phase, message, serviceName, incarnation, nodeId, nodeName, address, urls,
        health, sync, resourceUsage, resourceLimits, startedAt, stoppedAt, lastActivity, shutdownReason,
        observedRestarts, crashReplacements, incidentRestarts, history))

using Workspace = Object<WorkspaceSpec, WorkspaceStatus>;

/// Deterministic Docker names of a workspace's parts.
std::string service_name(const std::string& workspace);        ///< "ws-<id>"
std::string files_volume_name(const std::string& workspace);   ///< "berth-ws-<id>", mounted at /workspace
std::string control_volume_name(const std::string& workspace); ///< "berth-run-<id>", mounted read-only at /run/berth

/// Labels on everything of ours in Docker. What lacks our install id is never touched.
inline constexpr std::string_view kInstallLabel = "dev.berth.install";
inline constexpr std::string_view kKindLabel = "dev.berth.kind";
inline constexpr std::string_view kOrgLabel = "dev.berth.org";
inline constexpr std::string_view kNameLabel = "dev.berth.name";
inline constexpr std::string_view kUidLabel = "dev.berth.uid";
inline constexpr std::string_view kIncarnationLabel = "dev.berth.incarnation";
inline constexpr std::string_view kSpecHashLabel = "dev.berth.spec-hash"; ///< on the service only
inline constexpr std::string_view kFinalizer = "berth.dev/cleanup";

} // namespace berth
