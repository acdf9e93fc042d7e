#include "node/sync.hpp"

#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "node/file_copy.hpp"
#include "node/filters.hpp"

#include <algorithm>
#include <filesystem>

namespace berth {

namespace {

constexpr std::size_t kBatchFiles = 256;
constexpr std::int64_t kBatchBytes = 128 << 20;
/// After so many tries a file that never rests is uploaded as it was read.
constexpr int kPatience = 3;
/// A larger manifest is not sent with every round.
constexpr std::size_t kSmallManifest = 256 << 10;
constexpr Duration kManifestInterval = std::chrono::seconds{60};

struct Staged {
    std::string path;
    TakenFile taken;
};

struct Staging {
    std::vector<Staged> files;
    std::vector<SkippedFile> failed; ///< could not be read
    Paths restless;                  ///< written to meanwhile
    std::int64_t bytes = 0;
};

RemoteFile remote_of(const TakenFile& taken)
{
    return {.size = taken.file.size, .md5 = taken.hashes.md5, .mtime = ""};
}

JournalFile entry_of(const TakenFile& taken)
{
    // Changed while it was read: S3 gets what was read, but it must go up again.
    return {.local = taken.changed ? LocalFile{} : taken.file,
        .md5 = taken.hashes.md5,
        .sha256 = taken.hashes.sha256,
        .remote = remote_of(taken)};
}

/// Copies a batch out of the folder; the copies are what is hashed and uploaded, so journal and S3 agree.
Staging stage(const SyncContext& context, const Paths& paths)
{
    const FileTree tree(context.root);
    const auto folder = staging_folder(context);
    clear_folder(folder);
    Staging staging;
    for (const auto& path : paths) {
        const auto copy = folder + "/" + path;
        try {
            auto taken = tree.take(path, copy, context.stop);
            if (!taken) continue;
            // What was read is what counts: a file that grew is as long as its copy.
            taken->file.size =
                taken->changed ? std::int64_t(std::filesystem::file_size(copy)) : taken->file.size;
            staging.files.push_back({path, std::move(*taken)});
        } catch (const Error& error) {
            if (context.stop) throw;
            std::error_code ignored;
            std::filesystem::remove(copy, ignored);
            staging.failed.push_back({printable(path), error.what()});
        }
    }
    return staging;
}

void drop_copy(const SyncContext& context, const std::string& path)
{
    std::error_code ignored;
    std::filesystem::remove(staging_folder(context) + "/" + path, ignored);
}

/// Takes out what need not go up: files that still change, and files whose content is what S3 has.
void thin_out(SyncContext& context, Staging& staging)
{
    std::erase_if(staging.files, [&](const Staged& file) {
        if (file.taken.changed && ++context.still_changing[file.path] < kPatience) {
            staging.restless.push_back(file.path);
            drop_copy(context, file.path);
            return true;
        }
        context.still_changing.erase(file.path);
        const auto known = context.journal.files().find(file.path);
        const bool same = known != context.journal.files().end() && !known->second.md5.empty() &&
                          known->second.md5 == file.taken.hashes.md5 &&
                          known->second.remote.size == file.taken.file.size &&
                          known->second.remote.md5 == file.taken.hashes.md5;
        if (!same) return false;
        auto entry = entry_of(file.taken);
        entry.remote = known->second.remote;
        context.journal.put(file.path, std::move(entry));
        drop_copy(context, file.path);
        return true;
    });
}

/// Does what plan_upload says for each file; afterwards the staging folder holds exactly what is to be
/// uploaded.
awaitable<> make_room(SyncContext& context, Staging& staging)
{
    Paths paths;
    for (const auto& file : staging.files) paths.push_back(file.path);
    const auto present = co_await context.store.head(std::move(paths));
    Paths trash;
    for (const auto& file : staging.files) {
        const auto found = present.find(file.path);
        const auto known = context.journal.files().find(file.path);
        const auto step = plan_upload(remote_of(file.taken),
            found == present.end() ? std::nullopt : std::optional(found->second),
            known == context.journal.files().end() ? nullptr : &known->second);
        if (step == UploadStep::Nothing)
            drop_copy(context, file.path);
        else
            staging.bytes += file.taken.file.size;
        if (step == UploadStep::Overwrite) trash.push_back(file.path);
        if (step == UploadStep::Conflict) {
            const auto other = conflict_name(file.path, context.clock.now());
            log::warning("somebody else wrote the same object; both versions are kept",
                {{"path", printable(file.path)}, {"other", printable(other)}});
            co_await context.store.copy(file.path, other);
        }
    }
    co_await context.store.copy_to_trash(std::move(trash), trash_stamp(context.clock.now()));
}

awaitable<> commit(SyncContext& context)
{
    auto body = [&journal = context.journal] { journal.commit(); };
    co_await offload(context.work, body);
}

/// Returns what could not be uploaded.
awaitable<Staging> upload_batch(SyncContext& context, Paths paths)
{
    auto body = [&] { return stage(context, paths); };
    auto staging = co_await offload(context.work, body);
    thin_out(context, staging);
    if (!staging.files.empty()) {
        co_await make_room(context, staging);
        co_await context.store.upload(staging_folder(context), staging.bytes);
        for (const auto& file : staging.files) context.journal.put(file.path, entry_of(file.taken));
    }
    co_await commit(context);
    clear_folder(staging_folder(context));
    co_return staging;
}

/// Batches in the plan's order; a batch never mixes ranks, because what is in one goes up in any order.
std::vector<Paths> upload_batches(const Paths& uploads, const TreeWalk& walk)
{
    std::vector<Paths> batches;
    std::int64_t bytes = 0;
    int rank = -1;
    for (const auto& path : uploads) {
        const auto size = walk.files.at(path).size;
        if (batches.empty() || upload_rank(path) != rank || batches.back().size() >= kBatchFiles ||
            bytes + size > kBatchBytes) {
            batches.emplace_back();
            bytes = 0;
            rank = upload_rank(path);
        }
        batches.back().push_back(path);
        bytes += size;
    }
    return batches;
}

/// What a round could not bring to S3.
struct Unsent {
    std::vector<SkippedFile> failed;
    std::int64_t restless = 0;
};

awaitable<> upload_all(SyncContext& context, const Paths& paths, const TreeWalk& walk, Unsent& unsent)
{
    for (const auto& batch : upload_batches(paths, walk)) {
        const auto done = co_await upload_batch(context, batch);
        unsent.failed.insert(unsent.failed.end(), done.failed.begin(), done.failed.end());
        unsent.restless += static_cast<std::int64_t>(done.restless.size());
        context.status.pendingFiles -=
            static_cast<std::int64_t>(batch.size() - done.failed.size() - done.restless.size());
        if (context.changed) context.changed();
    }
}

/// Before a final receipt S3 itself is asked: somebody else on the prefix may have overwritten in the moment
/// between our look and our upload. What is not there as we left it goes up again, theirs is kept beside it.
awaitable<> upload_again(SyncContext& context, const TreeWalk& walk, Unsent& unsent)
{
    auto present = co_await context.store.list();
    co_await complete_hashes(context.store, present);
    Paths lost;
    for (const auto& [path, known] : context.journal.files()) {
        const auto found = present.find(path);
        const bool there = found != present.end() && known.remote.same(found->second);
        if (!there && walk.files.contains(path)) lost.push_back(path);
    }
    for (const auto& path : lost) {
        auto entry = context.journal.files().at(path);
        entry.local = {};
        entry.remote = {};
        context.journal.put(path, std::move(entry));
        log::warning("an object is not as it was left; the file goes up again", {{"path", printable(path)}});
    }
    std::stable_sort(lost.begin(), lost.end(), [](const std::string& left, const std::string& right) {
        return upload_rank(left) < upload_rank(right);
    });
    context.status.pendingFiles += static_cast<std::int64_t>(lost.size());
    co_await upload_all(context, lost, walk, unsent);
}

/// Takes vanished files out of S3, by way of the trash, unless somebody else has written them since.
awaitable<> delete_files(SyncContext& context, Paths paths)
{
    auto still_gone = [&] {
        const FileTree tree(context.root);
        std::erase_if(paths, [&](const std::string& path) { return tree.stat(path).has_value(); });
    };
    co_await offload(context.work, still_gone);
    const auto present = co_await context.store.head(paths);
    Paths ours;
    for (const auto& path : paths) {
        const auto found = present.find(path);
        if (found != present.end() && context.journal.files().at(path).remote.same(found->second))
            ours.push_back(path);
    }
    co_await context.store.copy_to_trash(ours, trash_stamp(context.clock.now()));
    co_await context.store.remove(std::move(ours));
    for (const auto& path : paths) context.journal.erase(path);
    co_await commit(context);
}

Manifest manifest_in(const std::string& path)
{
    try {
        return parse_manifest(read_file(path));
    } catch (const Error& error) {
        // Only ever a copy: without it entries of others may stay a little longer.
        if (error.code() != Errc::NotFound)
            log::warning("a manifest can't be read", {{"error", error.what()}});
        return {};
    }
}

/// What the manifest in S3 says now: our copy of it, or a fresh one when somebody else wrote it since.
awaitable<Manifest> manifest_in_store(SyncContext& context, const std::optional<RemoteFile>& present)
{
    if (!present) co_return Manifest{};
    const bool theirs = present->md5.empty() || present->md5 != context.journal.fact(kManifestFact);
    if (theirs) co_await context.store.get(std::string(kManifestKey), manifest_copy(context));
    co_return manifest_in(manifest_copy(context));
}

/// Brings the manifest in S3 up to date, keeping what other workspaces on the prefix wrote into it; gives its
/// text.
awaitable<std::string> send_manifest(SyncContext& context, Manifest mine, bool final)
{
    const auto before = manifest_in(own_manifest(context));
    if (!final && mine == before) co_return to_text(manifest_in(manifest_copy(context)));
    const bool large = mine.files.size() * 200 > kSmallManifest;
    const bool recent =
        context.manifest_sent && context.clock.tick() - *context.manifest_sent < kManifestInterval;
    if (!final && large && recent) co_return to_text(manifest_in(manifest_copy(context)));
    const auto key = std::string(kManifestKey);
    const auto present = co_await context.store.stat(key);
    const auto text = to_text(merge(mine, co_await manifest_in_store(context, present), before));
    const auto copy = manifest_copy(context);
    write_file_atomically(copy, text);
    const auto md5 = hash_file(copy).md5;
    if (!present || present->md5 != md5) co_await context.store.put(copy, key);
    write_file_atomically(own_manifest(context), to_text(mine));
    context.journal.set_fact(kManifestFact, md5);
    co_await commit(context);
    context.manifest_sent = context.clock.tick();
    co_return text;
}

Receipt receipt_of(
    const std::string& manifest_text, const std::map<std::string, JournalFile>& files, bool final, Time now)
{
    Receipt receipt{.manifestHash = sha256_hex(manifest_text),
        .files = static_cast<std::int64_t>(files.size()),
        .at = now,
        .final = final};
    for (const auto& [path, file] : files) receipt.bytes += file.remote.size;
    return receipt;
}

/// Says in one sentence what was left out; empty when nothing was.
std::string left_out(const TreeWalk& walk, const SyncPlan& plan, const std::vector<SkippedFile>& failed)
{
    if (!plan.held.empty())
        return "deletes are held back: " + plan.held_reason +
               "; annotate the workspace with berth.dev/allow-deletes=" + std::to_string(plan.held.size()) +
               " to let them through";
    if (!failed.empty())
        return std::to_string(failed.size()) + " files could not be read, first " + failed.front().path +
               ": " + failed.front().reason;
    if (walk.skipped_count > 0)
        return std::to_string(walk.skipped_count) + " files can't be in S3, first " +
               walk.skipped.front().path + ": " + walk.skipped.front().reason;
    return "";
}

awaitable<TreeWalk> walk_folder(SyncContext& context)
{
    auto body = [&] { return FileTree(context.root).walk(context.stop, context.folder_opened); };
    co_return co_await offload(context.work, body);
}

} // namespace

awaitable<> sync_files(SyncContext& context, bool final)
{
    auto& status = context.status;
    const auto walk = co_await walk_folder(context);
    const bool restored = !context.journal.fact(kRestoredFact).empty();
    if (!restored) throw Error{Errc::Internal, "nothing is uploaded before the restore is complete"};
    const auto plan = plan_sync(walk, context.journal.files(), restored, context.guard);
    status.pendingFiles = static_cast<std::int64_t>(plan.uploads.size() + plan.deletes.size());
    if (status.pendingFiles > 0 || final) status.state = final ? SyncState::finalizing : SyncState::syncing;
    if (status.pendingFiles > 0 && context.changed) context.changed();
    Unsent unsent;
    co_await upload_all(context, plan.uploads, walk, unsent);
    if (final) co_await upload_again(context, walk, unsent);
    if (!plan.deletes.empty()) co_await delete_files(context, plan.deletes);
    const auto text = co_await send_manifest(context, make_manifest(walk, context.journal.files()), final);
    status.pendingFiles = static_cast<std::int64_t>(unsent.failed.size()) + unsent.restless;
    status.message = left_out(walk, plan, unsent.failed);
    if (final && (status.pendingFiles > 0 || !walk.complete))
        throw Error{Errc::Internal, "S3Error: not everything could be read: " + status.message};
    status.lastSyncAt = context.clock.now();
    if (status.pendingFiles == 0 && walk.complete)
        status.receipt = receipt_of(text, context.journal.files(), final, context.clock.now());
    status.state = final ? SyncState::complete : plan.held.empty() ? SyncState::idle : SyncState::held;
}

awaitable<bool> nothing_unsaved(SyncContext& context)
{
    const auto walk = co_await walk_folder(context);
    if (!walk.complete) co_return false;
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
    return receipt_of(text, context.journal.files(), final, context.clock.now());
}

} // namespace berth
