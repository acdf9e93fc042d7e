// What is in the prefix, and what of it others keep under a key that we would not choose.

#include "api/types/s3_address.hpp"
#include "node/filters.hpp"
#include "node/key_names.hpp"
#include "node/s3_store.hpp"

namespace berth {

namespace {

/// A page's keys; more than this many pages are a server that goes round in circles.
constexpr int kMaxPages = 20'000;

} // namespace

void sort_in(Listing& listing, Strays& strays, const std::string& key, const RemoteFile& object)
{
    if (key.empty() || key.ends_with('/')) return; // a folder's marker
    constexpr std::string_view kEnding = ".json";
    if (key.starts_with(kManifestFolder) && key.ends_with(kEnding))
        listing.manifests[key.substr(
            kManifestFolder.size(), key.size() - kManifestFolder.size() - kEnding.size())] = object;
    auto path = path_of_key(key);
    const bool at_home = key_of_path(path) == key;
    const bool books = key.starts_with(std::string(kReservedFolder) + "/");
    if (books && !(at_home && key.starts_with(kNamesFolder))) return;
    if (at_home) {
        strays.erase(path);
        listing.files[path] = object;
    } else if (listing.files.try_emplace(path, object).second) {
        strays[std::move(path)] = {key, object};
    }
}

awaitable<ListPage> S3Store::list_page(std::map<std::string, std::string> query)
{
    query["list-type"] = "2";
    query["max-keys"] = "1000";
    query["encoding-type"] = "url";
    S3Call call{.method = "GET", .url = s3::url_of(source_, "", query)};
    std::vector<S3Call> calls;
    calls.push_back(std::move(call));
    const auto answers = co_await send(std::move(calls));
    if (!answers[0].ok()) throw failure_of(answers[0], "list");
    co_return parse_list(answers[0].body);
}

awaitable<Listing> S3Store::list()
{
    Listing listing;
    Strays strays;
    const auto ours = prefix_ + std::string(kReservedFolder) + "/";
    const auto trash = prefix_ + std::string(kTrashFolder);
    std::map<std::string, std::string> query;
    query["prefix"] = prefix_;
    for (int pages = 0; pages < kMaxPages; ++pages) {
        const auto page = co_await list_page(query);
        for (const auto& object : page.objects)
            if (object.key.starts_with(prefix_))
                sort_in(listing, strays, object.key.substr(prefix_.size()), remote_of(object));
        if (page.next.empty()) {
            strays_ = std::move(strays);
            co_return listing;
        }
        query.clear();
        query["prefix"] = prefix_;
        // The trash may be larger than everything else: go on behind it.
        if (!page.objects.empty() && page.objects.back().key.starts_with(trash))
            query["start-after"] = ours + "~";
        else
            query["continuation-token"] = page.next;
    }
    throw Error{Errc::Internal, "S3Error: the list has no end"};
}

std::string S3Store::where(const std::string& path) const
{
    const auto stray = strays_.find(path);
    return prefix_ + (stray == strays_.end() ? key_of_path(path) : stray->second.key);
}

awaitable<> S3Store::bring_home(const std::vector<PutItem>& items)
{
    Paths paths;
    Paths homes;
    for (const auto& item : items) {
        if (!strays_.contains(item.path)) continue;
        paths.push_back(item.path);
        homes.push_back(key(item.path));
    }
    if (paths.empty()) co_return;
    // What somebody wrote there since the list is met by the write itself.
    const auto taken = co_await look(paths, std::move(homes));
    std::vector<CopyItem> copies;
    for (const auto& path : paths) {
        const auto& object = strays_.at(path).object;
        if (!taken.contains(path)) copies.push_back({path, path, object.size, object.etag});
    }
    const auto moved = co_await copy(copies);
    std::vector<RemoveItem> old;
    for (std::size_t i = 0; i < moved.size(); ++i)
        if (moved[i].outcome == Outcome::Done) old.push_back({copies[i].from, copies[i].etag});
    co_await remove(std::move(old));
    for (const auto& path : paths) strays_.erase(path); // from now on the home keys count
}

} // namespace berth
