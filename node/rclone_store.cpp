#include "node/rclone_store.hpp"

#include "node/file_copy.hpp"
#include "node/filters.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace berth {

namespace {

/// Time for a call that moves no file, and the slowest transfer that is still waited for, in bytes per
/// second.
constexpr Duration kBaseDeadline = std::chrono::minutes{3};
constexpr std::int64_t kSlowest = 128 << 10;

json::object local_folder(const std::string& path)
{
    return {{"type", "local"}, {"_root", path}, {"encoding", "Raw"}};
}

/// Bounded, so that a store that doesn't answer is reported within seconds; the sync itself tries again.
json::object limits(bool names_given)
{
    json::object config{{"LowLevelRetries", 3}, {"Retries", 1}, {"ConnectTimeout", "5s"}, {"Timeout", "60s"},
        {"NoCheckDest", true}, {"Transfers", 8}, {"Checkers", 16}};
    if (names_given) config["NoTraverse"] = true;
    return config;
}

RemoteFile to_remote_file(const json::object& item)
{
    RemoteFile file;
    if (const auto* size = item.if_contains("Size")) file.size = size->to_number<std::int64_t>();
    if (const auto* time = item.if_contains("ModTime"); time && time->is_string())
        file.mtime = std::string(time->get_string());
    if (const auto* hashes = item.if_contains("Hashes"); hashes && hashes->is_object())
        if (const auto* md5 = hashes->get_object().if_contains("md5"); md5 && md5->is_string())
            file.md5 = std::string(md5->get_string());
    return file;
}

RemoteFiles to_remote_files(const json::object& reply)
{
    RemoteFiles files;
    const auto* list = reply.if_contains("list");
    if (!list || !list->is_array()) return files;
    for (const auto& item : list->get_array()) {
        const auto& object = item.as_object();
        std::string path(object.at("Path").as_string());
        if (path.starts_with(".berth/")) continue;
        files.emplace(std::move(path), to_remote_file(object));
    }
    return files;
}

json::object list_options(bool with_time)
{
    return {{"recurse", true}, {"filesOnly", true}, {"noMimeType", true}, {"noModTime", !with_time},
        {"showHash", true}, {"hashTypes", json::array{"md5"}}};
}

} // namespace

std::string s3_cause(std::string_view text)
{
    const auto has = [text](std::string_view word) { return text.find(word) != std::string_view::npos; };
    if (has("NoSuchBucket") || has("bucket does not exist")) return "NoSuchBucket";
    if (has("StatusCode: 403") || has("StatusCode: 401") || has("AccessDenied") ||
        has("SignatureDoesNotMatch") || has("InvalidAccessKeyId") || has("Forbidden"))
        return "S3Denied";
    for (auto word : {"connection refused", "no such host", "i/o timeout", "deadline exceeded",
             "request send failed", "connection reset", "StatusCode: 50", "SlowDown", "ServiceUnavailable",
             "took longer than", "EOF"})
        if (has(word)) return "S3Unreachable";
    return "S3Error";
}

