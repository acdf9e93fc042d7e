#pragma once
// The pure half of WorkspaceReconciler: from what is wanted and what is seen to one step and a new status.
// No I/O, no clock, any thread; every row of the life cycle has a table test.
//
// One call makes at most one step. A new incarnation is saved before the service that carries it is created,
// so a controller that dies in between finds out from the labels what it had done:
//   begin/replace: incarnation+1, serviceName "" → save → old service removed, its tasks gone → create →
//   serviceName
// No phase is a lock: wanted "running" or "stopped" is followed from every phase.

#include "api/types/workspace_report.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

/// What matters of a Docker service that has our name.
struct ServiceFacts {
    std::string id;
    bool ours = false; ///< carries our install id; anything else is never touched
    std::string uid;   ///< of the workspace it was made for
    std::int64_t incarnation = 0;
    std::string request_hash; ///< of what the workspace itself asked for when it was created
    bool altered = false;     ///< somebody changed it since
    bool guarded = false;     ///< its labels let Traefik ask Berth about each request, as for a slot
};

/// waiting: no node yet. placed: on a node, on its way to running. ended: its container is over. refused: it
/// never had one. gone tasks are not listed at all.
enum class TaskStage { waiting, placed, running, ended, refused };

struct TaskFacts {
    std::int64_t incarnation = 0;
    TaskStage stage = TaskStage::waiting;
    std::string node_id;
    std::string message; ///< Docker's own words
    std::int64_t exit_code = 0;
    std::optional<Time> at; ///< of the stage
    std::string node_name{};
};

/// Something that a look needs to know and that only a person can mend.
struct Obstacle {
    std::string reason;
    std::string message;
};

/// One look at the world. Built by the reconciler from caches and live reads.
struct Seen {
    std::optional<ServiceFacts> service; ///< the one named ws-<id>
    std::vector<TaskFacts> tasks;        ///< of every incarnation of this workspace
    std::optional<WorkspaceReportSpec> report;
    std::string request_hash;         ///< of what would be created now
    std::string settings_hash;        ///< of all that decides whether a start can succeed
    std::optional<Obstacle> obstacle; ///< why nothing can be created now
    std::optional<bool> routed;       ///< the probe's answer; unset: not asked
    bool isolation = true;            ///< a workspace is usable only behind its network filter
    bool node_known = true;           ///< status.nodeId is a member of the Swarm (true when none is set)
    bool node_up = true;
    std::string node_name;             ///< of status.nodeId, as Docker calls it
    std::optional<Time> agent_seen_at; ///< last report of the agent on status.nodeId
    Time watching_since{};             ///< nobody has listened to agents before
};

/// Open: takes the guard of a slot off the service's labels; its task goes on.
enum class Step { None, Create, Remove, Open };

struct Plan {
    Step step = Step::None;
    std::string service_id; ///< of Remove and Open
    WorkspaceStatus status;
    std::optional<Duration> next_look; ///< unset: only when something changes
    bool in_transition = false;        ///< worth watching Docker closely
    bool finished = false;             ///< stopped, and nothing is left on any node
    bool archived = false;             ///< in this step
};

Plan decide(const Workspace& workspace, const Seen& seen, const LifeLimits& limits, Time now);

/// Whether asking Traefik is worth it: everything but the route is there. `isolation` as in Seen.
bool wants_probe(
    const Workspace& workspace, const std::optional<WorkspaceReportSpec>& report, bool isolation = true);

/// Conditions that this reconciler writes, beside Ready.
namespace condition {
inline constexpr std::string_view kPlaced = "Placed";
inline constexpr std::string_view kRestored = "Restored";
inline constexpr std::string_view kHealthy = "Healthy";
inline constexpr std::string_view kIsolated = "Isolated";
inline constexpr std::string_view kRouted = "Routed";
inline constexpr std::string_view kFilesSafe = "FilesSafe";
inline constexpr std::string_view kDataAtRisk = "DataAtRisk";
inline constexpr std::string_view kNameTaken = "NameTaken";
inline constexpr std::string_view kFailed = "Failed";
inline constexpr std::string_view kClaimed = "Claimed"; ///< its node has taken the claim of a slot
inline constexpr std::string_view kMemoryPressure = "MemoryPressure";
} // namespace condition

/// Into another phase, with a line in the history.
void enter_phase(WorkspaceStatus& status, Phase phase, std::string reason, std::string message, Time now);
/// Into `failed`, where it rests until other settings (or somebody) ask for another attempt.
void mark_failed(
    WorkspaceStatus& status, Obstacle why, std::string settings_hash, std::int64_t generation, Time now);

/// What a look has shown, in a few words for people. No secrets.
std::string what_was_seen(const WorkspaceStatus& status, const Seen& seen);
/// Adds it to status.decisions unless the last one was the same.
void note_decision(WorkspaceStatus& status, Decision decision);

/// "ImageMissing", "NoNodeFits" or "TaskRejected" from Docker's words.
std::string task_problem(const std::string& message);
/// "S3Denied", "S3NotFound" or "S3Unavailable" from a sync's message.
std::string sync_problem(const std::string& message);

} // namespace berth
