// One round folder → S3.

#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "node/filters.hpp"
#include "node/sync_parts.hpp"

namespace berth {

namespace {

/// Before a final receipt S3 itself is asked: it must have everything as we left it. What it lost goes up
/// again; what somebody else wrote in the meantime is theirs where the server can't have let them write over
/// ours unseen.
awaitable<> verify(SyncContext& context, const TreeWalk& walk, Unsent& unsent)
{
    const bool conditional = co_await context.store.conditional();
    const auto listing = co_await context.store.list();
    Paths lost;
    for (const auto& [path, known] : context.journal.files()) {
        const auto found = listing.files.find(path);
        const bool there = found != listing.files.end();
        if (there && (conditional || known.remote.same(found->second))) continue;
        if (walk.files.contains(path)) lost.push_back(path);
    }
    for (const auto& path : lost) {
        auto entry = context.journal.files().at(path);
        entry.local = {};
        entry.remote = {};
        context.journal.put(path, std::move(entry));
        log::warning("an object is not as it was left; the file goes up again", {{"path", printable(path)}});
    }
    context.status.pendingFiles += static_cast<std::int64_t>(lost.size());
    co_await upload_all(context, std::move(lost), walk, unsent);
}

std::string names(const TreeWalk& walk)
{
    constexpr std::size_t kNamed = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(walk.skipped.size(), kNamed); ++i)
        text += (i ? "; " : "") + walk.skipped[i].path + " (" + walk.skipped[i].reason + ")";
    return walk.skipped_count > std::int64_t(kNamed) ? text + "; …" : text;
}

/// Says in one sentence what was left out, or which conflict was the last; empty when there was neither.
std::string left_out(const SyncContext& context, const TreeWalk& walk, const SyncPlan& plan,
    const std::vector<SkippedFile>& failed)
{
    if (!plan.held.empty())
        return "deletes are held back: " + plan.held_reason +
               "; POST /api/containers/{id}/sync/confirm-deletes lets them through";
    if (!failed.empty())
        return std::to_string(failed.size()) + " files could not be saved, first " + failed.front().path +
               ": " + failed.front().reason;
    if (walk.skipped_count > 0) return std::to_string(walk.skipped_count) + " files can't be in S3: " + names(walk);
    return context.last_conflict;
}

} // namespace

awaitable<> sync_files(SyncContext& context, SyncRound round)
{
    auto& status = context.status;
    const bool restored = !context.journal.fact(kRestoredFact).empty();
    if (!restored) throw Error{Errc::Internal, "nothing is uploaded before the restore is complete"};
    if (round.final) status.state = SyncState::finalizing;
    if (round.final || round.compare || context.compare_soon) co_await compare_with_store(context);
    const auto walk = co_await walk_folder(context);
    auto make_plan = [&] { return plan_sync(walk, context.journal.files(), restored, context.guard); };
    const auto plan = co_await offload(context.work, make_plan);
    status.pendingFiles = static_cast<std::int64_t>(plan.uploads.size() + plan.deletes.size());
    if (status.pendingFiles > 0 && !round.final) status.state = SyncState::syncing;
    if (status.pendingFiles > 0 && context.changed) context.changed();
    Unsent unsent;
    co_await upload_all(context, plan.uploads, walk, unsent);
    if (!plan.deletes.empty()) co_await delete_files(context, plan.deletes, unsent);
    if (round.final) co_await verify(context, walk, unsent);
    const auto receipt = co_await send_manifest(context, walk, round.final, !plan.deletes.empty());
    status.pendingFiles = static_cast<std::int64_t>(unsent.failed.size()) + unsent.restless;
    status.heldDeletes = static_cast<std::int64_t>(plan.held.size());
    status.message = left_out(context, walk, plan, unsent.failed);
    // What can't be in S3 is kept on the node: its user can rename it, or give it up by force.
    if (round.final && (status.pendingFiles > 0 || walk.skipped_count > 0 || !walk.complete))
        throw Error{Errc::Internal, "S3Error: not everything could be saved: " + status.message};
    status.lastSyncAt = context.clock.now();
    // What a compare did not find in S3 is looked for once more before anything is said of it.
    const bool sure = status.pendingFiles == 0 && walk.complete && (round.final || context.vanished.empty());
    if (sure && receipt) status.receipt = receipt;
    status.state = round.final ? SyncState::complete : plan.held.empty() ? SyncState::idle : SyncState::held;
}

awaitable<bool> nothing_unsaved(SyncContext& context)
{
    const auto walk = co_await walk_folder(context);
    if (!walk.complete || walk.skipped_count > 0) co_return false;
    for (const auto& [path, file] : walk.files) {
        const auto known = context.journal.files().find(path);
        if (known == context.journal.files().end() || !known->second.local.same_content(file))
            co_return false;
    }
    co_return walk.links.empty();
}

Receipt journal_receipt(const SyncContext& context, bool final)
{
    const auto text = to_text(make_manifest(TreeWalk{}, context.journal.files()));
    return receipt_of(sha256_hex(text), context.journal, final, context.clock.now());
}

} // namespace berth
