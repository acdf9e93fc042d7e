#include "node/s3_store.hpp"

#include "api/types/s3_address.hpp"
#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "node/key_names.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr const char* kWrittenHeader = "x-amz-meta-berth-written";
/// Requests that an rclone call makes for an object beside its parts.
constexpr std::int64_t kLargeOverhead = 4;

/// About as many requests as rclone makes for one large object: up to 200 MiB go in one, then come parts
/// of 5.
std::int64_t large_requests(std::int64_t size)
{
    constexpr std::int64_t kWhole = 200 << 20;
    constexpr std::int64_t kPart = 5 << 20;
    return kLargeOverhead + (size <= kWhole ? 0 : size / kPart);
}

/// Worth one more try at once; a server that was silent for a minute is not.
bool is_transient(const S3Answer& answer)
{
    if (answer.status == 0)
        return !answer.problem.starts_with("Timeout") && !answer.problem.starts_with("can't");
    return answer.status >= 500 || answer.status == 429 || answer.status == 409;
}

/// `existing`: a 404 means that the object is missing, not the bucket.
ItemResult result_of(const S3Answer& answer, const std::string& what, bool existing)
{
    ItemResult result;
    const bool failed_inside = answer.ok() && answer.body.find("<Error>") != std::string::npos; // of a copy
    const bool missing = answer.status == 404 && error_code(answer.body) != "NoSuchBucket";
    if (answer.ok() && !failed_inside) {
        result.outcome = Outcome::Done;
        result.etag = bare_etag(answer.header("etag"));
        result.mtime = parse_mtime_header(answer.header("x-amz-meta-mtime"));
    } else if (answer.status == 412 || answer.status == 409) {
        result.outcome = Outcome::Changed;
    } else if (existing && missing) {
        result.outcome = Outcome::Missing;
    } else {
        result.failure = failure_of(answer, what);
    }
    return result;
}

std::string quoted(const std::string& etag) { return "\"" + etag + "\""; }

ItemResult put_result(const PutItem& item, const S3Answer& answer)
{
    // If-Match on an object that is gone.
    const bool version = item.expect.kind == Expect::Kind::Version;
    if (version && answer.status == 404 && error_code(answer.body) != "NoSuchBucket")
        return {.outcome = Outcome::Changed};
    return result_of(answer, "write", false);
}
ItemResult get_result(const GetItem&, const S3Answer& answer) { return result_of(answer, "read", true); }
ItemResult copy_result(const CopyItem&, const S3Answer& answer) { return result_of(answer, "copy", true); }

} // namespace

Error failure_of(const S3Answer& answer, const std::string& what)
{
    if (answer.status == 0) return Error{Errc::Unavailable, "S3Unreachable: " + what + ": " + answer.problem};
    const auto code = error_code(answer.body);
    const auto text = what + ": " + std::to_string(answer.status) + (code.empty() ? "" : " " + code);
    if (code == "NoSuchBucket") return Error{Errc::NotFound, "NoSuchBucket: " + text};
    if (answer.status == 401 || answer.status == 403) return Error{Errc::Denied, "S3Denied: " + text};
    if (answer.status >= 500 || answer.status == 429)
        return Error{Errc::Unavailable, "S3Unreachable: " + text};
    return Error{Errc::Internal, "S3Error: " + text};
}

RemoteFile remote_of(const ListedObject& object)
{
    return {.size = object.size, .etag = object.etag, .modified = object.modified};
}

std::string manifest_path(const std::string& writer)
{
    return std::string(kManifestFolder) + writer + ".json";
}

std::string trash_path(const std::string& stamp, const std::string& path)
{
    return std::string(kTrashFolder) + stamp + "/" + name_of_path(path);
}

void throw_failure(const ItemResults& results)
{
    for (const auto& result : results)
        if (result.failure) throw *result.failure;
}

bool is_about_one(const Error& error) { return std::string_view(error.what()).starts_with("S3Error"); }

void throw_general_failure(const ItemResults& results)
{
    for (const auto& result : results)
        if (result.failure && !is_about_one(*result.failure)) throw *result.failure;
}

awaitable<std::shared_ptr<void>> S3Servers::lock(std::string prefix)
{
    while (!held_[prefix].expired()) co_await released_.wait();
    std::shared_ptr<void> token(
        this, [](void* self) { static_cast<S3Servers*>(self)->released_.notify_all(); });
    held_[prefix] = token;
    co_return token;
}

