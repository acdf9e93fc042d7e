#pragma once
// What does not go in one request: objects of many megabytes, moved in parts by rclone.

#include "api/types/workspace.hpp"
#include "node/rclone.hpp"

namespace berth {

/// From this size on, in bytes.
inline constexpr std::int64_t kLargeObject = 64 << 20;
constexpr bool is_large(std::int64_t size) { return size >= kLargeObject; }

/// Lives on the I/O thread; `rclone` outlives it. Keys are whole keys of the bucket, spelled as S3 shall see
/// them. Errors as of ObjectStore.
class LargeObjects {
public:
    LargeObjects(Rclone& rclone, S3Source source);
    awaitable<> put(std::string file, std::string key, std::int64_t size);
    awaitable<> get(std::string key, std::string file, std::int64_t size);
    awaitable<> copy(std::string from, std::string to, std::int64_t size);
    /// Removes everything below the key's folder.
    awaitable<> purge(std::string folder);

private:
    json::object remote() const;
    awaitable<> call(std::string method, json::object parameters, std::int64_t bytes);

    Rclone& rclone_;
    S3Source source_;
};

} // namespace berth
