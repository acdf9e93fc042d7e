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
    std::string manifest;       ///< our manifest of that time, in the trash; empty: the present one
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

/// A file's own time tells whether that version existed then.
bool existed(const std::optional<RemoteFile>& object, Time at)
{
    if (!object) return false;
    if (!object->mtime) return object->modified && *object->modified <= at;
    return Time{std::chrono::duration_cast<Duration>(std::chrono::nanoseconds{*object->mtime})} <= at;
}

std::optional<RemoteFile> find_in(const RemoteFiles& files, const std::string& path)
{
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
}

awaitable<PastTree> find_past(SyncContext& context, Time at)
{
    const auto listing = co_await context.store.list();
    const auto trash = co_await context.store.list_trash();
    const auto versions = versions_at(trash, trash_stamp(at));
    Paths asked; // whose own time decides
    for (const auto& [path, version] : versions) asked.push_back(trash_path(version->stamp, path));
    const auto times = co_await context.store.head(std::move(asked));
    PastTree past;
    for (const auto& [path, version] : versions) {
        const auto key = trash_path(version->stamp, path);
        if (path == manifest_path(context.writer)) {
            past.manifest = key;
        } else if (!path.starts_with(std::string(kReservedFolder) + "/") && !path_problem(path)) {
            if (existed(find_in(times, key), at))
                past.wanted.push_back({.path = path, .object = version->object, .from = key});
            else
                past.extra.push_back(path);
        }
    }
    for (const auto& [path, object] : listing.files) {
        const bool then = object.modified && *object.modified <= at; // else it came later, or came back later
        if (!versions.contains(path) && !then) past.extra.push_back(path);
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

awaitable<std::optional<Manifest>> manifest_then(SyncContext& context, std::string key)
{
    if (key.empty()) co_return std::nullopt;
    const auto file = context.journal.folder() + "/manifest.then";
    std::vector<GetItem> items;
    items.push_back({key, file, 0});
    const auto results = co_await context.store.get(std::move(items));
    throw_failure(results);
    if (results[0].outcome != Outcome::Done) co_return std::nullopt;
    auto parse = [file] { return parse_manifest(read_file(file)); };
    co_return co_await offload(context.work, parse);
}

/// Links and empty folders as they were then. What is not known of that time stays as it is.
void place_extras_then(const SyncContext& context, const Manifest& then)
{
    const FileTree tree(context.root);
    const auto now = tree.walk(context.stop);
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
        std::int64_t mode = arrived.wanted.here ? arrived.wanted.here->mode : 0644;
        if (then)
            if (const auto entry = then->files.find(path); entry != then->files.end())
                mode = entry->second.mode;
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
