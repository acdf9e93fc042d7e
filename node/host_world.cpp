#include "node/host_world.hpp"

#include "node/cgroup_files.hpp"
#include "node/isolation.hpp"
#include "node/prober.hpp"

#include <cstdlib>

namespace berth {

namespace {

/// The same certificates as for everything else that the environment sets up (rclone reads the variable
/// itself).
S3ClientOptions s3_options()
{
    S3ClientOptions options;
    if (const char* file = std::getenv("SSL_CERT_FILE")) options.ca_file = file;
    return options;
}

} // namespace

HostWorld::HostWorld(Executor io, Executor work, Clock& clock, const NodeConfig& config)
    : io_(io),
      work_(std::move(work)),
      clock_(clock),
      config_(config),
      rclone_(io, clock, {.program = config.rclone, .folder = config.data_dir}),
      s3_(clock, s3_options()),
      s3_servers_(io),
      watcher_(io, clock),
      meter_(config.volumes_dir)
{}

void HostWorld::start(TaskGroup& group)
{
    group.spawn("rclone", rclone_.run());
    group.spawn("folder watcher", watcher_.run());
}

std::unique_ptr<Walls> HostWorld::build_walls(docker::Client& docker, Inventory& inventory)
{
    return std::make_unique<Isolation>(
        io_, filter_thread_.get_executor(), clock_, docker, config_, inventory);
}

std::unique_ptr<ObjectStore> HostWorld::open_store(S3Source source)
{
    return std::make_unique<S3Store>(s3_, rclone_, s3_servers_, std::move(source));
}

awaitable<HealthChecks> HostWorld::probe(std::string netns, Duration limit)
{
    return probe_namespace(work_, clock_, std::move(netns), limit);
}

awaitable<> HostWorld::open_editor(std::string netns, Duration limit)
{
    return berth::open_editor(work_, clock_, std::move(netns), limit);
}

awaitable<docker::ContainerStats> HostWorld::container_use(std::int64_t pid, std::string netns)
{
    auto body = [proc = config_.proc_dir, pid, netns] {
        return cgroup_stats(ContainerRoot(proc, pid, netns));
    };
    co_return co_await offload(work_, std::move(body));
}

void HostWorld::watch_folder(int descriptor, const std::shared_ptr<FolderActivity>& activity)
{
    watcher_.watch(descriptor, activity);
}

} // namespace berth
