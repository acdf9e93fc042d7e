#pragma once
// When a running workspace is stopped because nobody uses it (W29). Pure: no I/O, no clock, any thread.
//
// A workspace is used until its newest counted sign of use (or its start) is older than the timeout. Nobody
// is stopped unwarned: the deadline never comes sooner than the warning time after the warning was first
// shown. And nobody is stopped on old news: only a report that was made at the deadline or later can tell
// that nothing had happened until then; without fresh reports the state is unknown and nothing is stopped.

#include "api/types/workspace_report.hpp"
#include "reconcilers/settings.hpp"

namespace berth {

struct IdleVerdict {
    ActivityStatus status;
    /// Newest sign of any kind, counted or not.
    std::optional<Time> last_activity;
    std::string unknown_reason;        ///< set with state unknown: "AgentSilent", "SignsMissing", …
    std::string unknown_message;       ///< without numbers that change, so that it makes one condition
    std::optional<Duration> next_look; ///< when time alone changes the verdict; unset: a report wakes us
};

/// About a workspace in phase running. `report` is the agent's newest about this workspace, whatever its age.
/// Times in it are by the agent's clock: what lies in the future is moved back so that the report is of
/// `now`.
IdleVerdict idle_verdict(const Workspace& workspace, const std::optional<WorkspaceReportSpec>& report,
    const IdleSettings& settings, Duration agent_stale, Time now);

/// What applies to this workspace: its own wish, else the install's.
IdleMode idle_mode(const WorkspaceSpec& spec, const IdleSettings& settings);

namespace condition {
inline constexpr std::string_view kIdleUnknown = "IdleUnknown";
} // namespace condition

} // namespace berth
