#include "reconcilers/workspace_idle.hpp"

#include <algorithm>

namespace berth {

namespace {

Duration timeout_of(const WorkspaceSpec& spec, const IdleSettings& settings)
{
    return spec.idle.timeoutSeconds > 0 ? Duration{std::chrono::seconds{spec.idle.timeoutSeconds}}
                                        : settings.timeout;
}

bool counts(ActivityKind kind, IdleMode mode, const IdlePolicy& policy)
{
    if (mode == IdleMode::filesOnly) return kind == ActivityKind::files;
    return kind != ActivityKind::cpu || policy.holdCpuPercent > 0;
}

/// A start, restart or claim is use.
Time run_began(const WorkspaceStatus& status, Time now)
{
    Time began = status.startedAt.value_or(Time{});
    for (const auto& change : status.history)
        if (change.phase == Phase::running && change.at) began = std::max(began, *change.at);
    return began == Time{} ? now : std::min(began, now);
}

/// The newest of each kind. A sign without a time says that its kind can't be looked at.
void take_over(
    std::vector<ActivitySignal>& signals, const std::vector<ActivitySignal>& more, Duration ahead, Time now)
{
    for (auto signal : more) {
        if (signal.at) signal.at = std::min(*signal.at - ahead, now);
        const auto same = [&](const ActivitySignal& known) { return known.kind == signal.kind; };
        const auto known = std::find_if(signals.begin(), signals.end(), same);
        if (known == signals.end())
            signals.push_back(std::move(signal));
        else if (!signal.at || !known->at || *signal.at > *known->at)
            *known = std::move(signal);
    }
}

class Judge {
public:
    Judge(const Workspace& workspace, const std::optional<WorkspaceReportSpec>& report,
        const IdleSettings& settings, Duration agent_stale, Time now)
        : ws_(workspace),
          report_(report),
          settings_(settings),
          agent_stale_(agent_stale),
          now_(now),
          mode_(idle_mode(workspace.spec, settings))
    {}

    IdleVerdict judge()
    {
        gather();
        auto& status = verdict_.status;
        if (mode_ == IdleMode::off)
            status.state = IdleState::off;
        else if (!can_tell())
            status.state = IdleState::unknown;
        else
            weigh();
        return std::move(verdict_);
    }

private:
    void gather();
    bool can_tell();
    bool cant_tell(std::string reason, std::string message);
    void weigh();
    Time deadline();
    void look_at(Time at)
    {
        const auto after = std::max<Duration>(at - now_, Duration{0});
        verdict_.next_look = verdict_.next_look ? std::min(*verdict_.next_look, after) : after;
    }

    const Workspace& ws_;
    const std::optional<WorkspaceReportSpec>& report_;
    const IdleSettings& settings_;
    Duration agent_stale_;
    Time now_;
    IdleMode mode_;
    Time reported_{}; ///< by our clock, never in the future
    IdleVerdict verdict_;
};

void Judge::gather()
{
    const auto& before = ws_.status.activity;
    auto& signals = verdict_.status.signals;
    if (before) take_over(signals, before->signals, Duration{0}, now_);
    std::erase_if(
        signals, [](const ActivitySignal& signal) { return !signal.at; }); // what was missing may be back
    if (report_) {
        const auto at = report_->reportedAt.value_or(Time{});
        const Duration ahead = std::max<Duration>(at - now_, Duration{0});
        reported_ = at - ahead;
        take_over(signals, report_->activity, ahead, now_);
    }
    std::sort(signals.begin(), signals.end(), [](const auto& a, const auto& b) { return a.kind < b.kind; });
    for (const auto& signal : signals)
        if (signal.at) verdict_.last_activity = std::max(verdict_.last_activity.value_or(Time{}), *signal.at);
}

bool Judge::cant_tell(std::string reason, std::string message)
{
    verdict_.unknown_reason = std::move(reason);
    verdict_.unknown_message = std::move(message) + "; it is not stopped for inactivity meanwhile";
    return false;
}

/// Unknown is not idle.
bool Judge::can_tell()
{
    const auto node = ws_.status.nodeName.empty() ? ws_.status.nodeId : ws_.status.nodeName;
    const bool current = report_ && report_->container.incarnation == ws_.status.incarnation;
    if (!current || now_ - reported_ >= agent_stale_)
        return cant_tell("AgentSilent", "nothing is heard of the workspace from node " + node);
    look_at(reported_ + agent_stale_);
    for (const auto& signal : verdict_.status.signals)
        if (!signal.at && counts(signal.kind, mode_, ws_.spec.idle))
            return cant_tell("SignsMissing", "the agent on node " + node + " can't look for signs of use: " +
                                                 detail::enumerator_name(signal.kind));
    return true;
}

/// By the signs alone, and by what the user has asked for.
Time Judge::deadline()
{
    auto& status = verdict_.status;
    Time last = run_began(ws_.status, now_);
    status.decidedBy = "start";
    for (const auto& signal : status.signals) {
        if (!signal.at || *signal.at <= last || !counts(signal.kind, mode_, ws_.spec.idle)) continue;
        last = *signal.at;
        status.decidedBy = detail::enumerator_name(signal.kind);
    }
    const Time end = last + timeout_of(ws_.spec, settings_);
    const auto& keep = ws_.spec.keepUntil;
    if (!keep || *keep <= end) return end;
    status.decidedBy = "extend";
    return *keep;
}

void Judge::weigh()
{
    auto& status = verdict_.status;
    const Duration warning = std::min<Duration>(settings_.warning, timeout_of(ws_.spec, settings_) / 2);
    Time end = deadline();
    if (now_ < end - warning) {
        status.state = status.decidedBy == "extend" ? IdleState::held : IdleState::active;
        status.stopsAt = end;
        return look_at(end - warning);
    }
    const auto& before = ws_.status.activity;
    const bool warned = before && before->stopsAt &&
                        (before->state == IdleState::warning || before->state == IdleState::expired);
    end = std::max(end, warned ? *before->stopsAt : now_ + warning);
    status.stopsAt = end;
    status.state = now_ >= end && reported_ >= end ? IdleState::expired : IdleState::warning;
    if (now_ < end) look_at(end);
}

} // namespace

IdleMode idle_mode(const WorkspaceSpec& spec, const IdleSettings& settings)
{
    return settings.mode == IdleMode::off ? IdleMode::off : spec.idle.mode.value_or(settings.mode);
}

IdleVerdict idle_verdict(const Workspace& workspace, const std::optional<WorkspaceReportSpec>& report,
    const IdleSettings& settings, Duration agent_stale, Time now)
{
    return Judge{workspace, report, settings, agent_stale, now}.judge();
}

} // namespace berth
