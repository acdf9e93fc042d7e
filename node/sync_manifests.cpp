// Our manifest in S3, and those of the other workspaces on the prefix.

#include "api/types/formats.hpp"
#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "controller/base/random.hpp"
#include "node/file_copy.hpp"
#include "node/sync_parts.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

namespace berth {

namespace {

/// A manifest of more files than this is not sent with every round.
constexpr std::size_t kManyFiles = 1300;
constexpr Duration kManifestInterval = std::chrono::seconds{60};
/// Of one prefix; beyond it the newest count.
constexpr std::size_t kMaxManifests = 200;
constexpr const char* kOwnEtag = "manifest-etag";

std::string seen_fact(const std::string& writer) { return "seen:" + writer; }
std::string manifest_folder(const SyncContext& context) { return context.journal.folder() + "/manifests"; }
/// Our own, as it is in S3.
std::string own_copy(const SyncContext& context) { return context.journal.folder() + "/manifest.mine.json"; }
/// What another workspace's manifest said when we last looked at it.
std::string copy_of(const SyncContext& context, const std::string& writer)
{
    return manifest_folder(context) + "/" + writer + ".json";
}
std::string fresh_copy_of(const SyncContext& context, const std::string& writer)
{
    return manifest_folder(context) + "/" + writer + ".new";
}
/// What all manifests together said at the restore: stands in for those that were not read one by one.
std::string base_copy(const SyncContext& context) { return manifest_folder(context) + "/.base"; }

using Named = std::pair<std::string, RemoteFile>;

/// Newest first, without names that are no workspace's and without our own.
std::vector<Named> in_order(const SyncContext& context, const RemoteFiles& manifests, bool with_own)
{
    std::vector<Named> sorted;
    for (const auto& [writer, object] : manifests)
        if (is_dns_label(writer) && (with_own || writer != context.writer))
            sorted.emplace_back(writer, object);
    std::stable_sort(sorted.begin(), sorted.end(),
        [](const Named& left, const Named& right) { return left.second.modified > right.second.modified; });
    if (sorted.size() > kMaxManifests) sorted.resize(kMaxManifests);
    return sorted;
}

/// Gets one manifest; nothing when it is gone or can't be read.
awaitable<std::optional<Manifest>> fetch(SyncContext& context, std::string writer, std::int64_t size)
{
    const auto file = fresh_copy_of(context, writer);
    std::vector<GetItem> items;
    items.push_back({manifest_path(writer), file, size});
    const auto results = co_await context.store.get(std::move(items));
    throw_failure(results);
    if (results[0].outcome != Outcome::Done) co_return std::nullopt;
    auto parse = [file] { return read_manifest(file); };
    auto manifest = co_await offload(context.work, parse);
    if (manifest.writer.empty()) co_return std::nullopt;
    co_return manifest;
}

} // namespace

Manifest read_manifest(const std::string& path)
{
    try {
        return parse_manifest(read_file(path));
    } catch (const Error& error) {
        // Only ever a copy: without it modes and links of others come a little worse.
        if (error.code() != Errc::NotFound)
            log::warning("a manifest can't be read", {{"error", error.what()}});
        return {};
    }
}

Manifest own_manifest(const SyncContext& context) { return read_manifest(own_copy(context)); }

awaitable<std::vector<ForeignManifest>> fetch_news(SyncContext& context, RemoteFiles manifests)
{
    std::filesystem::create_directories(manifest_folder(context));
    std::vector<ForeignManifest> news;
    for (const auto& [writer, object] : in_order(context, manifests, false)) {
        if (context.journal.fact(seen_fact(writer)) == object.etag) continue;
        auto manifest = co_await fetch(context, writer, object.size);
        if (!manifest) continue;
        auto compare = [&] {
            // Who has taken our present manifest into account has changed what differs from it since.
            const auto ours = manifest->seen.find(context.writer);
            const auto& own = context.journal.fact(kOwnEtag);
            const bool based_on_ours = !own.empty() && ours != manifest->seen.end() && ours->second == own;
            const auto known = copy_of(context, writer);
            const auto before = read_manifest(based_on_ours                    ? own_copy(context)
                                              : std::filesystem::exists(known) ? known
                                                                               : base_copy(context));
            return changes_between(before, *manifest);
        };
        auto changes = co_await offload(context.work, compare);
        news.push_back({writer, object.etag, std::move(*manifest), std::move(changes)});
    }
    co_return news;
}

awaitable<> remember_news(SyncContext& context, std::vector<ForeignManifest> news)
{
    if (news.empty()) co_return;
    auto body = [&] {
        for (const auto& one : news) {
            std::filesystem::rename(fresh_copy_of(context, one.writer), copy_of(context, one.writer));
            context.journal.set_fact(seen_fact(one.writer), one.etag);
        }
        context.journal.commit();
    };
    co_await offload(context.work, body);
}

awaitable<Manifest> fetch_tree(SyncContext& context, const Listing& listing)
{
    clear_folder(manifest_folder(context));
    std::vector<Manifest> heads;
    std::set<std::pair<std::string, std::string>> covered;
    for (const auto& [writer, object] : in_order(context, listing.manifests, true)) {
        if (covered.contains({writer, object.etag})) continue;
        auto manifest = co_await fetch(context, writer, object.size);
        if (!manifest) continue;
        covered.insert(manifest->seen.begin(), manifest->seen.end());
        heads.push_back(std::move(*manifest));
    }
    auto body = [&] {
        std::erase_if(heads, [&](const Manifest& head) {
            const auto object = listing.manifests.find(head.writer);
            return object != listing.manifests.end() && covered.contains({head.writer, object->second.etag});
        });
        std::map<std::string, std::string> etags;
        for (const auto& [path, file] : listing.files) etags.emplace_hint(etags.end(), path, file.etag);
        auto tree = merge_manifests(heads, etags);
        write_file_atomically(base_copy(context), to_text(tree));
        for (const auto& [writer, object] : listing.manifests)
            if (is_dns_label(writer) && writer != context.writer)
                context.journal.set_fact(seen_fact(writer), object.etag);
        return tree;
    };
    co_return co_await offload(context.work, body);
}

Receipt receipt_of(const std::string& manifest_hash, const SyncJournal& journal, bool final, Time now)
{
    Receipt receipt{.manifestHash = manifest_hash,
        .files = static_cast<std::int64_t>(journal.files().size()),
        .at = now,
        .final = final};
    for (const auto& [path, file] : journal.files()) receipt.bytes += file.remote.size;
    return receipt;
}

namespace {

struct Draft {
    bool tree_changed = false;
    bool extras_changed = false;
    std::int64_t size = 0;
    Hashes hashes;
    Receipt receipt;
};

/// Writes the new manifest beside the old one's copy, if there is anything new to say.
Draft draft_manifest(
    const SyncContext& context, const TreeWalk& walk, const RemoteFiles& others, bool final, Time now)
{
    auto mine = make_manifest(walk, context.journal.files());
    const auto own = own_copy(context);
    const auto before = read_manifest(own);
    Draft draft{.tree_changed = before.writer.empty() || !same_tree(before, mine),
        .extras_changed = !before.writer.empty() && !same_extras(before, mine),
        .hashes = {},
        .receipt = {}};
    if (draft.tree_changed) {
        mine.writer = context.writer;
        mine.written = now;
        for (const auto& [writer, object] : others) mine.seen[writer] = object.etag;
        write_file_atomically(own + ".new", to_text(std::move(mine)));
    }
    const auto current = draft.tree_changed ? own + ".new" : own;
    draft.size = std::int64_t(std::filesystem::file_size(current));
    draft.hashes = hash_file(current);
    draft.receipt = receipt_of(draft.hashes.sha256, context.journal, final, now);
    return draft;
}

/// The manifests that this workspace has taken into account.
RemoteFiles known_manifests(const SyncContext& context)
{
    RemoteFiles known;
    for (const auto& [name, etag] : context.journal.facts())
        if (name.starts_with("seen:") && !etag.empty()) known[name.substr(5)] = {.etag = etag};
    return known;
}

} // namespace

awaitable<std::optional<Receipt>> send_manifest(
    SyncContext& context, const TreeWalk& walk, bool final, bool at_once)
{
    const bool many = context.journal.files().size() > kManyFiles;
    const bool recent =
        context.manifest_sent && context.clock.tick() - *context.manifest_sent < kManifestInterval;
    if (!final && !at_once && many && recent) co_return std::nullopt;
    auto write = [&, now = context.clock.now()] {
        return draft_manifest(context, walk, known_manifests(context), final, now);
    };
    const auto draft = co_await offload(context.work, write);
    const bool known = !draft.tree_changed && !context.journal.fact(kOwnEtag).empty();
    if (known || planted("sync.manifest-not-sent")) co_return draft.receipt;
    if (draft.extras_changed && !context.journal.fact(kOwnEtag).empty()) {
        // What only the manifest knows is kept for 30 days like everything else.
        const auto path = manifest_path(context.writer);
        std::vector<CopyItem> copies;
        copies.push_back({path, trash_path(trash_stamp(context.clock.now()), path), 0, ""});
        throw_failure(co_await context.store.copy(std::move(copies)));
    }
    const auto own = own_copy(context);
    PutItem item{.path = manifest_path(context.writer),
        .file = draft.tree_changed ? own + ".new" : own,
        .size = draft.size,
        .mtime = context.clock.now().time_since_epoch().count() * 1'000'000,
        .sha256 = draft.hashes.sha256};
    std::vector<PutItem> items;
    items.push_back(std::move(item));
    const auto sent = co_await context.store.put(std::move(items));
    throw_failure(sent);
    auto keep = [&] {
        if (draft.tree_changed) std::filesystem::rename(own + ".new", own);
        context.journal.set_fact(kOwnEtag, sent[0].etag);
        context.journal.commit();
    };
    co_await offload(context.work, keep);
    context.manifest_sent = context.clock.tick();
    co_return draft.receipt;
}

void check_own_manifest(SyncContext& context, const RemoteFiles& manifests)
{
    const auto found = manifests.find(context.writer);
    const auto& known = context.journal.fact(kOwnEtag);
    if (known.empty() || (found != manifests.end() && found->second.etag == known)) return;
    log::warning("our manifest is not as it was left; it goes up again", {{"workspace", context.writer}});
    context.journal.set_fact(kOwnEtag, "");
}

} // namespace berth
