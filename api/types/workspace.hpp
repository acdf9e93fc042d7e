#pragma once
// Workspace: one IDE environment with its files in S3. Written by the API (spec) and by WorkspaceReconciler (status).

#include "api/types/meta.hpp"

namespace berth {

/// Counters of requests wrap round here.
inline constexpr std::int64_t kMaxCount = 1'000'000'000;
inline constexpr std::int64_t kMaxIdleSeconds = 30LL * 24 * 3600;

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
    static constexpr std::array rules{Rule::text("bucket", kBucketName).or_empty(), Rule::text("region", kDnsLabel),
        Rule::text("prefix", kS3Prefix, 512).or_empty(), Rule::text("endpoint", kEndpoint, 512).or_empty(),
        Rule::text("accessKeyId", kCleanText, 256), Rule::text("secretAccessKey", kCleanText, 512)};
};
BOOST_DESCRIBE_STRUCT(S3Source, (), (bucket, region, prefix, endpoint, accessKeyId, secretAccessKey))
void validate(const S3Source& source, const std::string& path, Problems& problems);

/// What counts as use (W29). `all`: any signal; `filesOnly`: changed files only; `off`: never stopped for idleness.
enum class IdleMode { all, filesOnly, off };
BOOST_DESCRIBE_ENUM(IdleMode, all, filesOnly, off)

struct IdlePolicy {
    std::optional<IdleMode> mode;    ///< unset = the install's INACTIVITY_MODE
    std::int64_t timeoutSeconds = 0; ///< 0 = the install's INACTIVITY_TIMEOUT
    /// A workspace that uses more of one processor than this counts as used; 0 = load is no sign of use.
    std::int64_t holdCpuPercent = 0;
    bool operator==(const IdlePolicy&) const = default;
    static constexpr std::array rules{
        Rule::range("timeoutSeconds", 10, kMaxIdleSeconds).or_empty(), Rule::range("holdCpuPercent", 0, 100)};
};
BOOST_DESCRIBE_STRUCT(IdlePolicy, (), (mode, timeoutSeconds, holdCpuPercent))

/// Counters: raised by one to ask for something, acted on once by the agent that has the files. The agent's report
/// and the status repeat the numbers that have been acted on.
struct SyncRequests {
    std::int64_t sync = 0;           ///< compare and upload now
    std::int64_t confirmDeletes = 0; ///< let the deletes through that are held back
    std::int64_t restore = 0;        ///< bring back the tree as it was at restoreAt
    std::optional<Time> restoreAt;
    bool operator==(const SyncRequests&) const = default;
    static constexpr std::array rules{Rule::range("sync", 0, kMaxCount), Rule::range("confirmDeletes", 0, kMaxCount),
        Rule::range("restore", 0, kMaxCount)};
};
BOOST_DESCRIBE_STRUCT(SyncRequests, (), (sync, confirmDeletes, restore, restoreAt))

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
    /// The WarmPool whose unclaimed slot this is; emptied by the claim. Only a slot has no bucket.
    std::string pool;
    std::int64_t claim = 0; ///< 0 = never a slot, or not claimed yet; raised by the claim, acknowledged by the agent
    IdlePolicy idle;
    std::optional<Time> keepUntil;    ///< not stopped for idleness before (POST …/extend)
    bool exposeS3Credentials = false; ///< the workspace's own S3 key is shown inside it
    SyncRequests requests;
    bool operator==(const WorkspaceSpec&) const = default;
    static constexpr std::array rules{Rule::text("template", kDnsLabel).or_empty(),
        Rule::entries("env", 128).keys(kUserEnvName).of(kWithoutNul).length(0, 32 * 1024),
        Rule::text("vncPassword", kVncPassword), Rule::text("callbackToken", kCleanText, 128),
        Rule::range("restarts", 0, kMaxCount), Rule::text("stopReason", kCleanText, 64),
        Rule::text("pool", kDnsLabel).or_empty(), Rule::range("claim", 0, kMaxCount)};
    static constexpr std::array docs{std::pair{"s3", "may be left out only for the slot of a pool"},
        std::pair{"env", "PATH: absolute folders, searched before the image's own"},
        std::pair{"restarts", "raised by one to ask for a restart"},
        std::pair{"keepUntil", "not stopped for idleness before"},
        std::pair{"forceStop", "gives up files that could not be synced"},
        std::pair{"requests", "counters: raised by one to ask for something"}};
};
/// Asks for a restart: any other number than before does, so the count may wrap round.
void request_restart(WorkspaceSpec& spec);
BOOST_DESCRIBE_STRUCT(WorkspaceSpec, (),
    (desiredState, template_, s3, env, vncPassword, callbackToken, restarts, stopReason, forceStop, pool, claim,
        idle, keepUntil, exposeS3Credentials, requests))
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

