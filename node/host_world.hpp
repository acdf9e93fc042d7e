#pragma once
// The world of a real node: S3 by requests of our own and by rclone, inotify, the namespaces of containers,
// iptables.

#include "node/config.hpp"
#include "node/folder_watcher.hpp"
#include "node/rclone.hpp"
#include "node/s3_client.hpp"
#include "node/s3_store.hpp"
#include "node/usage.hpp"
#include "node/world.hpp"

#include <boost/asio/thread_pool.hpp>

namespace berth {

/// Owned by main; I/O thread. `work` runs what blocks.
class HostWorld final : public NodeWorld {
public:
    HostWorld(Executor io, Executor work, Clock& clock, const NodeConfig& config);

    void start(TaskGroup& group) override;
    std::unique_ptr<Walls> build_walls(docker::Client& docker, Inventory& inventory) override;
    std::unique_ptr<ObjectStore> open_store(S3Source source) override;
    awaitable<HealthChecks> probe(std::string netns, Duration limit) override;
    awaitable<> open_editor(std::string netns, Duration limit) override;
    awaitable<docker::ContainerStats> container_use(std::int64_t pid, std::string netns) override;
    MachineUsage measure() override { return meter_.measure(); }
    void watch_folder(int descriptor, const std::shared_ptr<FolderActivity>& activity) override;

private:
    Executor io_;
    Executor work_;
    Clock& clock_;
    const NodeConfig& config_;
    asio::thread_pool filter_thread_{1};
    Rclone rclone_;
    S3Client s3_;
    S3Servers s3_servers_;
    FolderWatcher watcher_;
    MachineMeter meter_;
};

} // namespace berth