S3Store::S3Store(S3Client& client, Rclone& rclone, S3Servers& servers, S3Source source)
    : client_(client),
      servers_(servers),
      large_(rclone, source),
      source_(std::move(source)),
      keys_{source_.accessKeyId, source_.secretAccessKey.reveal(), source_.region},
      prefix_(source_.prefix.empty() ? "" : source_.prefix + "/")
{}

std::string S3Store::key(std::string_view path) const { return prefix_ + key_of_path(path); }
std::string S3Store::url_of(const std::string& key) const { return s3::url_of(source_, key, {}); }

awaitable<S3Store::Answers> S3Store::send(std::vector<S3Call> calls)
{
    requests_ += std::int64_t(calls.size());
    auto answers = co_await client_.send(calls, keys_);
    std::vector<S3Call> again;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (!is_transient(answers[i])) continue;
        places.push_back(i);
        again.push_back(std::move(calls[i]));
    }
    if (again.empty()) co_return answers;
    requests_ += std::int64_t(again.size());
    auto second = co_await client_.send(std::move(again), keys_);
    for (std::size_t i = 0; i < places.size(); ++i) answers[places[i]] = std::move(second[i]);
    co_return answers;
}

awaitable<RemoteFiles> S3Store::head(Paths paths)
{
    Paths keys;
    for (const auto& path : paths) keys.push_back(where(path));
    co_return co_await look(std::move(paths), std::move(keys));
}

awaitable<RemoteFiles> S3Store::look(Paths paths, Paths keys)
{
    std::vector<S3Call> calls;
    for (const auto& at : keys) calls.push_back({.method = "HEAD", .url = url_of(at)});
    const auto answers = co_await send(std::move(calls));
    RemoteFiles files;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const auto& answer = answers[i];
        if (answer.status == 404) continue;
        if (!answer.ok()) throw failure_of(answer, "look at an object");
        files[paths[i]] = {.size = std::atoll(answer.header("content-length").c_str()),
            .etag = bare_etag(answer.header("etag")),
            .modified = parse_http_date(answer.header("last-modified")),
            .mtime = parse_mtime_header(answer.header("x-amz-meta-mtime")),
            .written = parse_time(answer.header(kWrittenHeader))};
    }
    co_return files;
}

S3Call S3Store::put_call(const PutItem& item) const
{
    S3Call call{.method = "PUT",
        .url = url_of(key(item.path)),
        .file = item.file,
        .size = item.size,
        .body_sha256 = item.sha256};
    call.headers["x-amz-meta-mtime"] = mtime_header(item.mtime);
    if (item.written) call.headers[kWrittenHeader] = format_time(*item.written);
    if (item.expect.kind == Expect::Kind::Absent) call.headers["if-none-match"] = "*";
    if (item.expect.kind == Expect::Kind::Version) call.headers["if-match"] = quoted(item.expect.etag);
    return call;
}

S3Call S3Store::get_call(const GetItem& item) const
{
    return {.method = "GET", .url = url_of(where(item.path)), .file = item.file, .size = item.size};
}

S3Call S3Store::copy_call(const CopyItem& item) const
{
    S3Call call{.method = "PUT", .url = url_of(key(item.to))};
    call.headers["x-amz-copy-source"] = "/" + s3::encode(source_.bucket + "/" + where(item.from), true);
    if (!item.etag.empty()) call.headers["x-amz-copy-source-if-match"] = quoted(item.etag);
    return call;
}

awaitable<ItemResults> S3Store::put(std::vector<PutItem> items)
{
    if (items.empty()) co_return ItemResults{};
    co_await bring_home(items);
    if (co_await conditional()) co_return co_await put_all(std::move(items));
    // The server does not refuse: look first, and let nobody else on this node write in between.
    const auto lock = co_await servers_.lock(source_.endpoint + "|" + source_.bucket + "|" + prefix_);
    const auto fine = co_await as_expected(items);
    std::vector<PutItem> wanted;
    for (std::size_t i = 0; i < items.size(); ++i)
        if (fine[i]) wanted.push_back(std::move(items[i]));
    auto sent = co_await put_all(std::move(wanted));
    ItemResults results(fine.size());
    for (std::size_t i = 0, next = 0; i < fine.size(); ++i) {
        if (fine[i])
            results[i] = std::move(sent[next++]);
        else
            results[i].outcome = Outcome::Changed;
    }
    co_return results;
}

awaitable<std::vector<bool>> S3Store::as_expected(const std::vector<PutItem>& items)
{
    Paths paths;
    for (const auto& item : items)
        if (item.expect.kind != Expect::Kind::Anything) paths.push_back(item.path);
    const auto present = co_await head(std::move(paths));
    std::vector<bool> fine;
    for (const auto& item : items) {
        const auto found = present.find(item.path);
        const bool absent = found == present.end();
        const bool version = item.expect.kind == Expect::Kind::Version;
        fine.push_back(item.expect.kind == Expect::Kind::Anything ||
                       (version ? !absent && found->second.etag == item.expect.etag : absent));
    }
    co_return fine;
}