/// One decision of the reconciler, kept for people who ask why. Repeated ones are kept once.
struct Decision {
    std::optional<Time> at;
    std::string step;    ///< "create", "remove", "replace", "wait", "fail", …
    std::string reason;  ///< CamelCase, as in conditions
    std::string basedOn; ///< what was seen, in a few words
    bool operator==(const Decision&) const = default;
};
BOOST_DESCRIBE_STRUCT(Decision, (), (at, step, reason, basedOn))

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
    std::int64_t restoreFiles = 0; ///< what the restore has to bring, once known
    std::int64_t restoreBytes = 0;
    std::int64_t heldDeletes = 0; ///< held back by the guard against mass deletion
    std::int64_t conflicts = 0;   ///< files of which both versions were kept
    std::int64_t s3Requests = 0;  ///< made for this workspace by the present agent
    std::string message; ///< why it is failing or held
    std::optional<Receipt> receipt;
    bool operator==(const SyncStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(SyncStatus, (),
    (state, lastSyncAt, pendingFiles, restoredFiles, restoredBytes, restoreFiles, restoreBytes, heldDeletes,
        conflicts, s3Requests, message, receipt))

enum class HealthState { starting, healthy, unhealthy };
BOOST_DESCRIBE_ENUM(HealthState, starting, healthy, unhealthy)

struct HealthChecks {
    bool codeServer = false;
    bool vnc = false;
    bool webServer = false; ///< reported only: it is the user's own program
    bool operator==(const HealthChecks&) const = default;
};
BOOST_DESCRIBE_STRUCT(HealthChecks, (), (codeServer, vnc, webServer))

/// One round of probes.
struct ProbeRecord {
    std::optional<Time> at;
    HealthChecks checks;
    bool operator==(const ProbeRecord&) const = default;
};
BOOST_DESCRIBE_STRUCT(ProbeRecord, (), (at, checks))

struct Health {
    HealthState status = HealthState::starting;
    std::optional<Time> lastCheck;
    HealthChecks checks;
    std::int64_t misses = 0; ///< consecutive rounds in which codeServer or vnc failed
    std::vector<ProbeRecord> history; ///< the last 10 rounds, oldest first
    bool operator==(const Health&) const = default;
};
BOOST_DESCRIBE_STRUCT(Health, (), (status, lastCheck, checks, misses, history))

/// Signs of use that the agent sees from outside. An open tab, a probe or a dashboard is none.
enum class ActivityKind { files, editor, terminal, vnc, cpu };
BOOST_DESCRIBE_ENUM(ActivityKind, files, editor, terminal, vnc, cpu)

/// The last sign of one kind.
struct ActivitySignal {
    ActivityKind kind = ActivityKind::files;
    std::optional<Time> at;
    std::string source; ///< what was seen, for a person: "src/main.py", "pts/0"
    bool operator==(const ActivitySignal&) const = default;
};
BOOST_DESCRIBE_STRUCT(ActivitySignal, (), (kind, at, source))

enum class IdleState { active, warning, expired, held, unknown, off };
BOOST_DESCRIBE_ENUM(IdleState, active, warning, expired, held, unknown, off)

/// Why a workspace is kept, and until when.
struct ActivityStatus {
    IdleState state = IdleState::active;
    std::vector<ActivitySignal> signals; ///< at most one of each kind
    std::string decidedBy;               ///< what set the deadline: a kind of signal, "start" or "extend"
    std::optional<Time> stopsAt;         ///< unless something happens; unset: not stopped for idleness
    bool operator==(const ActivityStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(ActivityStatus, (), (state, signals, decidedBy, stopsAt))

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
    static constexpr std::array rules{
        Rule::range("cpuLimit", 0.1, 512), Rule::at_least("memoryLimit", 64LL << 20)};
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
    std::int64_t endedIncarnation = 0; ///< the last one whose tasks are all over: nothing of it can appear any more
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
    std::string failedRequest; ///< hash of the settings that failed: others are tried at once
    /// The incarnation that was a slot of a pool; its service does not carry the environment of the claim.
    std::int64_t claimedIncarnation = 0;
    std::int64_t observedClaim = 0; ///< the spec.claim that an agent has acknowledged
    std::optional<ActivityStatus> activity;
    SyncRequests observedRequests;
    std::vector<Receipt> receipts;    ///< the last 10, oldest first
    std::vector<PhaseChange> history; ///< the last 20 changes of phase
    std::vector<Decision> decisions;  ///< the last 10, oldest first
    bool operator==(const WorkspaceStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(WorkspaceStatus, (),
    (observedGeneration, conditions, phase, message, serviceName, incarnation, endedIncarnation, nodeId, nodeName, address, urls,
        health, sync, resourceUsage, resourceLimits, startedAt, stoppedAt, lastActivity, shutdownReason,
        observedRestarts, crashReplacements, incidentRestarts, failedRequest, claimedIncarnation, observedClaim, activity,
        observedRequests, receipts, history, decisions))

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

BERTH_JSON_EXTERN(S3Source)
BERTH_JSON_EXTERN(WorkspaceSpec)
BERTH_JSON_EXTERN(WorkspaceStatus)
BERTH_JSON_EXTERN(Workspace)

} // namespace berth
