#pragma once
// Watches one workspace for signs of use, tells its user when it is about to be stopped, and passes on what
// the monitor inside reports (W6, W29). Whether and when it is stopped is berthd's decision; this only sees
// and says.

#include "node/activity.hpp"
#include "node/callback_relay.hpp"
#include "node/folder_watcher.hpp"
#include "node/inventory.hpp"

#include <functional>
#include <set>

namespace berth {

struct NodeParts;

/// The agent's own state, which outlives the watch; I/O thread.
struct ActivityView {
    const Workspace& workspace;
    const LocalParts& local;
    const std::optional<ResourceUsage>& usage;
    const SyncStatus& sync;
    const std::shared_ptr<FolderActivity>& files;
    std::function<void()> changed; ///< the report is worth sending now
};

/// Lives on the I/O thread, as a part of the workspace's agent. Spawn run() and relay() in its group.
class ActivityWatch {
public:
    ActivityWatch(NodeParts& parts, ActivityView view);

    awaitable<> run();
    /// Listens in the control volume for the monitor inside.
    awaitable<> relay();
    /// The workspace changed.
    void update();
    std::vector<ActivitySignal> signals() const { return log_.signals(); }
    /// They are in the report that is being sent.
    void told();
    std::optional<Time> newest() const { return log_.newest(); }

private:
    struct Outside;
    bool watched() const;
    bool warned() const;
    std::optional<Time> stops_at() const;
    Duration interval() const;
    awaitable<> look();
    void look_at_files(Time now);
    awaitable<> look_outside();
    awaitable<> look_at_display(std::optional<DisplaySocket> display);
    void take(const Outside& outside);
    void report_if_worth();
    awaitable<> show();
    awaitable<> show_in_terminals(std::string text);
    awaitable<RelayAnswer> pass_on(RelayRequest request);
    std::string notice() const;

    NodeParts& parts_;
    ActivityView view_;
    Signal wake_;
    ActivityLog log_;
    int failures_ = 0;                       ///< looks in a row that could not reach into the container
    std::string manifest_;                   ///< of the last receipt that was seen
    std::map<std::string, Time> own_output_; ///< terminals' times that are from our own words
    std::vector<Terminal> last_terminals_;
    std::optional<Time> told_; ///< the newest sign of the last report
    std::optional<Time> told_at_;
    std::optional<Time> desktop_; ///< the last input of the desktop that was noted
    std::optional<std::string> shown_; ///< in the control volume; unset: not looked yet
    bool warned_in_terminals_ = false;
    bool look_now_ = false;
    std::optional<std::pair<IdleState, std::optional<Time>>> known_; ///< what of the status we have acted on
};

/// What terminals and the control volume say while a workspace is about to be stopped. `install` is the mode of
/// workspaces that name none.
std::string idle_notice(const Workspace& workspace, IdleMode install, Time stops_at, Time now);

} // namespace berth
