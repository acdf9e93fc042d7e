// S3 → folder at the start of a workspace.

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "node/filters.hpp"
#include "node/sync_parts.hpp"

#include <algorithm>

namespace berth {

namespace {

/// Up to here a file is small, and up to there it is of middle size, in bytes.
constexpr std::int64_t kSmall = 256 << 10;
constexpr std::int64_t kMiddle = 8 << 20;

/// Takes out what can't be a file here; says which.
std::size_t drop_unsafe(RemoteFiles& files)
{
    std::erase_if(files, [](const auto& item) { return is_books_of_another(item.first); });
    return std::erase_if(files, [](const auto& item) {
        const auto problem = path_problem(item.first);
        if (problem) log::warning("object skipped", {{"key", printable(item.first)}, {"reason", *problem}});
        return problem.has_value();
    });
}

int size_class(std::int64_t size) { return size <= kSmall ? 0 : size <= kMiddle ? 1 : 2; }

/// A file that was there before us: S3's version goes beside it unless both are the same.
JournalFile meet_existing(const FileTree& tree, const Arrived& arrived, std::int64_t mode, Time now)
{
    static const std::atomic<bool> never{false};
    const auto& path = arrived.wanted.path;
    JournalFile entry{.md5 = arrived.hashes.md5, .sha256 = arrived.hashes.sha256};
    const auto before = tree.stat(path);
    const auto here = before ? tree.hash(path, never) : std::nullopt;
    const auto after = tree.stat(path);
    if (here && here->sha256 == arrived.hashes.sha256 && after && before->same_content(*after)) {
        entry.local = *after;
        return entry;
    }
    tree.put(arrived.file, conflict_name(path, now, arrived.etag), {.mode = mode, .mtime = arrived.mtime});
    log::warning(
        "a file differed from S3 and was kept; S3's version is beside it", {{"path", printable(path)}});
    return entry; // zeros as the local state: what is here goes up in the next round
}

std::int64_t mode_in(const Manifest& tree, const std::string& path)
{
    const auto known = tree.files.find(path);
    return known == tree.files.end() ? kPlainMode : known->second.mode;
}

void place_extras(const std::string& root, const Manifest& manifest)
{
    const FileTree tree(root);
    for (const auto& [path, target] : manifest.links) {
        try {
            tree.put_link(path, target);
        } catch (const Error& error) {
            log::warning("link skipped", {{"path", printable(path)}, {"reason", error.what()}});
        }
    }
    // Deepest first: a folder's mode may forbid to make something in it.
    for (auto folder = manifest.folders.rbegin(); folder != manifest.folders.rend(); ++folder) {
        try {
            tree.make_folder(folder->first, folder->second);
        } catch (const Error& error) {
            log::warning("folder skipped", {{"path", printable(folder->first)}, {"reason", error.what()}});
        }
    }
}

/// Small files first, and of them those that were used last: what somebody wants to see is there soon.
std::vector<Wanted> in_order(const RemoteFiles& files, const std::map<std::string, JournalFile>& done)
{
    std::vector<Wanted> wanted;
    for (const auto& [path, object] : files)
        if (!done.contains(path)) wanted.push_back({.path = path, .object = object});
    std::stable_sort(wanted.begin(), wanted.end(), [](const Wanted& left, const Wanted& right) {
        const int a = size_class(left.object.size);
        const int b = size_class(right.object.size);
        return a != b ? a < b : left.object.modified > right.object.modified;
    });
    return wanted;
}

/// What there is to bring, and what is here already.
void count(SyncStatus& status, const RemoteFiles& files, const std::vector<Wanted>& wanted)
{
    for (const auto& [path, object] : files) status.restoreBytes += object.size;
    status.restoreFiles = static_cast<std::int64_t>(files.size());
    status.restoredFiles = status.restoreFiles - static_cast<std::int64_t>(wanted.size());
    status.restoredBytes = status.restoreBytes;
    for (const auto& one : wanted) status.restoredBytes -= one.object.size;
}

void place_restored(
    SyncContext& context, const Manifest& tree, const FileTree& folder, const Arrived& arrived, Time now)
{
    const auto& path = arrived.wanted.path;
    const auto mode = mode_in(tree, path);
    JournalFile entry{.md5 = arrived.hashes.md5, .sha256 = arrived.hashes.sha256};
    if (const auto local = put_arrived(folder, arrived, mode))
        entry.local = *local;
    else
        entry = meet_existing(folder, arrived, mode, now);
    entry.remote = {.size = arrived.wanted.object.size, .etag = arrived.etag};
    context.journal.put(path, std::move(entry));
}

} // namespace

awaitable<> restore_files(SyncContext& context)
{
    auto& status = context.status;
    status.state = SyncState::restoring;
    status.restoreFiles = status.restoreBytes = status.restoredFiles = status.restoredBytes = 0;
    if (context.changed) context.changed();
    auto listing = co_await context.store.list();
    if (planted("restore.noted-too-early")) context.journal.set_fact(kRestoredFact, "before it was done");
    const auto skipped = drop_unsafe(listing.files);
    const auto tree = co_await fetch_tree(context, listing);
    auto wanted = in_order(listing.files, context.journal.files());
    count(status, listing.files, wanted);
    if (context.changed) context.changed();
    auto place = [&, now = context.clock.now()](const FileTree& folder, const Arrived& arrived) {
        place_restored(context, tree, folder, arrived, now);
    };
    auto progress = [&](std::int64_t files, std::int64_t bytes) {
        status.restoredFiles += files;
        status.restoredBytes += bytes;
        if (context.changed) context.changed();
    };
    Place place_function = place;
    std::function<void(std::int64_t, std::int64_t)> progress_function = progress;
    co_await fetch_all(context, std::move(wanted), std::move(place_function), std::move(progress_function));
    auto finish = [&] {
        place_extras(context.root, tree);
        context.journal.set_fact(kRestoredFact, format_time(context.clock.now()));
        context.journal.commit();
    };
    co_await offload(context.work, finish);
    status.state = SyncState::idle;
    status.message =
        skipped == 0 ? "" : std::to_string(skipped) + " objects with unusable names were skipped";
    log::info("files restored", {{"files", status.restoredFiles}, {"skipped", skipped}});
}

} // namespace berth
