#pragma once
// ObjectStore on rclone. The steady state needs no LIST: what to look at, copy, trash and delete goes over as
// a list of names.

#include "api/types/workspace.hpp"
#include "node/object_store.hpp"
#include "node/rclone.hpp"

namespace berth {

/// Lives on the I/O thread; `rclone` outlives it. `folder` holds its name lists.
class RcloneStore final : public ObjectStore {
public:
    RcloneStore(Rclone& rclone, S3Source source, std::string folder);

    awaitable<RemoteFiles> list() override;
    awaitable<RemoteFiles> head(Paths paths) override;
    awaitable<> upload(std::string folder, std::int64_t bytes) override;
    awaitable<> download(Paths paths, std::string folder, std::int64_t bytes) override;
    awaitable<> copy_to_trash(Paths paths, std::string stamp) override;
    awaitable<> copy(std::string from, std::string to) override;
    awaitable<> remove(Paths paths) override;
    awaitable<std::optional<RemoteFile>> stat(std::string key) override;
    awaitable<> put(std::string local_path, std::string key) override;
    awaitable<> get(std::string key, std::string local_path) override;
    awaitable<> empty_trash(std::string date) override;

private:
    json::object remote(std::string_view below = "") const;
    json::object names(const Paths& paths) const;
    awaitable<json::object> call(std::string method, json::object parameters, std::int64_t bytes = 0);
    awaitable<bool> bucket_is_missing();

    Rclone& rclone_;
    S3Source source_;
    std::string folder_;
};

} // namespace berth
