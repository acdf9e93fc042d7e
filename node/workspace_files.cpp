// What a workspace's agent does with its files: journal, restore, rounds, what people asked for, the last
// sync.

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "node/control_volume.hpp"
#include "node/file_copy.hpp"
#include "node/workspace_agent.hpp"

#include <charconv>
#include <filesystem>

namespace berth {

namespace {

constexpr const char* kSourceFact = "source";
constexpr const char* kVolumeFact = "volume";
constexpr const char* kFinalFact = "final-receipt";
constexpr const char* kFinalIncarnationFact = "final-incarnation";
constexpr const char* kRequestsFact = "requests";
/// The banner is not written more often than this while files come in.
constexpr Duration kBannerInterval = std::chrono::seconds{2};
constexpr Duration kDay = std::chrono::hours{24};

std::int64_t number(std::string_view text)
{
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string in_megabytes(std::int64_t bytes) { return std::to_string((bytes + 999'999) / 1'000'000); }

} // namespace

/// Opens the journal, and starts over when the volume or the source is not the one it tells of.
awaitable<> WorkspaceAgent::prepare()
{
    const auto source = complete_source(workspace_.spec.s3, parts_.config);
    const auto identity = source_identity(source);
    auto body = [this, identity, root = parts_.inventory.files_folder(workspace_.metadata.name)] {
        if (!journal_) journal_ = std::make_unique<SyncJournal>(folder_);
        auto* journal = journal_.get();
        const auto volume = volume_identity(root);
        const bool same_volume =
            journal->fact(kVolumeFact) == volume || planted("agent.journal-of-another-volume");
        const bool other = journal->fact(kSourceFact) != identity || !same_volume;
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
        drop_store();
        store_source_ = source;
        store_ = parts_.world.open_store(source);
    }
    if (!fresh) co_return;
    recall_receipt();
    const auto& asked = journal_->fact(kRequestsFact);
    observed_requests_ = asked.empty() ? workspace_.status.observedRequests
                                       : decode<SyncRequests>(parse_json(asked), Unknown::Ignore);
}

void WorkspaceAgent::drop_store()
{
    if (store_) earlier_requests_ += store_->requests();
    store_.reset();
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
        status_.restoredFiles = status_.restoreFiles = static_cast<std::int64_t>(journal_->files().size());
    }
}

SyncContext& WorkspaceAgent::context()
{
    if (!context_)
        context_.reset(new SyncContext{.root = parts_.inventory.files_folder(workspace_.metadata.name),
            .writer = workspace_.metadata.name,
            .journal = *journal_,
            .store = *store_,
            .clock = parts_.clock,
            .work = parts_.work,
            .stop = parts_.stop,
            .status = status_,
            .changed = [this] { changed(); },
            .progressed = [this] { return show_progress(); },
            .abandoned = [this] { return workspace_.spec.forceStop; },
            .folder_opened = [world = &parts_.world, activity = activity_](
                                 int folder) { world->watch_folder(folder, activity); }});
    return *context_;
}

awaitable<> WorkspaceAgent::show_banner(std::string text)
{
    if (!local_.control_volume) co_return;
    auto body = [text, folder = parts_.inventory.control_folder(workspace_.metadata.name)] {
        try {
            put_control_file(folder, "banner", text);
        } catch (const Error& error) {
            log::warning("the banner can't be written", {{"error", error.what()}});
        }
    };
    co_await offload(parts_.work, body);
}

/// New terminals say how far the restore is.
awaitable<> WorkspaceAgent::show_progress()
{
    const auto now = parts_.clock.tick();
    if (now < banner_due_ || status_.state != SyncState::restoring) co_return;
    banner_due_ = now + kBannerInterval;
    co_await show_banner("Workspace " + workspace_.metadata.name +
                         ": your files are on their way: " + std::to_string(status_.restoredFiles) + " of " +
                         std::to_string(status_.restoreFiles) + " files, " +
                         in_megabytes(status_.restoredBytes) + " of " + in_megabytes(status_.restoreBytes) +
                         " MB are here. What you save goes to your bucket as soon as all are.\n");
}

awaitable<> WorkspaceAgent::restore()
{
    forget_final_receipt();
    const OwnWrites own(activity_, parts_.clock);
    banner_due_ = parts_.clock.tick();
    co_await restore_files(context());
    auto files = control_files(workspace_, parts_.config.s3_access_key);
    co_await show_banner(std::move(files["banner"]));
    restored_ = true;
    activity_->dirty = true;
    sync_due_ = parts_.clock.tick();
    compare_due_ = sync_due_ + parts_.config.compare_interval;
}

/// The workspace runs again: what was final is not any more.
void WorkspaceAgent::forget_final_receipt()
{
    if (planted("agent.old-receipt-stays")) return;
    journal_->set_fact(kFinalFact, "");
    final_receipt_.clear();
    if (status_.receipt && status_.receipt->final) status_.receipt.reset();
}

bool WorkspaceAgent::unchanged_folder() const
{
    const bool recent = last_walk_ && parts_.clock.tick() - *last_walk_ < parts_.config.full_scan_interval;
    const bool expecting = context_ && context_->compare_soon;
    return recent && !activity_->dirty && !activity_->blind && status_.pendingFiles == 0 && !expecting &&
           status_.state == SyncState::idle;
}

bool WorkspaceAgent::asked_for_sync() const
{
    const auto& asked = workspace_.spec.requests;
    return asked.sync != observed_requests_.sync ||
           asked.confirmDeletes != observed_requests_.confirmDeletes ||
           asked.restore != observed_requests_.restore;
}

/// What the next round shall do; arms the guard when a person confirmed just the deletes that are held back.
SyncRound WorkspaceAgent::round_for(const SyncRequests& asked, Tick now)
{
    const bool confirmed = asked.confirmDeletes != observed_requests_.confirmDeletes;
    // After a restart of the agent only berthd knows what the person saw.
    const auto held = status_.heldDeletes > 0 ? status_.heldDeletes : workspace_.status.sync.heldDeletes;
    context().guard.allowed = confirmed ? held : 0;
    return {.compare = now >= compare_due_ || confirmed || asked.sync != observed_requests_.sync};
}

awaitable<> WorkspaceAgent::sync()
{
    const auto started = parts_.clock.tick();
    const auto asked = workspace_.spec.requests;
    sync_due_ = started + parts_.config.sync_interval;
    if (asked.restore != observed_requests_.restore) co_return co_await go_back(asked);
    const auto round = round_for(asked, started);
    if (!round.compare && unchanged_folder()) {
        status_.lastSyncAt = parts_.clock.now();
        co_return;
    }
    forget_final_receipt();
    activity_->dirty = false;
    {
        std::optional<OwnWrites> own; // a compare may bring files of others
        if (round.compare || context().compare_soon) own.emplace(activity_, parts_.clock);
        co_await sync_files(context(), round);
    }
    last_walk_ = started;
    if (round.compare) compare_due_ = started + parts_.config.compare_interval;
    auto done = asked;
    done.restore = observed_requests_.restore;
    done.restoreAt = observed_requests_.restoreAt;
    co_await keep_requests(std::move(done));
    co_await empty_trash_daily();
}

/// The folder as it was at a time that a person named.
awaitable<> WorkspaceAgent::go_back(SyncRequests asked)
{
    forget_final_receipt();
    std::string said = "asked to go back, but to no time";
    if (asked.restoreAt) {
        const OwnWrites own(activity_, parts_.clock);
        said = co_await restore_files_at(context(), *asked.restoreAt);
    }
    status_.message = said;
    activity_->dirty = true;
    auto done = observed_requests_;
    done.restore = asked.restore;
    done.restoreAt = asked.restoreAt;
    co_await keep_requests(std::move(done));
}

awaitable<> WorkspaceAgent::keep_requests(SyncRequests done)
{
    if (done == observed_requests_) co_return;
    observed_requests_ = done;
    auto body = [journal = journal_.get(), done] {
        journal->set_fact(kRequestsFact, json::serialize(encode(done)));
        journal->commit();
    };
    co_await offload(parts_.work, body);
    changed();
}

awaitable<> WorkspaceAgent::empty_trash_daily()
{
    const auto now = parts_.clock.tick();
    if (trash_emptied_ && now - *trash_emptied_ < kDay) co_return;
    const auto day =
        format_time(parts_.clock.now() - std::chrono::days{parts_.config.trash_days}).substr(0, 10);
    co_await store_->empty_trash(day);
    trash_emptied_ = now;
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
    auto asked = workspace_.spec.requests;
    round_for(asked, parts_.clock.tick());
    const SyncRound round{.final = true};
    co_await sync_files(files, round);
    asked.restore = observed_requests_.restore;
    asked.restoreAt = observed_requests_.restoreAt;
    co_await keep_requests(std::move(asked));
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

} // namespace berth
