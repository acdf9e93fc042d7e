#include "node/large_objects.hpp"

#include "node/filters.hpp"
#include "node/object_store.hpp"

#include <algorithm>
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
json::object limits()
{
    return {{"LowLevelRetries", 3}, {"Retries", 1}, {"ConnectTimeout", "5s"}, {"Timeout", "60s"},
        {"NoCheckDest", true}};
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

LargeObjects::LargeObjects(Rclone& rclone, S3Source source) : rclone_(rclone), source_(std::move(source)) {}

json::object LargeObjects::remote() const
{
    // With the slash rclone does not first ask whether the name is an object. Keys are spelled already.
    json::object fs{{"type", "s3"}, {"provider", source_.endpoint.empty() ? "AWS" : "Other"},
        {"_root", source_.bucket + "/"}, {"access_key_id", source_.accessKeyId},
        {"secret_access_key", source_.secretAccessKey.reveal()}, {"region", source_.region},
        {"no_check_bucket", "true"}, {"encoding", "Raw"}, {"env_auth", "false"}};
    if (!source_.endpoint.empty()) {
        fs["endpoint"] = source_.endpoint;
        fs["force_path_style"] = "true";
    }
    return fs;
}

awaitable<> LargeObjects::call(std::string method, json::object parameters, std::int64_t bytes)
{
    parameters["_config"] = limits();
    const auto deadline = kBaseDeadline + Duration{bytes / kSlowest * 1000};
    std::string failure;
    auto code = Errc::Unavailable;
    try {
        co_await rclone_.call(std::move(method), std::move(parameters), deadline);
        co_return;
    } catch (const Error& error) {
        code = error.code();
        failure = error.what();
    }
    // The child is away or answers nothing; it is not S3 that refuses.
    if (code == Errc::Unavailable || code == Errc::Timeout) failure = "took longer than expected: " + failure;
    throw Error{code, s3_message(failure, {source_.secretAccessKey.reveal(), source_.accessKeyId})};
}

awaitable<> LargeObjects::put(std::string file, std::string key, std::int64_t size)
{
    const std::filesystem::path path(file);
    json::object parameters{{"srcFs", local_folder(path.parent_path())},
        {"srcRemote", path.filename().string()}, {"dstFs", remote()}, {"dstRemote", key}};
    co_await call("operations/copyfile", std::move(parameters), size);
}

awaitable<> LargeObjects::get(std::string key, std::string file, std::int64_t size)
{
    const std::filesystem::path path(file);
    json::object parameters{{"srcFs", remote()}, {"srcRemote", key},
        {"dstFs", local_folder(path.parent_path())}, {"dstRemote", path.filename().string()}};
    co_await call("operations/copyfile", std::move(parameters), size);
}

awaitable<> LargeObjects::copy(std::string from, std::string to, std::int64_t size)
{
    json::object parameters{{"srcFs", remote()}, {"srcRemote", from}, {"dstFs", remote()}, {"dstRemote", to}};
    co_await call("operations/copyfile", std::move(parameters), size);
}

awaitable<> LargeObjects::purge(std::string folder)
{
    json::object parameters{{"fs", remote()}, {"remote", folder}};
    co_await call("operations/purge", std::move(parameters), 256 << 20);
}

} // namespace berth
