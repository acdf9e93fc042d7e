// Folder → S3: batches of files are copied out of the folder, and the copies go up.

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "node/file_copy.hpp"
#include "node/filters.hpp"
#include "node/sync_parts.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace berth {

namespace {

constexpr std::size_t kBatchFiles = 512;
constexpr std::int64_t kBatchBytes = 128 << 20;
/// After so many tries a file that never rests is uploaded as it was read.
constexpr int kPatience = 3;
/// So many refused at once and none taken: that is the server, not the files.
constexpr std::size_t kManyRefused = 100;
/// So often somebody else may be quicker at the same object before the next round tries again.
constexpr int kConflictTries = 5;
/// An object that is refused because it is there, and is found missing more often than this, is not there.
constexpr int kBelievedMissing = 2;

struct Staged {
    std::string path;
    std::string copy; ///< where the content is
    TakenFile taken;
    Expect expect{};
    bool refused = false;
};

struct Staging {
    std::vector<Staged> files;
    std::vector<SkippedFile> failed; ///< could not be read, or S3 refuses them
    std::int64_t restless = 0;       ///< written to meanwhile
};

SkippedFile refused_by_s3(const std::string& path, const Error& error)
{
    log::warning("S3 refuses a file", {{"path", printable(path)}, {"error", error.what()}});
    const std::string_view text = error.what();
    return {
        printable(path), "S3 refuses it" + std::string(text.substr(std::min(text.find(':'), text.size())))};
}

JournalFile entry_of(const Staged& file, const std::string& etag)
{
    // Changed while it was read: S3 gets what was read, but it must go up again.
    return {.local = file.taken.changed ? LocalFile{} : file.taken.file,
        .md5 = file.taken.hashes.md5,
        .sha256 = file.taken.hashes.sha256,
        .remote = {.size = file.taken.file.size, .etag = etag}};
}

/// Copies a batch out of the folder; the copies are what is hashed and uploaded, so journal and S3 agree.
Staging stage(const SyncContext& context, const Paths& paths)
{
    const FileTree tree(context.root);
    const auto folder = staging_folder(context);
    clear_folder(folder);
    Staging staging;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const auto& path = paths[i];
        const auto copy = folder + "/" + std::to_string(i);
        try {
            auto taken = tree.take(path, copy, context.stop);
            if (!taken) continue;
            // What was read is what counts: a file that grew is as long as its copy.
            if (taken->changed) taken->file.size = std::int64_t(std::filesystem::file_size(copy));
            staging.files.push_back({path, copy, std::move(*taken)});
        } catch (const Error& error) {
            if (context.stop) throw;
            std::error_code ignored;
            std::filesystem::remove(copy, ignored);
            staging.failed.push_back({printable(path), error.what()});
        }
    }
    return staging;
}

/// Takes out what need not go up: files that still change, and files whose content is what S3 has.
void thin_out(SyncContext& context, Staging& staging)
{
    std::erase_if(staging.files, [&](const Staged& file) {
        if (file.taken.changed && ++context.still_changing[file.path] < kPatience) {
            ++staging.restless;
            return true;
        }
        context.still_changing.erase(file.path);
        const auto known = context.journal.files().find(file.path);
        const bool same = known != context.journal.files().end() && !known->second.remote.etag.empty() &&
                          known->second.sha256 == file.taken.hashes.sha256 &&
                          known->second.remote.size == file.taken.file.size;
        if (same) context.journal.put(file.path, entry_of(file, known->second.remote.etag));
        return same;
    });
}

/// Brings what is about to be overwritten to the trash: exactly the version that we know of. What is
/// something else by now will be met by the upload.
awaitable<> save_old_versions(SyncContext& context, Staging& staging)
{
    const auto stamp = trash_stamp(context.clock.now());
    std::vector<CopyItem> copies;
    std::vector<Staged*> owners;
    for (auto& file : staging.files) {
        const auto known = context.journal.files().find(file.path);
        file.expect.kind = Expect::Kind::Absent;
        if (known == context.journal.files().end() || known->second.remote.etag.empty()) continue;
        const auto& remote = known->second.remote;
        file.expect = {Expect::Kind::Version, remote.etag};
        owners.push_back(&file);
        copies.push_back({file.path, trash_path(stamp, file.path), remote.size, remote.etag});
    }
    if (copies.empty()) co_return;
    const auto results = co_await context.store.copy(std::move(copies));
    throw_general_failure(results);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i].outcome == Outcome::Missing) owners[i]->expect = {Expect::Kind::Absent, ""};
        owners[i]->refused = results[i].failure.has_value();
        if (owners[i]->refused) staging.failed.push_back(refused_by_s3(owners[i]->path, *results[i].failure));
    }
    std::erase_if(staging.files, [](const Staged& file) { return file.refused; });
}

PutItem put_item(const SyncContext& context, const Staged& file)
{
    return {.path = file.path,
        .file = file.copy,
        .size = file.taken.file.size,
        .mtime = file.taken.file.mtime,
        .sha256 = file.taken.hashes.sha256,
        .expect = file.expect,
        .written = context.clock.now()};
}

