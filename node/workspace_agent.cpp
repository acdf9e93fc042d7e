#include "node/workspace_agent.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "node/control_volume.hpp"
#include "node/file_copy.hpp"

#include <algorithm>
#include <filesystem>

namespace berth {

namespace {

constexpr Duration kIdle = std::chrono::seconds{60};
/// After removing volumes, until the engine has been asked again.
constexpr Duration kAfterRemoval{300};

} // namespace

WorkspaceAgent::WorkspaceAgent(NodeParts& parts, Workspace workspace)
    : parts_(parts),
      workspace_(std::move(workspace)),
      target_(
          object_target(workspace_.metadata.org, WorkspaceReportSpec::kind.plural, workspace_.metadata.name)),
      folder_(parts.config.data_dir + "/ws/" + workspace_.metadata.uid),
      wake_(parts.io),
      probe_wake_(parts.io)
{
    local_ = parts_.inventory.parts(workspace_.metadata.uid, key_of(workspace_));
    seen_ = local_.container.incarnation;
    // An agent that restarted after it had removed everything has only this to show for it.
    const bool stopped =
        workspace_.spec.desiredState == DesiredState::stopped || workspace_.metadata.deletionTimestamp;
    if (stopped) status_.receipt = workspace_.status.sync.receipt;
    observed_requests_ = workspace_.status.observedRequests;
    parts_.reporter.add(target_,
        {[this](bool news) { return report(news); }, [this] { told_ = std::exchange(sent_, std::nullopt); }});
    heed_end();
}

WorkspaceAgent::~WorkspaceAgent() { parts_.reporter.remove(target_); }

void WorkspaceAgent::start(TaskGroup& group)
{
    const auto& name = workspace_.metadata.name;
    group.spawn("workspace " + name, run());
    group.spawn("probe " + name, probe_loop());
    group.spawn("usage " + name, usage_loop());
    group.spawn("use " + name, use_.run());
    group.spawn("relay " + name, use_.relay());
}

void WorkspaceAgent::update(Workspace workspace)
{
    const bool spoke = has_a_say();
    workspace_ = std::move(workspace);
    if (!spoke && has_a_say()) changed();
    heed_end();
    use_.update();
    wake_.notify_all();
}

void WorkspaceAgent::look()
{
    note_list();
    auto now = parts_.inventory.parts(workspace_.metadata.uid, key_of(workspace_));
    if (now == local_) return;
    const bool other_container =
        now.container.id != local_.container.id || now.container.state != local_.container.state;
    local_ = std::move(now);
    seen_ = std::max(seen_, local_.container.incarnation);
    if (other_container) {
        usage_.reset();
        probe_wake_.notify_all();
    }
    changed();
    wake_.notify_all();
}

NodeView WorkspaceAgent::view() const
{
    NodeView view;
    view.known = true;
    view.wanted =
        workspace_.spec.desiredState == DesiredState::running && !workspace_.metadata.deletionTimestamp;
    view.force = workspace_.spec.forceStop;
    view.slot = is_slot(workspace_);
    view.abandoned = abandoned();
    const auto& confirmed = workspace_.status.sync.receipt;
    if (confirmed && confirmed->final) view.confirmed_receipt = confirmed->manifestHash;
    view.container = local_.container.state;
    const auto start = workspace_.status.incarnation;
    view.container_may_come = seen_ < start && listed_end_ != start;
    view.files_volume = local_.files_volume;
    view.control_volume = local_.control_volume;
    std::error_code ignored;
    view.leftovers = std::filesystem::exists(folder_, ignored);
    view.restored = restored_;
    view.control_current = control_is_current();
    const bool of_this_start =
        final_incarnation_ == workspace_.status.incarnation || planted("agent.receipt-of-an-earlier-start");
    if (of_this_start) view.final_receipt = final_receipt_;
    view.now = parts_.clock.tick();
    view.sync_due = asked_for_sync() ? view.now : sync_due_;
    view.retry_after = retry_after_;
    return view;
}

awaitable<> WorkspaceAgent::run()
{
    while (true) {
        std::exception_ptr failure;
        try {
            co_await step();
        } catch (...) {
            failure = std::current_exception();
        }
        if (!failure) continue;
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) std::rethrow_exception(failure);
        failed(NodeStep::Wait, describe(failure));
        co_await parts_.clock.sleep(retry_delay(failures_));
    }
}

