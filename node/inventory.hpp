#pragma once
// What this node has of Berth's workspaces: containers and volumes by their labels, from the engine's events
// and a list now and then.

#include "api/types/workspace_report.hpp"
#include "controller/base/async.hpp"
#include "docker/client.hpp"
#include "docker/events.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace berth {

/// One workspace's parts on this node.
struct LocalParts {
    Key key;
    std::string uid;
    ContainerReport container; ///< of the newest incarnation; state absent when there is none
    std::string sandbox;       ///< path of its network namespace as the engine sees it
    std::int64_t pid = 0;      ///< of its first process, as the engine sees it; 0 while it does not run
    bool files_volume = false;
    bool control_volume = false;
    bool operator==(const LocalParts&) const = default;
};

struct InventoryOptions {
    std::string install_id;   ///< empty: any install's (the caller knows its uids)
    std::string edge_network; ///< whose address is told
    std::string volumes_dir;
    Duration relist = std::chrono::seconds{30};
};

/// Lives on the I/O thread; must outlive the group it is started in.
class Inventory {
public:
    Inventory(Executor executor, Clock& clock, docker::Client& client, InventoryOptions options);

    /// Called after each look that is believed, whether or not something changed.
    std::function<void()> on_look;

    /// Called with each event of a container of a workspace (any install's), before it is looked at.
    std::function<void(const docker::Event&)> on_event;

    /// Spawns what keeps it up to date.
    void start(TaskGroup& group);
    /// Looks soon.
    void poke();
    /// Looks soon, too: the number of the first look that begins after this call.
    std::uint64_t ask();
    /// The number of the last look that was believed.
    std::uint64_t answered() const noexcept { return believed_; }
    /// We removed this volume: a list that was asked for before must not bring it back.
    void volume_removed(const std::string& uid, const std::string& name);
    /// Whether the engine has been listed at all; before that "not there" means nothing.
    bool synced() const noexcept { return synced_; }
    /// What is there of this workspace, absent parts included. A volume whose folder exists counts as there,
    /// whatever the engine says.
    LocalParts parts(const std::string& uid, const Key& key) const;
    const std::map<std::string, LocalParts>& all() const noexcept { return parts_; }
    std::size_t containers_running() const noexcept { return running_; }

    std::string files_folder(const std::string& workspace) const;
    std::string control_folder(const std::string& workspace) const;

private:
    using Found = std::map<std::string, LocalParts>;
    awaitable<> run();
    awaitable<> listen();
    awaitable<> look();
    awaitable<Found> list();
    awaitable<docker::Container> details(const docker::ContainerSummary& summary);
    LocalParts* place(Found& found, const docker::StringMap& labels) const;

    Clock& clock_;
    docker::Client& client_;
    InventoryOptions options_;
    docker::EventStream events_;
    Signal wake_;
    void count_oom(const docker::Event& event);

    /// What the engine's events told of a container's memory, since this agent runs.
    struct OomKills {
        std::int64_t count = 0;
        std::optional<Time> last{};
    };
    bool poked_ = true;
    std::uint64_t begun_ = 0; ///< looks, of which the last may be on its way
    std::uint64_t believed_ = 0;
    bool synced_ = false;
    bool doubted_ = false; ///< an unexpectedly empty list was seen once
    Found parts_;
    std::map<std::string, std::pair<std::string, docker::Container>> details_; ///< by id: state and details
    std::map<std::string, OomKills> oom_;                                      ///< by container id
    std::set<std::string> stale_;                                              ///< ids that events named
    std::map<std::string, Tick> removed_; ///< volumes that we removed, and when
    std::size_t running_ = 0;
};

/// How a container looks in a report. Pure.
ContainerReport to_report(const docker::Container& container, const std::string& edge_network);

} // namespace berth