/// Somebody else wrote the object: theirs is kept under another name, then ours takes its place. False: not
/// yet.
awaitable<bool> settle_conflict(SyncContext& context, Staged file)
{
    int missed = 0;
    for (int attempt = 0; attempt < kConflictTries; ++attempt) {
        Paths paths(1, file.path);
        const auto present = co_await context.store.head(std::move(paths));
        const auto found = present.find(file.path);
        file.expect = {Expect::Kind::Absent, ""};
        if (found != present.end()) {
            const auto& theirs = found->second;
            if (theirs.etag == file.taken.hashes.md5 && theirs.size == file.taken.file.size) {
                context.journal.put(file.path, entry_of(file, theirs.etag)); // the same content after all
                co_return true;
            }
            const auto other = conflict_name(file.path, context.clock.now(), theirs.etag);
            std::vector<CopyItem> copy;
            copy.push_back({file.path, other, theirs.size, theirs.etag});
            const auto kept = co_await context.store.copy(std::move(copy));
            throw_failure(kept);
            if (kept[0].outcome != Outcome::Done) continue; // it changes again
            file.expect = {Expect::Kind::Version, theirs.etag};
            log::warning("somebody else wrote the same object; both versions are kept",
                {{"path", printable(file.path)}, {"other", printable(other)}});
            ++context.status.conflicts;
            context.last_conflict =
                "somebody else wrote " + printable(file.path) + " too; their version is " + printable(other);
            context.compare_soon = true;
        } else if (++missed > kBelievedMissing) {
            // For a server that keeps folders one that is empty is in the way of "only if there is nothing" for
            // minutes, and nothing is what there is.
            file.expect.kind = Expect::Kind::Anything;
        }
        std::vector<PutItem> item;
        item.push_back(put_item(context, file));
        const auto sent = co_await context.store.put(std::move(item));
        throw_failure(sent);
        if (sent[0].outcome != Outcome::Done) continue;
        context.journal.put(file.path, entry_of(file, sent[0].etag));
        co_return true;
    }
    co_return false;
}

/// Uploads what is staged. What went up is in the journal even when something else failed.
awaitable<> send(SyncContext& context, Staging& staging)
{
    co_await save_old_versions(context, staging);
    std::vector<PutItem> items;
    for (const auto& file : staging.files) items.push_back(put_item(context, file));
    if (planted("sync.noted-before-it-is-sent"))
        for (const auto& file : staging.files) context.journal.put(file.path, entry_of(file, file.taken.hashes.md5));
    const auto results = co_await context.store.put(std::move(items));
    for (std::size_t i = 0; i < results.size(); ++i)
        if (results[i].outcome == Outcome::Done || planted("sync.refused-is-sent"))
            context.journal.put(staging.files[i].path, entry_of(staging.files[i], results[i].etag));
    co_await commit(context);
    throw_general_failure(results);
    const auto is_refused = [](const ItemResult& result) { return result.failure.has_value(); };
    if (results.size() >= kManyRefused && std::all_of(results.begin(), results.end(), is_refused))
        throw_failure(results);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i].outcome == Outcome::Done) continue;
        try {
            if (results[i].failure) throw *results[i].failure;
            const bool settled = co_await settle_conflict(context, staging.files[i]);
            if (!settled) ++staging.restless;
        } catch (const Error& error) {
            if (!is_about_one(error)) throw;
            staging.failed.push_back(refused_by_s3(staging.files[i].path, error));
        }
    }
}

/// Batches in the given order; a batch never mixes ranks, because what is in one goes up in any order.
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

} // namespace

awaitable<> upload_all(SyncContext& context, Paths paths, const TreeWalk& walk, Unsent& unsent)
{
    upload_order(paths);
    for (const auto& batch : upload_batches(paths, walk)) {
        auto body = [&] { return stage(context, batch); };
        auto staging = co_await offload(context.work, body);
        thin_out(context, staging);
        if (!staging.files.empty()) co_await send(context, staging);
        auto finish = [&] {
            context.journal.commit();
            clear_folder(staging_folder(context));
        };
        co_await offload(context.work, finish);
        unsent.failed.insert(unsent.failed.end(), staging.failed.begin(), staging.failed.end());
        unsent.restless += staging.restless;
        context.status.pendingFiles -=
            static_cast<std::int64_t>(batch.size() - staging.failed.size()) - staging.restless;
        if (context.changed) context.changed();
    }
}

awaitable<> delete_files(SyncContext& context, Paths paths, Unsent& unsent)
{
    auto still_gone = [&] {
        const FileTree tree(context.root);
        std::erase_if(paths, [&](const std::string& path) { return tree.stat(path).has_value(); });
    };
    co_await offload(context.work, still_gone);
    const auto stamp = trash_stamp(context.clock.now());
    std::vector<CopyItem> copies;
    for (const auto& path : paths) {
        const auto& remote = context.journal.files().at(path).remote;
        if (!remote.etag.empty()) copies.push_back({path, trash_path(stamp, path), remote.size, remote.etag});
    }
    std::set<std::string> refused; // they stay in the journal and are tried again
    const auto refuse = [&](const std::string& path, const std::optional<Error>& failure) {
        if (failure && refused.insert(path).second) unsent.failed.push_back(refused_by_s3(path, *failure));
    };
    const auto saved = co_await context.store.copy(copies);
    throw_general_failure(saved);
    std::vector<RemoveItem> ours; // the rest is gone already, or somebody else wrote it
    for (std::size_t i = 0; i < saved.size(); ++i) {
        if (saved[i].outcome == Outcome::Done) ours.push_back({copies[i].from, copies[i].etag});
        if (saved[i].outcome == Outcome::Changed) context.compare_soon = true;
        refuse(copies[i].from, saved[i].failure);
    }
    const auto removed = co_await context.store.remove(ours);
    throw_general_failure(removed);
    for (std::size_t i = 0; i < removed.size(); ++i) refuse(ours[i].path, removed[i].failure);
    for (const auto& path : paths)
        if (!refused.contains(path)) context.journal.erase(path);
    co_await commit(context);
}

} // namespace berth
