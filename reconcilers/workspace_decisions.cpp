// What is written down about a decision, for people who ask why (explain).

#include "reconcilers/workspace_decider.hpp"

namespace berth {

namespace {

constexpr std::size_t kDecisions = 10;
constexpr std::size_t kHistory = 20;
constexpr std::size_t kLongest = 80; ///< of a text from outside
constexpr std::size_t kMostTasks = 3;

std::string shortened(std::string text)
{
    if (text.size() <= kLongest) return text;
    text.resize(kLongest);
    // Not in the middle of a character.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
    return text + "…";
}

void add(std::string& all, const std::string& part) { all += (all.empty() ? "" : "; ") + part; }

std::string service_words(const std::optional<ServiceFacts>& service)
{
    if (!service) return "no service";
    if (!service->ours) return "a foreign service of that name";
    return "service of incarnation " + std::to_string(service->incarnation) +
           (service->altered ? ", changed by hand" : "");
}

std::string task_words(const TaskFacts& task)
{
    static constexpr std::array kStages{"waits", "placed", "running", "ended", "refused"};
    std::string text = "task " + std::to_string(task.incarnation) + " " + kStages[std::size_t(task.stage)];
    if (!task.node_name.empty()) text += " on " + task.node_name;
    if (!task.message.empty()) text += " (" + shortened(task.message) + ")";
    return text;
}

std::string container_words(const ContainerReport& container)
{
    std::string text = "container " + std::string(detail::enumerator_name(container.state));
    if (container.state == ContainerState::absent) return text;
    text += " (incarnation " + std::to_string(container.incarnation);
    if (container.state == ContainerState::exited)
        text += container.oomKilled ? ", out of memory" : ", code " + std::to_string(container.exitCode);
    return text + ")";
}

std::string probe_words(const Health& health)
{
    if (!health.lastCheck) return "not probed yet";
    const auto& checks = health.checks;
    if (checks.codeServer && checks.vnc) return "probes answer";
    const std::string who = checks.codeServer ? "desktop"
                            : checks.vnc      ? "code-server"
                                              : "code-server and desktop";
    return who + " silent, " + std::to_string(health.misses) + " misses";
}

void add_report(std::string& all, const WorkspaceReportSpec& report)
{
    add(all, container_words(report.container));
    if (report.container.state == ContainerState::running) add(all, probe_words(report.health));
    if (!report.filesVolume)
        add(all, "no files on the node");
    else
        add(all, report.restored ? "files restored" : "files not restored");
    std::string sync = "sync " + std::string(detail::enumerator_name(report.sync.state));
    if (!report.sync.message.empty()) sync += " (" + shortened(report.sync.message) + ")";
    add(all, sync);
    if (report.sync.receipt && report.sync.receipt->final) add(all, "final receipt");
}

} // namespace

std::string what_was_seen(const WorkspaceStatus& status, const Seen& seen)
{
    std::string all = service_words(seen.service);
    if (seen.tasks.empty()) add(all, "no tasks");
    for (std::size_t i = 0; i < std::min(seen.tasks.size(), kMostTasks); ++i)
        add(all, task_words(seen.tasks[i]));
    if (seen.obstacle) add(all, seen.obstacle->reason);
    if (seen.report)
        add_report(all, *seen.report);
    else
        add(all, "no report of an agent");
    if (seen.routed) add(all, *seen.routed ? "route served" : "route not served");
    if (status.nodeId.empty()) return all;
    const auto& node = status.nodeName.empty() ? status.nodeId : status.nodeName;
    if (!seen.node_known || !seen.node_up)
        add(all, "node " + node + (seen.node_known ? " is down" : " is gone"));
    return all;
}

void note_decision(WorkspaceStatus& status, Decision decision)
{
    auto& all = status.decisions;
    if (!all.empty() && all.back().step == decision.step && all.back().reason == decision.reason) return;
    all.push_back(std::move(decision));
    if (all.size() > kDecisions) all.erase(all.begin());
}

void enter_phase(WorkspaceStatus& status, Phase phase, std::string reason, std::string message, Time now)
{
    status.phase = phase;
    status.message = std::move(message);
    status.history.push_back({phase, std::move(reason), now});
    if (status.history.size() > kHistory) status.history.erase(status.history.begin());
}

void mark_failed(
    WorkspaceStatus& status, Obstacle why, std::string settings_hash, std::int64_t generation, Time now)
{
    for (auto type : {condition::kHealthy, condition::kIsolated, condition::kRouted})
        remove_condition(status.conditions, type);
    Condition failed{
        std::string(condition::kFailed), ConditionStatus::True, why.reason, why.message, {}, generation};
    set_condition(status.conditions, std::move(failed), now);
    status.address.clear();
    status.failedRequest = std::move(settings_hash);
    if (why.reason == "OutOfMemory") status.shutdownReason = "resource_limit";
    enter_phase(status, Phase::failed, std::move(why.reason), std::move(why.message), now);
}

namespace {

const char* name_of(Step step)
{
    if (step == Step::Open) return "open";
    return step == Step::Create ? "create" : "remove";
}

} // namespace

/// One line per decision; looks that change nothing are no decisions.
void WorkspaceDecider::note()
{
    const auto& before = ws_.status;
    const bool rests = st_.phase == Phase::stopped || st_.phase == Phase::archived;
    const bool other_phase = st_.phase != before.phase;
    const bool other_container = st_.incarnation > before.incarnation;
    Decision decision{now_, "wait", because_, {}};
    if (other_phase || other_container) decision.reason = st_.history.back().reason;
    if (other_container)
        decision.step =
            before.phase == Phase::starting || before.phase == Phase::running ? "replace" : "start";
    else if (other_phase)
        decision.step = "enter " + std::string(detail::enumerator_name(st_.phase));
    else if (plan_.step != Step::None)
        decision.step = name_of(plan_.step);
    else if (rests)
        return;
    if (decision.reason.empty()) return;
    decision.basedOn = what_was_seen(st_, seen_);
    note_decision(st_, std::move(decision));
}

} // namespace berth
