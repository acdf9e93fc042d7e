// The trash prefix of a workspace, and what an S3 server can do.

#include "api/types/s3_address.hpp"
#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "node/key_names.hpp"
#include "node/s3_store.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::size_t kStampSize = 21; // "2026-11-21/083400.123"

} // namespace

awaitable<std::vector<TrashedFile>> S3Store::list_trash()
{
    std::vector<TrashedFile> found;
    const auto folder = prefix_ + std::string(kTrashFolder);
    std::map<std::string, std::string> query;
    query["prefix"] = folder;
    while (true) {
        const auto page = co_await list_page(query);
        for (const auto& object : page.objects) {
            if (!object.key.starts_with(folder)) continue;
            const std::string_view rest = std::string_view(object.key).substr(folder.size());
            if (rest.size() <= kStampSize + 1 || rest[10] != '/' || rest[kStampSize] != '/') continue;
            RemoteFile file{.size = object.size, .etag = object.etag, .modified = object.modified};
            found.push_back({std::string(rest.substr(0, kStampSize)),
                path_of_key(rest.substr(kStampSize + 1)), std::move(file)});
        }
        if (page.next.empty()) co_return found;
        if (query["continuation-token"] == page.next)
            throw Error{Errc::Internal, "S3Error: the list has no end"};
        query["continuation-token"] = page.next;
    }
}

awaitable<> S3Store::empty_trash(std::string date)
{
    const auto folder = prefix_ + std::string(kTrashFolder);
    std::map<std::string, std::string> query;
    query["prefix"] = folder;
    query["delimiter"] = "/";
    const auto page = co_await list_page(std::move(query));
    for (const auto& day : page.folders) {
        const auto name = day.substr(folder.size(), 10);
        if (day.size() != folder.size() + 11 || name >= date) continue;
        co_await large_.purge(day.substr(0, day.size() - 1));
        log::info("old trash removed", {{"day", name}});
    }
}

awaitable<bool> S3Store::conditional()
{
    auto& known = servers_.conditional(source_.endpoint + "|" + source_.bucket);
    if (!known) {
        const bool found = co_await probe();
        known = found;
        log::info("conditional writes", {{"bucket", source_.bucket}, {"honoured", found}});
    }
    co_return *known;
}

/// Two writers of one new object at the same moment: exactly one may win. Then wrong versions, which must
/// be refused.
awaitable<bool> S3Store::probe()
{
    constexpr int kRacers = 2;
    const auto path = ".berth/probe-" + random_text(12);
    std::vector<S3Call> race;
    for (int i = 0; i < kRacers; ++i) {
        S3Call call{.method = "PUT", .url = url_of(key(path)), .body = "racer " + std::to_string(i)};
        call.headers["if-none-match"] = "*";
        race.push_back(std::move(call));
    }
    const auto racers = co_await client_.send(std::move(race), keys_);
    requests_ += kRacers;
    int winners = 0;
    for (const auto& answer : racers) {
        if (answer.status == 0 || answer.status == 403 || answer.status >= 500 || answer.status == 404)
            if (answer.status != 501) // says plainly that it can't
                throw Error{Errc::Unavailable, (answer.status == 403 ? "S3Denied: " : "S3Unreachable: ") +
                                                   std::string("write: ") + std::to_string(answer.status) +
                                                   " " + answer.problem + error_code(answer.body)};
        winners += answer.ok();
    }
    const std::string wrong = "\"00000000000000000000000000000000\"";
    S3Call put{.method = "PUT", .url = url_of(key(path)), .body = "must not be written"};
    put.headers["if-match"] = wrong;
    S3Call copy{.method = "PUT", .url = url_of(key(path + "-copy"))};
    copy.headers["x-amz-copy-source"] = "/" + s3::encode(source_.bucket + "/" + key(path), true);
    copy.headers["x-amz-copy-source-if-match"] = wrong;
    std::vector<S3Call> refused;
    refused.push_back(std::move(put));
    refused.push_back(std::move(copy));
    const auto answers = co_await send(std::move(refused));
    std::vector<RemoveItem> rubbish;
    for (const auto& name : {path, path + "-copy"}) rubbish.push_back({.path = name});
    co_await remove(std::move(rubbish));
    co_return winners == 1 && answers[0].status == 412 && answers[1].status == 412;
}

} // namespace berth
