// What others on the same prefix did, brought here: now and then everything in S3 is compared with the
// journal.

#include "controller/base/log.hpp"
#include "node/file_copy.hpp"
#include "node/filters.hpp"
#include "node/sync_parts.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace berth {

namespace {

constexpr std::size_t kBatchFiles = 256;

/// What the list of S3 says beside what we know.
struct Differences {
    std::vector<Wanted> changed; ///< newer versions of files that are here as we left them, and new files
    Paths deleted;               ///< another workspace deleted these; they are here as we left them
    Paths lost;                  ///< gone from S3 although nobody deleted them
    std::map<std::string, std::string> vanished; ///< gone from S3 since just now: look once more
    bool met = false;                            ///< a newer version of a file that is not here as we left it
};

/// Whether a manifest that we just read says who wrote this version (its plain MD5 is its ETag).
bool is_explained(const std::vector<ForeignManifest>& news, const std::string& path, const std::string& etag)
{
    return std::any_of(news.begin(), news.end(), [&](const ForeignManifest& one) {
        const auto entry = one.now.files.find(path);
        return entry != one.now.files.end() && !etag.empty() && entry->second.md5 == etag;
    });
}

/// What the trash holds, as path and version: another workspace that deletes a file brings it there first.
using Trash = std::set<std::pair<std::string, std::string>>;

awaitable<Trash> deleted_by_others(SyncContext& context, const RemoteFiles& files)
{
    Trash trash;
    const auto& known = context.journal.files();
    const bool missing = std::any_of(known.begin(), known.end(),
        [&](const auto& item) { return !item.second.remote.etag.empty() && !files.contains(item.first); });
    if (!missing) co_return trash;
    for (auto& file : co_await context.store.list_trash())
        trash.emplace(std::move(file.path), std::move(file.object.etag));
    co_return trash;
}

void look_at_object(const SyncContext& context, const FileTree& tree, const std::string& path,
    const RemoteFile& object, Differences& found)
{
    const auto known = context.journal.files().find(path);
    if (known != context.journal.files().end()) {
        if (known->second.remote.same(object)) return;
        const auto here = tree.stat(path);
        // What was changed here as well is met by the upload, which keeps both, or finds that it was only
        // touched.
        if (here && known->second.local.same_content(*here))
            found.changed.push_back({.path = path, .object = object, .here = here});
        else if (here)
            found.met = true;
        return;
    }
    if (path_problem(path) || is_filtered_path(path) || tree.exists(path)) return;
    const auto failed = context.unplaceable.find(path);
    if (failed != context.unplaceable.end() && failed->second == object.etag) return;
    found.changed.push_back({.path = path, .object = object});
}

Differences find_differences(const SyncContext& context, const RemoteFiles& files, const Trash& trash)
{
    Differences found;
    const FileTree tree(context.root);
    for (const auto& [path, object] : files) look_at_object(context, tree, path, object, found);
    for (const auto& [path, known] : context.journal.files()) {
        if (known.remote.etag.empty() || files.contains(path)) continue;
        const auto here = tree.stat(path);
        if (!here) continue; // the round will see that it is gone on both sides
        const auto before = context.vanished.find(path);
        if (known.local.same_content(*here) && trash.contains({path, known.remote.etag}))
            found.deleted.push_back(path);
        else if (before != context.vanished.end() && before->second == known.remote.etag)
            found.lost.push_back(path);
        else
            found.vanished[path] = known.remote.etag;
    }
    return found;
}

/// Versions of ours that somebody overwrote without a trace of them in the trash go there first.
awaitable<> save_ours(SyncContext& context, const Paths& paths)
{
    const auto stamp = trash_stamp(context.clock.now());
    for (std::size_t begin = 0; begin < paths.size(); begin += kBatchFiles) {
        auto take = [&] {
            std::vector<PutItem> items;
            const FileTree tree(context.root);
            const auto folder = staging_folder(context);
            clear_folder(folder);
            for (auto i = begin; i < std::min(begin + kBatchFiles, paths.size()); ++i) {
                const auto copy = folder + "/" + std::to_string(i);
                const auto taken = tree.take(paths[i], copy, context.stop);
                if (!taken || taken->changed)
                    continue; // it is not as we left it any more and goes up by itself
                items.push_back({.path = trash_path(stamp, paths[i]),
                    .file = copy,
                    .size = taken->file.size,
                    .mtime = taken->file.mtime,
                    .sha256 = taken->hashes.sha256,
                    .expect = {}});
            }
            return items;
        };
        auto items = co_await offload(context.work, take);
        throw_failure(co_await context.store.put(std::move(items)));
    }
}

/// Newer versions take the place of ours; what is written to in this moment stays and goes up in the next
/// round.
awaitable<> pull(SyncContext& context, std::vector<Wanted> wanted, const std::vector<ForeignManifest>& news)
{
    if (wanted.empty()) co_return;
    const bool conditional = co_await context.store.conditional();
    Paths unsaved;
    for (const auto& one : wanted)
        if (one.here && !(conditional && is_explained(news, one.path, one.object.etag)))
            unsaved.push_back(one.path);
    co_await save_ours(context, unsaved);
    log::info(
        "others changed files of this prefix", {{"workspace", context.writer}, {"files", wanted.size()}});
    auto place = [&](const FileTree& tree, const Arrived& arrived) {
        const auto& path = arrived.wanted.path;
        std::int64_t mode = arrived.wanted.here ? arrived.wanted.here->mode : kPlainMode;
        for (const auto& one : news)
            if (const auto entry = one.now.files.find(path); entry != one.now.files.end())
                mode = entry->second.mode;
        const auto local = put_arrived(tree, arrived, mode);
        if (!local) {
            context.compare_soon = true; // somebody writes here in this moment; perhaps the same again
            return;
        }
        context.journal.put(path, {.local = *local,
                                      .md5 = arrived.hashes.md5,
                                      .sha256 = arrived.hashes.sha256,
                                      .remote = {.size = arrived.wanted.object.size, .etag = arrived.etag}});
    };
    Place place_function = place;
    std::function<void(std::int64_t, std::int64_t)> no_progress;
    co_await fetch_all(context, std::move(wanted), std::move(place_function), std::move(no_progress));
}

/// Removes here what another workspace deleted (it is in the trash). Folders that this empties go too, unless
/// the other one kept them.
awaitable<> pull_deletes(SyncContext& context, Paths paths, const std::vector<ForeignManifest>& news)
{
    if (paths.empty()) co_return;
    const auto still_there = co_await context.store.head(paths);
    auto body = [&] {
        const FileTree tree(context.root);
        for (const auto& path : paths) {
            if (still_there.contains(path)) continue;
            if (!tree.remove(path, context.journal.files().at(path).local)) continue;
            context.journal.erase(path);
            for (auto folder = split_path(path).first; !folder.empty(); folder = split_path(folder).first) {
                const bool kept = std::any_of(news.begin(), news.end(),
                    [&](const ForeignManifest& one) { return one.now.folders.contains(folder); });
                if (kept || !tree.remove_folder(folder)) break;
            }
        }
        context.journal.commit();
    };
    co_await offload(context.work, body);
    log::info(
        "others deleted files of this prefix", {{"workspace", context.writer}, {"files", paths.size()}});
}

void apply_mode(
    SyncContext& context, const FileTree& tree, const std::string& path, std::int64_t from, std::int64_t to)
{
    const auto here = tree.stat(path);
    if (!here || here->mode != from) return;
    const auto known = context.journal.files().find(path);
    const bool untouched = known != context.journal.files().end() && known->second.local.same_content(*here);
    const auto now = tree.set_mode(path, to);
    if (!now || !untouched) return;
    auto entry = known->second;
    entry.local = *now;
    context.journal.put(path, std::move(entry));
}

/// Links, folders and modes, where ours are as the other one found them.
void apply_extras(SyncContext& context, const ManifestChanges& changes)
{
    const FileTree tree(context.root);
    const auto tolerant = [](const std::string& path, const auto& action) {
        try {
            action();
        } catch (const Error& error) {
            log::warning(
                "a change of others is left out", {{"path", printable(path)}, {"reason", error.what()}});
        }
    };
    for (const auto& [path, target] : changes.deleted_links) tree.remove_link(path, target);
    for (const auto& [path, target] : changes.links) tolerant(path, [&] { tree.put_link(path, target); });
    for (auto gone = changes.deleted_folders.rbegin(); gone != changes.deleted_folders.rend(); ++gone)
        tree.remove_folder(gone->first);
    for (const auto& [path, mode] : changes.folders) tolerant(path, [&] { tree.make_folder(path, mode); });
    for (const auto& [path, mode] : changes.modes)
        tolerant(path, [&] { apply_mode(context, tree, path, mode.first, mode.second); });
}

} // namespace

awaitable<> compare_with_store(SyncContext& context)
{
    context.compare_soon = false;
    const auto listing = co_await context.store.list();
    check_own_manifest(context, listing.manifests);
    auto news = co_await fetch_news(context, listing.manifests);
    const auto trash = co_await deleted_by_others(context, listing.files);
    auto find = [&] { return find_differences(context, listing.files, trash); };
    auto found = co_await offload(context.work, find);
    co_await pull_deletes(context, std::move(found.deleted), news);
    co_await pull(context, std::move(found.changed), news);
    auto rest = [&] {
        for (const auto& path : found.lost) {
            auto entry = context.journal.files().at(path);
            entry.local = {};
            entry.remote = {};
            context.journal.put(path, std::move(entry));
            log::warning("an object is gone from S3; the file goes up again", {{"path", printable(path)}});
        }
        for (const auto& one : news) apply_extras(context, one.changes);
        context.journal.commit();
    };
    co_await offload(context.work, rest);
    context.vanished = std::move(found.vanished);
    context.compare_soon = context.compare_soon || found.met || !context.vanished.empty();
    co_await remember_news(context, std::move(news));
}

} // namespace berth
