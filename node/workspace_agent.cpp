#include "node/workspace_agent.hpp"

#include "controller/base/log.hpp"
#include "node/control_volume.hpp"
#include "node/file_copy.hpp"

#include <charconv>
#include <filesystem>

namespace berth {

namespace {

constexpr const char* kSourceFact = "source";
constexpr const char* kVolumeFact = "volume";
constexpr const char* kFinalFact = "final-receipt";
constexpr const char* kFinalIncarnationFact = "final-incarnation";
constexpr const char* kAllowDeletes = "berth.dev/allow-deletes";
constexpr Duration kIdle = std::chrono::seconds{60};
/// After removing volumes, until the engine has been asked again.
constexpr Duration kAfterRemoval{300};

std::int64_t number(std::string_view text)
{
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

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
    // An agent that restarted after it had removed everything has only this to show for it.
    const bool stopped =
        workspace_.spec.desiredState == DesiredState::stopped || workspace_.metadata.deletionTimestamp;
    if (stopped) status_.receipt = workspace_.status.sync.receipt;
    parts_.reporter.add(target_, [this] { return report(); });
}

WorkspaceAgent::~WorkspaceAgent() { parts_.reporter.remove(target_); }

void WorkspaceAgent::start(TaskGroup& group)
{
    const auto& name = workspace_.metadata.name;
    group.spawn("workspace " + name, run());
    group.spawn("probe " + name, probe_loop());
    group.spawn("usage " + name, usage_loop());
}

void WorkspaceAgent::update(Workspace workspace)
{
    workspace_ = std::move(workspace);
    wake_.notify_all();
}

void WorkspaceAgent::look()
{
    auto now = parts_.inventory.parts(workspace_.metadata.uid, key_of(workspace_));
    if (now == local_) return;
    const bool other_container =
        now.container.id != local_.container.id || now.container.state != local_.container.state;
    local_ = std::move(now);
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
    const auto& confirmed = workspace_.status.sync.receipt;
    if (confirmed && confirmed->final) view.confirmed_receipt = confirmed->manifestHash;
    view.container = local_.container.state;
    view.files_volume = local_.files_volume;
    view.control_volume = local_.control_volume;
    std::error_code ignored;
    view.leftovers = std::filesystem::exists(folder_, ignored);
    view.restored = restored_;
    view.control_current = control_written_ == control_hash(control_files(workspace_));
    if (final_incarnation_ == workspace_.status.incarnation) view.final_receipt = final_receipt_;
    view.now = parts_.clock.tick();
    view.sync_due = sync_due_;
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
    if (local_.files_volume && parts_.clock.tick() >= retry_after_) co_await prepare();
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
    retry_after_ = parts_.clock.tick() + with_jitter(retry_delay(failures_));
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

/// Opens the journal, and starts over when the volume or the source is not the one it tells of.
awaitable<> WorkspaceAgent::prepare()
{
    const auto source = complete_source(workspace_.spec.s3, parts_.config);
    const auto identity = source_identity(source);
    auto body = [this, identity, root = parts_.inventory.files_folder(workspace_.metadata.name)] {
        if (!journal_) journal_ = std::make_unique<SyncJournal>(folder_);
        auto* journal = journal_.get();
        const auto volume = volume_identity(root);
        const bool other = journal->fact(kSourceFact) != identity || journal->fact(kVolumeFact) != volume;
        if (other && !volume.empty()) {
            if (!journal->fact(kSourceFact).empty())
                log::warning(
                    "another volume or bucket: the files are restored again", {{"journal", folder_}});
            journal->reset();
            journal->set_fact(kSourceFact, identity);
            journal->set_fact(kVolumeFact, volume);
            journal->commit();
        }
        return other;
    };
    const bool other = co_await offload(parts_.work, body);
    const bool fresh = !context_ || other;
    restored_ = !journal_->fact(kRestoredFact).empty();
    if (fresh || !(store_source_ == source)) {
        context_.reset();
        store_source_ = source;
        store_ = std::make_unique<RcloneStore>(parts_.rclone, source, folder_ + "/lists");
    }
    if (fresh) recall_receipt();
}

void WorkspaceAgent::recall_receipt()
{
    final_receipt_.clear();
    final_incarnation_ = -1;
    const auto& text = journal_->fact(kFinalFact);
    if (!text.empty()) {
        status_.receipt = decode<Receipt>(parse_json(text), Unknown::Ignore);
        final_receipt_ = status_.receipt->manifestHash;
        final_incarnation_ = number(journal_->fact(kFinalIncarnationFact));
        if (final_incarnation_ == workspace_.status.incarnation) status_.state = SyncState::complete;
    } else if (!journal_->fact(kRestoredFact).empty()) {
        status_.state = SyncState::idle;
        status_.restoredFiles = static_cast<std::int64_t>(journal_->files().size());
    }
}

SyncContext& WorkspaceAgent::context()
{
    if (!context_)
        context_.reset(new SyncContext{.root = parts_.inventory.files_folder(workspace_.metadata.name),
            .journal = *journal_,
            .store = *store_,
            .clock = parts_.clock,
            .work = parts_.work,
            .stop = parts_.stop,
            .status = status_,
            .changed = [this] { changed(); },
            .abandoned = [this] { return workspace_.spec.forceStop; },
            .folder_opened = [watcher = &parts_.watcher, activity = activity_](
                                 int folder) { watcher->watch(folder, activity); },
            .trash_days = parts_.config.trash_days});
    const auto allowed = workspace_.metadata.annotations.find(kAllowDeletes);
    context_->guard.allowed = allowed == workspace_.metadata.annotations.end() ? 0 : number(allowed->second);
    return *context_;
}

awaitable<> WorkspaceAgent::write_control()
{
    const auto files = control_files(workspace_);
    auto body = [files, folder = parts_.inventory.control_folder(workspace_.metadata.name)] {
        if (!control_volume_holds(folder, files)) write_control_volume(folder, files);
    };
    co_await offload(parts_.work, body);
    control_written_ = control_hash(files);
}

awaitable<> WorkspaceAgent::restore()
{
    forget_final_receipt();
    co_await restore_files(context());
    restored_ = true;
    activity_->dirty = true;
    sync_due_ = parts_.clock.tick();
}

/// The workspace runs again: what was final is not any more.
void WorkspaceAgent::forget_final_receipt()
{
    journal_->set_fact(kFinalFact, "");
    final_receipt_.clear();
    if (status_.receipt && status_.receipt->final) status_.receipt.reset();
}

bool WorkspaceAgent::unchanged_folder() const
{
    const bool recent = last_walk_ && parts_.clock.tick() - *last_walk_ < parts_.config.full_scan_interval;
    return recent && !activity_->dirty && !activity_->blind && status_.pendingFiles == 0 &&
           status_.state == SyncState::idle;
}

awaitable<> WorkspaceAgent::sync()
{
    const auto started = parts_.clock.tick();
    sync_due_ = started + parts_.config.sync_interval;
    if (unchanged_folder()) {
        status_.lastSyncAt = parts_.clock.now();
        co_return;
    }
    forget_final_receipt();
    activity_->dirty = false;
    co_await sync_files(context(), false);
    last_walk_ = started;
    if (trash_emptied_) co_return;
    trash_emptied_ = true; // once per life of the agent is often enough for a limit of days
    const auto day =
        format_time(parts_.clock.now() - std::chrono::days{parts_.config.trash_days}).substr(0, 10);
    co_await store_->empty_trash(day);
}

awaitable<> WorkspaceAgent::final_sync()
{
    auto& files = context();
    if (journal_->fact(kRestoredFact).empty()) {
        if (co_await nothing_unsaved(files)) {
            status_.receipt = journal_receipt(files, true);
            status_.state = SyncState::complete;
            status_.message = "nothing was written here before the files from S3 were complete";
            co_await keep_final_receipt();
            co_return;
        }
        co_await restore_files(files);
        restored_ = true;
    }
    status_.state = SyncState::finalizing;
    changed();
    co_await sync_files(files, true);
    co_await keep_final_receipt();
}

awaitable<> WorkspaceAgent::keep_final_receipt()
{
    journal_->set_fact(kFinalFact, json::serialize(encode(*status_.receipt)));
    journal_->set_fact(kFinalIncarnationFact, std::to_string(workspace_.status.incarnation));
    auto body = [journal = journal_.get()] { journal->commit(); };
    co_await offload(parts_.work, body);
    final_receipt_ = status_.receipt->manifestHash;
    final_incarnation_ = workspace_.status.incarnation;
    log::info(
        "final sync done", {{"workspace", workspace_.metadata.name}, {"files", status_.receipt->files}});
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
    store_.reset();
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