awaitable<> WorkspaceAgent::step()
{
    const bool has_files = local_.files_volume && !is_slot(workspace_);
    if (has_files && parts_.clock.tick() >= retry_after_) co_await prepare();
    const auto action = decide(view());
    if (action.step == NodeStep::Wait)
        co_await wait_until(parts_.clock, wake_, action.until.value_or(parts_.clock.tick() + kIdle));
    else
        co_await attempt(action.step);
}

/// Does one step; a failure is kept for the report and tried again later.
awaitable<> WorkspaceAgent::attempt(NodeStep next)
{
    std::exception_ptr failure;
    auto before = status_;
    try {
        co_await perform(next);
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure) {
        failures_ = 0;
        before.lastSyncAt = status_.lastSyncAt; // alone it can wait for the next regular report
        if (next != NodeStep::Sync || !(before == status_)) changed();
        co_return;
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) std::rethrow_exception(failure);
    failed(next, describe(failure));
}

void WorkspaceAgent::failed(NodeStep next, const std::string& problem)
{
    ++failures_;
    const auto pause = planted("agent.no-back-off") ? Duration{0} : retry_delay(failures_);
    retry_after_ = parts_.clock.tick() + with_jitter(pause);
    activity_->dirty = true;
    log::warning("a step failed and is tried again",
        {{"workspace", workspace_.metadata.name}, {"step", to_string(next)}, {"failures", failures_},
            {"error", problem}});
    if (next != NodeStep::RemoveVolumes && next != NodeStep::Forget) {
        status_.state = SyncState::failing;
        status_.message = problem;
    }
    changed();
}

awaitable<> WorkspaceAgent::perform(NodeStep next)
{
    switch (next) {
    case NodeStep::Wait:
        break;
    case NodeStep::WriteControl:
        co_await write_control();
        break;
    case NodeStep::Restore:
        co_await restore();
        break;
    case NodeStep::Sync:
        co_await sync();
        break;
    case NodeStep::FinalSync:
        co_await final_sync();
        break;
    case NodeStep::RemoveVolumes:
        co_await remove_volumes();
        break;
    case NodeStep::Forget:
        co_await forget();
        break;
    }
}

awaitable<> WorkspaceAgent::write_control()
{
    const auto files = control_files(workspace_, parts_.config.s3_access_key);
    auto body = [files, folder = parts_.inventory.control_folder(workspace_.metadata.name)] {
        if (!control_volume_holds(folder, files)) write_control_volume(folder, files);
    };
    co_await offload(parts_.work, body);
    control_written_ = control_hash(files);
}

/// Never removes a volume that is not this workspace's own.
awaitable<> WorkspaceAgent::remove_volume(std::string name)
{
    const auto volume = co_await parts_.docker.inspect_volume(name);
    if (!volume) co_return;
    const auto uid = volume->Labels.find(std::string(kUidLabel));
    if (uid == volume->Labels.end() || uid->second != workspace_.metadata.uid)
        throw Error{Errc::Denied, "the volume " + name + " does not belong to this workspace"};
    co_await parts_.docker.remove_volume(name);
    parts_.inventory.volume_removed(workspace_.metadata.uid, name);
    log::info("volume removed", {{"workspace", workspace_.metadata.name}, {"volume", name}});
}

awaitable<> WorkspaceAgent::remove_volumes()
{
    co_await remove_volume(files_volume_name(workspace_.metadata.name));
    co_await remove_volume(control_volume_name(workspace_.metadata.name));
    co_await forget();
    // The inventory will say the same in a moment; until then we must not work on what is not there.
    local_.files_volume = local_.control_volume = false;
    parts_.inventory.poke();
    retry_after_ = parts_.clock.tick() + kAfterRemoval;
}

void WorkspaceAgent::drop_files_state()
{
    context_.reset();
    drop_store();
    journal_.reset();
    restored_ = false;
    control_written_.clear();
    last_walk_.reset();
    activity_ = std::make_shared<FolderActivity>();
}

awaitable<> WorkspaceAgent::forget()
{
    drop_files_state();
    auto body = [folder = folder_] { std::filesystem::remove_all(folder); };
    co_await offload(parts_.work, body);
}

} // namespace berth
