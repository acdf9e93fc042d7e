// The folder as it was at a time, put together from the trash.

#include "controller/base/log.hpp"
#include "node/file_copy.hpp"
#include "node/filters.hpp"
#include "node/sync_parts.hpp"

#include <algorithm>
#include <filesystem>

namespace berth {

namespace {

/// The version of each path that was the present one at the time, and those that were none yet.
struct PastTree {
    std::vector<Wanted> wanted; ///< what has to come back; from = where its content is
    Paths extra;                ///< what is here now and was not then
    std::string manifest;       ///< our manifest of that time, in the trash; empty: the present one tells it
};

/// What was in force at `at` left the present state later: the first version that did is the one.
std::map<std::string, const TrashedFile*> versions_at(
    const std::vector<TrashedFile>& trash, const std::string& stamp)
{
    std::map<std::string, const TrashedFile*> first;
    for (const auto& file : trash) {
        if (file.stamp <= stamp) continue;
        auto& best = first[file.path];
        if (!best || file.stamp < best->stamp) best = &file;
    }
    return first;
}

/// Whether this version was there then: an agent notes when it writes. What it did not write (another program
/// did, or it came in parts) was there unless its own time says that it is younger; a file's own time alone
/// may be older than its coming (unpacked, moved here), so that errs towards bringing back.
bool existed(const std::optional<RemoteFile>& object, Time at)
{
    if (!object) return false;
    if (object->written) return *object->written <= at;
    if (!object->mtime) return true;
    return Time{std::chrono::duration_cast<Duration>(std::chrono::nanoseconds{*object->mtime})} <= at;
}

std::optional<RemoteFile> find_in(const RemoteFiles& files, const std::string& path)
{
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
}

/// The server's clock has whole seconds and is not ours: so close to `at` only the noted time decides.
bool is_close(const RemoteFile& object, Time at)
{
    constexpr Duration kNear = std::chrono::seconds{5};
    return object.modified && *object.modified > at - kNear && *object.modified < at + kNear;
}

/// What is in S3 now and was not then (or was taken away and came back since).
Paths came_later(const RemoteFiles& files, const std::map<std::string, const TrashedFile*>& versions,
    const RemoteFiles& times, Time at)
{
    Paths later;
    for (const auto& [path, object] : files) {
        if (versions.contains(path)) continue;
        const auto noted = find_in(times, path);
        const bool then =
            noted && noted->written ? *noted->written <= at : object.modified && *object.modified <= at;
        if (!then) later.push_back(path);
    }
    return later;
}

awaitable<PastTree> find_past(SyncContext& context, Time at)
{
    const auto listing = co_await context.store.list();
    const auto trash = co_await context.store.list_trash();
    const auto versions = versions_at(trash, trash_stamp(at));
    Paths asked; // what a list does not tell: when a version was written
    for (const auto& [path, version] : versions) asked.push_back(trash_path(version->stamp, path));
    for (const auto& [path, object] : listing.files)
        if (is_close(object, at)) asked.push_back(path);
    const auto times = co_await context.store.head(std::move(asked));
    PastTree past;
    past.extra = came_later(listing.files, versions, times, at);
    for (const auto& [path, version] : versions) {
        const auto key = trash_path(version->stamp, path);
        if (path == manifest_path(context.writer)) {
            past.manifest = key;
        } else if (!path.starts_with(std::string(kReservedFolder) + "/") && !path_problem(path) &&
                   !is_books_of_another(path)) {
            if (existed(find_in(times, key), at))
                past.wanted.push_back({.path = path, .object = version->object, .from = key});
            else
                past.extra.push_back(path);
        }
    }
    co_return past;
}

/// Drops what is here just so already, and says what each wanted file takes the place of.
void meet_present(const SyncContext& context, PastTree& past)
{
    const FileTree tree(context.root);
    std::erase_if(past.wanted, [&](Wanted& wanted) {
        const auto known = context.journal.files().find(wanted.path);
        wanted.here = tree.stat(wanted.path);
        const bool ours = known != context.journal.files().end() && wanted.here &&
                          known->second.local.same_content(*wanted.here);
        return ours && known->second.remote.same(wanted.object);
    });
}

/// Takes away what was not there then. It is in S3 as it is here: the round before saw to that.
std::int64_t remove_extra(const SyncContext& context, const Paths& paths)
{
    const FileTree tree(context.root);
    std::int64_t removed = 0;
    for (const auto& path : paths) {
        const auto known = context.journal.files().find(path);
        if (known == context.journal.files().end() || !tree.remove(path, known->second.local)) continue;
        ++removed;
        for (auto folder = split_path(path).first; !folder.empty(); folder = split_path(folder).first)
            if (!tree.remove_folder(folder)) break;
    }
    return removed;
}

/// What our manifest said then of links, modes and folders; nothing when it can't be read.
awaitable<std::optional<Manifest>> manifest_then(SyncContext& context, std::string key)
{
    const auto file = context.journal.folder() + "/manifest.then";
    if (!key.empty()) {
        std::vector<GetItem> items;
        items.push_back({key, file, 0});
        const auto results = co_await context.store.get(std::move(items));
        throw_failure(results);
        if (results[0].outcome != Outcome::Done) co_return std::nullopt;
    }
    auto parse = [&context, key, file] { return key.empty() ? own_manifest(context) : read_manifest(file); };
    auto manifest = co_await offload(context.work, parse);
    if (manifest.writer.empty()) co_return std::nullopt;
    co_return manifest;
}

std::int64_t mode_then(const Manifest& then, const std::string& path)
{
    const auto entry = then.files.find(path);
    return entry == then.files.end() ? kPlainMode : entry->second.mode;
}

/// Modes of files and folders that were other ones then; empty folders that were not there go.
void place_modes_then(
    const SyncContext& context, const FileTree& tree, const TreeWalk& now, const Manifest& then)
{
    for (const auto& [path, file] : now.files)
        if (context.journal.files().contains(path) && file.mode != mode_then(then, path))
            tree.set_mode(path, mode_then(then, path));
    constexpr std::int64_t kPlainFolder = 0755;
    for (auto folder = now.folders.rbegin(); folder != now.folders.rend(); ++folder) {
        const auto& [path, mode] = *folder;
        if (then.folders.contains(path) || tree.remove_folder(path) || mode == kPlainFolder) continue;
        tree.make_folder(path, kPlainFolder);
    }
}

/// Links, modes and empty folders as they were then.
void place_extras_then(const SyncContext& context, const Manifest& then)
{
    const FileTree tree(context.root);
    const auto now = tree.walk(context.stop);
    place_modes_then(context, tree, now, then);
    for (const auto& [path, target] : now.links)
        if (!then.links.contains(path) || then.links.at(path) != target) tree.remove_link(path, target);
    for (const auto& [path, target] : then.links) {
        try {
            tree.put_link(path, target);
        } catch (const Error& error) {
            log::warning("link skipped", {{"path", printable(path)}, {"reason", error.what()}});
        }
    }
    for (auto folder = then.folders.rbegin(); folder != then.folders.rend(); ++folder) {
        try {
            tree.make_folder(folder->first, folder->second);
        } catch (const Error& error) {
            log::warning("folder skipped", {{"path", printable(folder->first)}, {"reason", error.what()}});
        }
    }
}

class GuardOff {
public:
    explicit GuardOff(DeleteGuard& guard) : guard_(guard), before_(guard) { guard_.off = true; }
    ~GuardOff() { guard_ = before_; }
    GuardOff(const GuardOff&) = delete;

private:
    DeleteGuard& guard_;
    DeleteGuard before_;
};

} // namespace

awaitable<std::string> restore_files_at(SyncContext& context, Time at)
{
    SyncRound round{.compare = true};
    co_await sync_files(context, round);
    if (context.status.pendingFiles > 0)
        throw Error{Errc::Unavailable, "S3Error: the present state could not be saved before going back"};
    auto past = co_await find_past(context, at);
    const auto then = co_await manifest_then(context, past.manifest);
    std::int64_t removed = 0;
    auto prepare = [&] {
        removed = remove_extra(context, past.extra);
        meet_present(context, past);
    };
    co_await offload(context.work, prepare);
    std::int64_t placed = 0;
    auto place = [&](const FileTree& tree, const Arrived& arrived) {
        const auto& path = arrived.wanted.path;
        std::int64_t mode = arrived.wanted.here ? arrived.wanted.here->mode : kPlainMode;
        if (then) mode = mode_then(*then, path);
        if (put_arrived(tree, arrived, mode)) ++placed;
    };
    Place place_function = place;
    std::function<void(std::int64_t, std::int64_t)> no_progress;
    co_await fetch_all(context, std::move(past.wanted), std::move(place_function), std::move(no_progress));
    auto finish = [&] {
        if (then) place_extras_then(context, *then);
    };
    co_await offload(context.work, finish);
    log::info("files as they were",
        {{"workspace", context.writer}, {"at", format_time(at)}, {"restored", placed}, {"removed", removed}});
    const GuardOff off(context.guard); // what goes now was asked for; the trash has it
    round.compare = false;
    co_await sync_files(context, round);
    co_return "the files are as they were at " + format_time(at) + ": " + std::to_string(placed) +
        " brought back, " + std::to_string(removed) + " removed";
}

} // namespace berth
