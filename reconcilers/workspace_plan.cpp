#include "reconcilers/workspace_plan.hpp"

#include "controller/base/planted.hpp"
#include "reconcilers/workspace_decider.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr Duration kSoon{100};

bool has_any(const std::string& text, std::initializer_list<std::string_view> parts)
{
    std::string lower(text);
    std::transform(
        lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return std::any_of(parts.begin(), parts.end(),
        [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

} // namespace

Plan decide(const Workspace& workspace, const Seen& seen, const LifeLimits& limits, Time now)
{
    return WorkspaceDecider{workspace, seen, limits, now}.decide();
}

std::string task_problem(const std::string& message)
{
    if (has_any(message, {"no such image", "pull access denied", "manifest unknown", "not found: manifest",
                             "repository does not exist", "image not known"}))
        return "ImageMissing";
    if (has_any(
            message, {"no suitable node", "insufficient resources", "scheduling constraints not satisfied"}))
        return "NoNodeFits";
    return "TaskRejected";
}

std::string sync_problem(const std::string& message)
{
    if (has_any(message, {"files can't be in s3", "keytoolong", "s3 refuses it"})) return "NotStorable";
    if (has_any(message, {"403", "forbidden", "accessdenied", "access denied", "signaturedoesnotmatch",
                             "invalidaccesskey", "401"}))
        return "S3Denied";
    if (has_any(message, {"nosuchbucket", "404", "bucket not found", "directory not found"}))
        return "S3NotFound";
    return "S3Unavailable";
}

WorkspaceDecider::WorkspaceDecider(
    const Workspace& workspace, const Seen& seen, const LifeLimits& limits, Time now)
    : ws_(workspace),
      seen_(seen),
      limits_(limits),
      now_(now),
      st_(plan_.status)
{
    st_ = workspace.status;
}

Plan WorkspaceDecider::decide()
{
    take_over_report();
    if (wants_running())
        run();
    else
        stop();
    const bool live = st_.phase == Phase::starting || st_.phase == Phase::running ||
                      st_.phase == Phase::warm || st_.phase == Phase::stopping;
    if (live && !plan_.next_look) look_again(limits_.safety_net);
    note();
    const bool ready = (st_.phase == Phase::running || st_.phase == Phase::warm) && !node_lost();
    const std::string_view phase = detail::enumerator_name(st_.phase);
    std::string reason(phase);
    reason.front() = char(std::toupper(static_cast<unsigned char>(reason.front())));
    if (!ready && live && !because_.empty()) reason = because_;
    if (st_.phase == Phase::failed) reason = st_.history.back().reason;
    set("Ready", ready, std::move(reason), st_.message);
    return std::move(plan_);
}

bool WorkspaceDecider::wants_running() const
{
    return ws_.spec.desiredState == DesiredState::running && !ws_.metadata.deletionTimestamp;
}

bool WorkspaceDecider::report_is_current() const
{
    if (planted("workspace.any-report-counts")) return seen_.report.has_value();
    return seen_.report && st_.incarnation > 0 && seen_.report->container.incarnation == st_.incarnation;
}

/// Docker can't say what happens on a node that is lost: waiting for it has no end.
bool WorkspaceDecider::node_lost() const
{
    return !st_.nodeId.empty() && (!seen_.node_known || !seen_.node_up);
}

bool WorkspaceDecider::live_tasks() const
{
    return std::any_of(seen_.tasks.begin(), seen_.tasks.end(), [](const TaskFacts& task) {
        return task.stage != TaskStage::ended && task.stage != TaskStage::refused;
    });
}

Time WorkspaceDecider::entered(Phase phase) const
{
    for (auto change = st_.history.rbegin(); change != st_.history.rend(); ++change)
        if (change->phase == phase && change->at) return *change->at;
    return ws_.metadata.creationTimestamp.value_or(now_);
}

void WorkspaceDecider::set(std::string_view type, bool value, std::string reason, std::string message)
{
    set(type, value ? ConditionStatus::True : ConditionStatus::False, std::move(reason), std::move(message));
}

void WorkspaceDecider::set(
    std::string_view type, ConditionStatus value, std::string reason, std::string message)
{
    Condition condition;
    condition.type = type;
    condition.status = value;
    condition.reason = std::move(reason);
    condition.message = std::move(message);
    condition.observedGeneration = ws_.metadata.generation;
    set_condition(st_.conditions, std::move(condition), now_);
}

void WorkspaceDecider::enter(Phase phase, std::string reason, std::string message)
{
    enter_phase(st_, phase, std::move(reason), std::move(message), now_);
}

void WorkspaceDecider::look_again(Duration after) { plan_.next_look = std::max(after, Duration{0}); }

void WorkspaceDecider::watch_closely(Duration after)
{
    plan_.in_transition = true;
    look_again(after);
}

void WorkspaceDecider::remove_service(std::string reason)
{
    because_ = std::move(reason);
    plan_.step = Step::Remove;
    plan_.service_id = seen_.service->id;
    watch_closely(kSoon);
}

void WorkspaceDecider::take_over_report()
{
    locate_files();
    const bool current = report_is_current();
    const bool up = current && seen_.report->container.state == ContainerState::running;
    const bool serves =
        st_.phase == Phase::starting || st_.phase == Phase::running || st_.phase == Phase::warm;
    st_.address = up && serves ? seen_.report->container.address : "";
    st_.health = up ? seen_.report->health : Health{};
    st_.resourceUsage = up ? seen_.report->resourceUsage : std::nullopt;
    if (up && seen_.report->container.oomKills > 0)
        set(condition::kMemoryPressure, true, "OutOfMemory",
            std::to_string(seen_.report->container.oomKills) +
                " times a program inside was ended because the memory limit was reached");
    if (seen_.report && seen_.report->lastActivity) st_.lastActivity = seen_.report->lastActivity;
    take_over_sync();
}

void WorkspaceDecider::take_over_sync()
{
    if (!seen_.report || st_.phase == Phase::stopped || st_.phase == Phase::archived) return;
    // A final receipt is taken over by accept_receipt() only: it lets the agent remove the files.
    auto receipt = st_.sync.receipt;
    st_.sync = seen_.report->sync;
    const auto& reported = seen_.report->sync.receipt;
    st_.sync.receipt = reported && !reported->final ? reported : receipt;
    // An agent that knows of no requests yet must not make old ones look new.
    const auto& done = seen_.report->observedRequests;
    auto& known = st_.observedRequests;
    if (done.restore > known.restore) known.restoreAt = done.restoreAt;
    known.sync = std::max(known.sync, done.sync);
    known.confirmDeletes = std::max(known.confirmDeletes, done.confirmDeletes);
    known.restore = std::max(known.restore, done.restore);
    if (reported && !reported->final) keep_receipt(*reported);
}

/// The last few, each state of the files once.
void WorkspaceDecider::keep_receipt(const Receipt& receipt)
{
    constexpr std::size_t kReceipts = 10;
    auto& all = st_.receipts;
    if (!all.empty() && all.back().manifestHash == receipt.manifestHash && all.back().final == receipt.final)
        return;
    all.push_back(receipt);
    if (all.size() > kReceipts) all.erase(all.begin());
}

/// Files are where a report says so; before the first report, where the task's container was made. A task
/// that is only on its way there may still be refused, and its successor go elsewhere.
void WorkspaceDecider::locate_files()
{
    if (seen_.report && !seen_.report->nodeId.empty() && !report_is_of_given_up_slot()) {
        const auto& report = *seen_.report;
        const bool container = report_is_current() && (report.container.state == ContainerState::created ||
                                                          report.container.state == ContainerState::running);
        // What an old report says of volumes is no news for a workspace that has been cleaned up;
        // stay_stopped looks.
        const bool rests = st_.phase == Phase::stopped || st_.phase == Phase::archived;
        const bool files = report.filesVolume && !rests;
        if (container || (files && (st_.nodeId.empty() || st_.nodeId == report.nodeId))) {
            st_.nodeId = report.nodeId;
            st_.nodeName = report.nodeName;
        }
    }
    const bool live =
        st_.phase == Phase::starting || st_.phase == Phase::running || st_.phase == Phase::stopping;
    if (live) pin_to_task({TaskStage::running, TaskStage::ended});
    if (!st_.nodeId.empty() && st_.nodeName.empty() && st_.nodeId == ws_.status.nodeId)
        st_.nodeName = seen_.node_name;
}

void WorkspaceDecider::pin_to_task(std::initializer_list<TaskStage> stages)
{
    if (!st_.nodeId.empty()) return;
    for (const auto& task : seen_.tasks) {
        const bool fits = std::find(stages.begin(), stages.end(), task.stage) != stages.end();
        if (task.incarnation != st_.incarnation || !fits || task.node_id.empty()) continue;
        st_.nodeId = task.node_id;
        st_.nodeName = task.node_name;
    }
}

} // namespace berth
