#include "node/sync.hpp"

#include "controller/base/log.hpp"
#include "node/file_copy.hpp"
#include "node/filters.hpp"

#include <filesystem>

#include <sys/stat.h>

namespace berth {

namespace {

constexpr std::size_t kBatchFiles = 256;
constexpr std::int64_t kBatchBytes = 128 << 20;

struct Batch {
    Paths paths;
    std::int64_t bytes = 0;
};

std::vector<Batch> make_batches(const RemoteFiles& files, const std::map<std::string, JournalFile>& done)
{
    std::vector<Batch> batches;
    for (const auto& [path, file] : files) {
        if (done.contains(path)) continue;
        const bool full = batches.empty() || batches.back().paths.size() >= kBatchFiles ||
                          batches.back().bytes + file.size > kBatchBytes;
        if (full) batches.emplace_back();
        batches.back().paths.push_back(path);
        batches.back().bytes += file.size;
    }
    return batches;
}

/// Takes out what can't be a file here; says which.
std::size_t drop_unsafe(RemoteFiles& files)
{
    return std::erase_if(files, [](const auto& item) {
        const auto problem = path_problem(item.first);
        if (problem) log::warning("object skipped", {{"key", printable(item.first)}, {"reason", *problem}});
        return problem.has_value();
    });
}

std::int64_t file_mtime(const std::string& path)
{
    struct ::stat info {};
    if (::stat(path.c_str(), &info) != 0) throw system_error("look at a downloaded file");
    return to_local_file(info).mtime;
}

/// A file that was there before us: S3's version goes beside it unless both are the same.
JournalFile meet_existing(const FileTree& tree, const std::string& source, const std::string& path,
    const PutOptions& options, const Hashes& hashes, Time now)
{
    static const std::atomic<bool> never{false};
    JournalFile entry{.md5 = hashes.md5, .sha256 = hashes.sha256};
    const auto before = tree.stat(path);
    const auto here = before ? tree.hash(path, never) : std::nullopt;
    const auto after = tree.stat(path);
    if (here && here->sha256 == hashes.sha256 && after && before->same_content(*after)) {
        entry.local = *after;
        return entry;
    }
    tree.put(source, conflict_name(path, now), options);
    log::warning(
        "a file differed from S3 and was kept; S3's version is beside it", {{"path", printable(path)}});
    return entry; // zeros as the local state: what is here goes up in the next round
}

/// Puts the downloaded files of one batch into the folder and into the journal.
void place(const std::string& root, const std::string& staging, const Batch& batch, const RemoteFiles& remote,
    const Manifest& manifest, SyncJournal& journal, Time now)
{
    const FileTree tree(root);
    for (const auto& path : batch.paths) {
        const auto source = staging + "/" + path;
        if (!std::filesystem::is_regular_file(source)) continue; // S3 lost it since the list
        try {
            const auto hashes = hash_file(source);
            const auto known = manifest.files.find(path);
            PutOptions options{.mode = known == manifest.files.end() ? 0644 : known->second.mode,
                .mtime = file_mtime(source)};
            JournalFile entry{.md5 = hashes.md5, .sha256 = hashes.sha256};
            if (const auto local = tree.put(source, path, options))
                entry.local = *local;
            else
                entry = meet_existing(tree, source, path, options, hashes, now);
            entry.remote = remote.at(path);
            journal.put(path, std::move(entry));
        } catch (const Error& error) {
            if (error.code() == Errc::Quota) throw;
            // For instance the keys "a" and "a/b", which can't both be files. The object stays in S3.
            log::warning("object skipped", {{"key", printable(path)}, {"reason", error.what()}});
        }
    }
    journal.commit();
    clear_folder(staging);
}

void place_rest(const std::string& root, const Manifest& manifest)
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

awaitable<Manifest> load_manifest(SyncContext& context)
{
    const auto present = co_await context.store.stat(std::string(kManifestKey));
    if (!present) co_return Manifest{};
    const auto copy = manifest_copy(context);
    co_await context.store.get(std::string(kManifestKey), copy);
    context.journal.set_fact(kManifestFact, present->md5);
    try {
        co_return parse_manifest(read_file(copy));
    } catch (const Error& error) {
        log::warning(
            "the manifest can't be read; files come without modes and links", {{"error", error.what()}});
        co_return Manifest{};
    }
}

void check_abandoned(const SyncContext& context)
{
    if (context.abandoned && context.abandoned())
        throw Error{Errc::Conflict, "the restore is not wanted any more"};
}

/// An empty bucket looks like a missing one to some servers; being able to write tells them apart.
awaitable<> prove_bucket(SyncContext& context)
{
    const auto copy = manifest_copy(context);
    const auto text = to_text(Manifest{});
    write_file_atomically(copy, text);
    co_await context.store.put(copy, std::string(kManifestKey));
    context.journal.set_fact(kManifestFact, hash_file(copy).md5);
}

} // namespace

awaitable<> complete_hashes(ObjectStore& store, RemoteFiles& files)
{
    Paths paths;
    for (const auto& [path, file] : files)
        if (file.md5.empty()) paths.push_back(path);
    for (auto& [path, file] : co_await store.head(std::move(paths))) files[path] = file;
}

std::string staging_folder(const SyncContext& context) { return context.journal.folder() + "/staging"; }
std::string manifest_copy(const SyncContext& context) { return context.journal.folder() + "/manifest.json"; }
std::string own_manifest(const SyncContext& context)
{
    return context.journal.folder() + "/manifest.mine.json";
}

void clear_folder(const std::string& folder)
{
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    std::filesystem::create_directories(folder);
}

awaitable<> restore_files(SyncContext& context)
{
    auto& status = context.status;
    status.state = SyncState::restoring;
    if (context.changed) context.changed();
    const auto staging = staging_folder(context);
    auto remote = co_await context.store.list();
    const auto skipped = drop_unsafe(remote);
    co_await complete_hashes(context.store, remote);
    const auto manifest = co_await load_manifest(context);
    if (context.journal.fact(kManifestFact).empty()) co_await prove_bucket(context);
    status.restoredFiles = static_cast<std::int64_t>(context.journal.files().size());
    const auto batches = make_batches(remote, context.journal.files());
    for (const auto& batch : batches) {
        check_abandoned(context);
        clear_folder(staging);
        require_space(staging + "/x", batch.bytes);
        co_await context.store.download(batch.paths, staging, batch.bytes);
        check_abandoned(context);
        auto put_into_folder = [&, now = context.clock.now()] {
            place(context.root, staging, batch, remote, manifest, context.journal, now);
        };
        co_await offload(context.work, put_into_folder);
        status.restoredFiles = static_cast<std::int64_t>(context.journal.files().size());
        status.restoredBytes += batch.bytes;
        if (context.changed) context.changed();
    }
    auto finish = [&] {
        place_rest(context.root, manifest);
        // What was restored is ours from now on: what is deleted here leaves the manifest.
        write_file_atomically(own_manifest(context), to_text(manifest));
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