template <class Item> awaitable<ItemResults> S3Store::transfer(std::vector<Item> items, Transfer<Item> how)
{
    ItemResults results(items.size());
    std::vector<S3Call> calls;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (is_large(items[i].size)) continue;
        places.push_back(i);
        calls.push_back((this->*how.call)(items[i]));
    }
    const auto answers = co_await send(std::move(calls));
    for (std::size_t i = 0; i < places.size(); ++i)
        results[places[i]] = how.result(items[places[i]], answers[i]);
    for (std::size_t i = 0; i < items.size(); ++i)
        if (is_large(items[i].size)) results[i] = co_await (this->*how.large)(items[i]);
    co_return results;
}

awaitable<ItemResults> S3Store::put_all(std::vector<PutItem> items)
{
    const Transfer<PutItem> how{&S3Store::put_call, &put_result, &S3Store::put_large};
    co_return co_await transfer(std::move(items), how);
}

awaitable<ItemResults> S3Store::get(std::vector<GetItem> items)
{
    const Transfer<GetItem> how{&S3Store::get_call, &get_result, &S3Store::get_large};
    co_return co_await transfer(std::move(items), how);
}

awaitable<ItemResults> S3Store::copy(std::vector<CopyItem> items)
{
    const Transfer<CopyItem> how{&S3Store::copy_call, &copy_result, &S3Store::copy_large};
    co_return co_await transfer(std::move(items), how);
}

awaitable<ItemResults> S3Store::remove(std::vector<RemoveItem> items)
{
    std::vector<S3Call> calls;
    for (const auto& item : items) {
        S3Call call{.method = "DELETE", .url = url_of(where(item.path))};
        if (!item.etag.empty()) call.headers["if-match"] = quoted(item.etag);
        calls.push_back(std::move(call));
    }
    const auto answers = co_await send(std::move(calls));
    ItemResults results;
    for (const auto& answer : answers) results.push_back(result_of(answer, "delete", true));
    co_return results;
}

awaitable<std::optional<Error>> S3Store::by_rclone(awaitable<> work, std::int64_t requests)
{
    std::optional<Error> failure;
    try {
        co_await std::move(work);
    } catch (const Error& error) {
        failure = error;
    }
    requests_ += requests;
    co_return failure;
}

awaitable<ItemResult> S3Store::put_large(PutItem item)
{
    ItemResult result;
    std::vector<PutItem> one;
    one.push_back(item);
    const auto fine = co_await as_expected(one);
    if (!fine[0]) co_return ItemResult{.outcome = Outcome::Changed};
    const auto failure =
        co_await by_rclone(large_.put(item.file, key(item.path), item.size), large_requests(item.size));
    if (failure) co_return ItemResult{.failure = failure};
    Paths paths(1, item.path);
    const auto now = co_await head(std::move(paths));
    const auto found = now.find(item.path);
    if (found == now.end()) co_return ItemResult{.outcome = Outcome::Changed};
    result.outcome = Outcome::Done;
    result.etag = found->second.etag;
    co_return result;
}

awaitable<ItemResult> S3Store::get_large(GetItem item)
{
    Paths paths(1, item.path);
    const auto now = co_await head(std::move(paths));
    const auto found = now.find(item.path);
    if (found == now.end()) co_return ItemResult{.outcome = Outcome::Missing};
    const auto failure =
        co_await by_rclone(large_.get(where(item.path), item.file, item.size), large_requests(item.size));
    if (failure) co_return ItemResult{.failure = failure};
    co_return ItemResult{.outcome = Outcome::Done, .etag = found->second.etag, .mtime = found->second.mtime};
}

awaitable<ItemResult> S3Store::copy_large(CopyItem item)
{
    Paths paths(1, item.from);
    const auto now = co_await head(std::move(paths));
    const auto found = now.find(item.from);
    if (found == now.end()) co_return ItemResult{.outcome = Outcome::Missing};
    if (!item.etag.empty() && found->second.etag != item.etag)
        co_return ItemResult{.outcome = Outcome::Changed};
    const auto failure =
        co_await by_rclone(large_.copy(where(item.from), key(item.to), item.size), kLargeOverhead);
    if (failure) co_return ItemResult{.failure = failure};
    co_return ItemResult{.outcome = Outcome::Done};
}

} // namespace berth