std::string s3_message(std::string_view text, const std::vector<std::string>& secrets)
{
    constexpr std::size_t kLimit = 300;
    std::string message = s3_cause(text) + ": " + std::string(text);
    for (const auto& secret : secrets) {
        if (secret.size() < 4) continue;
        for (auto at = message.find(secret); at != std::string::npos; at = message.find(secret))
            message.replace(at, secret.size(), "***");
    }
    if (message.size() > kLimit) message.resize(kLimit);
    while (!is_utf8(message)) message.pop_back();
    std::replace_if(
        message.begin(), message.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    return message;
}

RcloneStore::RcloneStore(Rclone& rclone, S3Source source, std::string folder)
    : rclone_(rclone),
      source_(std::move(source)),
      folder_(std::move(folder))
{
    std::filesystem::create_directories(folder_);
}

json::object RcloneStore::remote(std::string_view below) const
{
    std::string root = source_.bucket;
    if (!source_.prefix.empty()) root += "/" + source_.prefix;
    if (!below.empty()) root += "/" + std::string(below);
    // Without the slash rclone first asks whether the prefix is an object, and takes an S3 that is away for a
    // yes.
    root += "/";
    // BackSlash: some S3 servers take '\' for a separator.
    json::object fs{{"type", "s3"}, {"provider", source_.endpoint.empty() ? "AWS" : "Other"}, {"_root", root},
        {"access_key_id", source_.accessKeyId}, {"secret_access_key", source_.secretAccessKey.reveal()},
        {"region", source_.region}, {"no_check_bucket", "true"}, {"encoding", "BackSlash"},
        {"env_auth", "false"}};
    if (!source_.endpoint.empty()) {
        fs["endpoint"] = source_.endpoint;
        fs["force_path_style"] = "true";
    }
    return fs;
}

json::object RcloneStore::names(const Paths& paths) const
{
    const auto file = folder_ + "/names";
    std::string text;
    for (const auto& path : paths) text += path + "\n";
    write_file_atomically(file, text);
    return {{"FilesFromRaw", json::array{json::value(file)}}};
}

awaitable<json::object> RcloneStore::call(std::string method, json::object parameters, std::int64_t bytes)
{
    const auto deadline = kBaseDeadline + Duration{bytes / kSlowest * 1000};
    std::string failure;
    auto code = Errc::Unavailable;
    try {
        co_return co_await rclone_.call(std::move(method), std::move(parameters), deadline);
    } catch (const Error& error) {
        code = error.code();
        failure = error.what();
    }
    if (code == Errc::Unavailable || code == Errc::Timeout) {
        // The child is away or answers nothing; it is not S3 that refuses.
        throw Error{
            code, s3_message("took longer than expected: " + failure, {source_.secretAccessKey.reveal()})};
    }
    throw Error{code, s3_message(failure, {source_.secretAccessKey.reveal(), source_.accessKeyId})};
}

awaitable<bool> RcloneStore::bucket_is_missing()
{
    auto all = remote();
    all["_root"] = "";
    try {
        json::object parameters{{"fs", all}, {"remote", ""}, {"_config", limits(false)}};
        const auto reply = co_await call("operations/list", std::move(parameters));
        for (const auto& item : reply.at("list").as_array())
            if (item.as_object().at("Path").as_string() == source_.bucket) co_return false;
        co_return true;
    } catch (const Error&) {
        co_return false; // many keys may not list the buckets; the first write will tell
    }
}

awaitable<RemoteFiles> RcloneStore::list()
{
    std::optional<Error> failure;
    try {
        json::object parameters{
            {"fs", remote()}, {"remote", ""}, {"opt", list_options(false)}, {"_config", limits(false)}};
        co_return to_remote_files(co_await call("operations/list", std::move(parameters), 256 << 20));
    } catch (const Error& error) {
        failure = error;
    }
    // "directory not found" is said of an empty bucket as well as of a missing one.
    if (failure->code() != Errc::NotFound) throw *failure;
    if (co_await bucket_is_missing())
        throw Error{Errc::NotFound, "NoSuchBucket: the bucket \"" + source_.bucket + "\" does not exist"};
    co_return RemoteFiles{};
}

awaitable<RemoteFiles> RcloneStore::head(Paths paths)
{
    if (paths.empty()) co_return RemoteFiles{};
    try {
        json::object parameters{{"fs", remote()}, {"remote", ""}, {"opt", list_options(true)},
            {"_filter", names(paths)}, {"_config", limits(true)}};
        co_return to_remote_files(co_await call("operations/list", std::move(parameters)));
    } catch (const Error& error) {
        if (error.code() != Errc::NotFound) throw;
        co_return RemoteFiles{};
    }
}

awaitable<> RcloneStore::upload(std::string folder, std::int64_t bytes)
{
    json::object parameters{{"srcFs", local_folder(folder)}, {"dstFs", remote()}, {"_config", limits(false)}};
    co_await call("sync/copy", std::move(parameters), bytes);
}

awaitable<> RcloneStore::download(Paths paths, std::string folder, std::int64_t bytes)
{
    json::object parameters{{"srcFs", remote()}, {"dstFs", local_folder(folder)}, {"_filter", names(paths)},
        {"_config", limits(true)}};
    co_await call("sync/copy", std::move(parameters), bytes);
}

awaitable<> RcloneStore::copy_to_trash(Paths paths, std::string stamp)
{
    if (paths.empty()) co_return;
    json::object parameters{{"srcFs", remote()}, {"dstFs", remote(".berth/trash/" + stamp)},
        {"_filter", names(paths)}, {"_config", limits(true)}};
    co_await call("sync/copy", std::move(parameters), 256 << 20);
}

awaitable<> RcloneStore::copy(std::string from, std::string to)
{
    json::object parameters{{"srcFs", remote()}, {"srcRemote", from}, {"dstFs", remote()}, {"dstRemote", to},
        {"_config", limits(false)}};
    co_await call("operations/copyfile", std::move(parameters), 256 << 20);
}

awaitable<> RcloneStore::remove(Paths paths)
{
    if (paths.empty()) co_return;
    json::object parameters{{"fs", remote()}, {"_filter", names(paths)}, {"_config", limits(true)}};
    co_await call("operations/delete", std::move(parameters));
}

awaitable<std::optional<RemoteFile>> RcloneStore::stat(std::string key)
{
    json::object parameters{{"fs", remote()}, {"remote", key},
        {"opt", json::object{{"filesOnly", true}, {"showHash", true}, {"hashTypes", json::array{"md5"}}}},
        {"_config", limits(false)}};
    const auto reply = co_await call("operations/stat", std::move(parameters));
    const auto* item = reply.if_contains("item");
    if (!item || !item->is_object()) co_return std::nullopt;
    co_return to_remote_file(item->get_object());
}

awaitable<> RcloneStore::put(std::string local_path, std::string key)
{
    const std::filesystem::path path(local_path);
    json::object parameters{{"srcFs", local_folder(path.parent_path())},
        {"srcRemote", path.filename().string()}, {"dstFs", remote()}, {"dstRemote", key},
        {"_config", limits(false)}};
    co_await call("operations/copyfile", std::move(parameters), 256 << 20);
}

awaitable<> RcloneStore::get(std::string key, std::string local_path)
{
    const std::filesystem::path path(local_path);
    json::object parameters{{"srcFs", remote()}, {"srcRemote", key},
        {"dstFs", local_folder(path.parent_path())}, {"dstRemote", path.filename().string()},
        {"_config", limits(false)}};
    co_await call("operations/copyfile", std::move(parameters), 256 << 20);
}

awaitable<> RcloneStore::empty_trash(std::string date)
{
    json::object reply;
    try {
        json::object parameters{{"fs", remote(".berth/trash")}, {"remote", ""},
            {"opt", json::object{{"dirsOnly", true}, {"noModTime", true}}}, {"_config", limits(false)}};
        reply = co_await call("operations/list", std::move(parameters));
    } catch (const Error& error) {
        if (error.code() != Errc::NotFound) throw;
        co_return;
    }
    for (const auto& item : reply.at("list").as_array()) {
        const std::string day(item.as_object().at("Path").as_string());
        if (day.size() != 10 || day >= date) continue;
        json::object parameters{{"fs", remote(".berth/trash")}, {"remote", day}, {"_config", limits(false)}};
        co_await call("operations/purge", std::move(parameters));
    }
}

} // namespace berth
