#pragma once
// What the agent touches beside Docker's API and ours: object storage, the insides of containers, packet
// filters. The seam behind which a test puts a world of its own.

#include "api/types/edge.hpp"
#include "api/types/node.hpp"
#include "api/types/workspace_report.hpp"
#include "controller/base/async.hpp"
#include "docker/client.hpp"
#include "node/folder_watcher.hpp"
#include "node/object_store.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace berth {

struct IsolationState {
    bool isolated = false;
    std::string problem; ///< why not, once it was tried
};

/// The packet filters of this node's workspaces (W33). I/O thread.
struct Walls {
    virtual ~Walls() = default;
    virtual void start(TaskGroup& group) = 0;
    /// The API told of the proxies, networks and nodes.
    virtual void update(const EdgeNetwork& edge) = 0;
    /// The inventory has looked.
    virtual void look() = 0;
    /// The engine has told of a container.
    virtual void seen(const docker::Event& event) = 0;
    virtual IsolationState of(const ContainerReport& container) const = 0;
    /// Of this machine's own interfaces, as last read.
    virtual const std::vector<std::string>& addresses() const = 0;

    /// Called with the workspace's uid when of() may have changed.
    std::function<void(const std::string& uid)> on_change;
};

class Inventory;

/// Owned by who owns the agent; outlives it. I/O thread, except for watch_folder().
struct NodeWorld {
    virtual ~NodeWorld() = default;
    virtual void start(TaskGroup& group) = 0;
    /// What they refer to outlives them.
    virtual std::unique_ptr<Walls> build_walls(docker::Client& docker, Inventory& inventory) = 0;
    virtual std::unique_ptr<ObjectStore> open_store(S3Source source) = 0;
    /// See prober.hpp.
    virtual awaitable<HealthChecks> probe(std::string netns, Duration limit) = 0;
    virtual awaitable<> open_editor(std::string netns, Duration limit) = 0;
    /// What a container uses, read from the kernel; `pid`: its first process, `netns`: its network namespace.
    /// Throws Error when that can't be read here: then the engine is asked.
    virtual awaitable<docker::ContainerStats> container_use(std::int64_t pid, std::string netns) = 0;
    /// Of the machine, at this moment.
    virtual MachineUsage measure() = 0;
    /// See FolderWatcher::watch. Any thread.
    virtual void watch_folder(int descriptor, const std::shared_ptr<FolderActivity>& activity) = 0;
};

} // namespace berth
