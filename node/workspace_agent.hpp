#pragma once
// The agent's work for one workspace on this node: one loop that looks, decides (decide.hpp) and does one
// thing, and beside it the probes and the usage. What it sees goes out as the workspace's report.

#include "api/types/warm_pool.hpp"
#include "docker/client.hpp"
#include "node/activity_watch.hpp"
#include "node/config.hpp"
#include "node/container_meter.hpp"
#include "node/decide.hpp"
#include "node/inventory.hpp"
#include "node/reporter.hpp"
#include "node/sync.hpp"
#include "node/usage.hpp"
#include "node/world.hpp"

#include <memory>

namespace berth {

/// What every workspace's agent shares. Owned by NodeAgent, outlives them.
struct NodeParts {
    Executor io;
    Executor work;
    Clock& clock;
    const NodeConfig& config;
    docker::Client& docker;
    Inventory& inventory;
    Walls& walls;
    NodeWorld& world;
    ContainerMeter& meter;
    Reporter& reporter;
    ApiClient& api;
    const std::atomic<bool>& stop;
    std::string node_id;
    std::string node_name;
};

/// Lives on the I/O thread. Start it in a task group of its own; cancel and join that before destroying it.
class WorkspaceAgent {
public:
    WorkspaceAgent(NodeParts& parts, Workspace workspace);
    ~WorkspaceAgent();

    void start(TaskGroup& group);
    /// The object changed.
    void update(Workspace workspace);
    /// The node's containers or volumes were looked at.
    void look();
    /// The network filter of its container came, or could not be loaded.
    void isolation_changed() { changed(); }
    const Workspace& workspace() const noexcept { return workspace_; }
    /// Whether berthd has taken a report of the present state.
    bool reported() const { return !parts_.reporter.pending(target_); }
    /// When berthd was told what is still true; nothing: there is something to tell, or it is not this node's to tell.
    std::optional<Time> unchanged_since() const;
    /// berthd may have missed or lost something: its turn to be told everything comes with the next regular report.
    void tell_again() { told_.reset(); }

private:
    NodeView view() const;
    // Slots and claims (workspace_claim.cpp).
    bool control_is_current() const;
    bool abandoned() const;
    bool has_a_say() const;
    std::int64_t observed_claim() const;
    awaitable<> run();
    awaitable<> step();
    awaitable<> attempt(NodeStep next);
    awaitable<> perform(NodeStep next);
    void failed(NodeStep next, const std::string& problem);

    // Files (workspace_files.cpp).
    awaitable<> prepare();
    awaitable<> write_control();
    awaitable<> restore();
    awaitable<> sync();
    awaitable<> go_back(SyncRequests asked);
    awaitable<> final_sync();
    awaitable<> show_progress();
    awaitable<> show_banner(std::string text);
    awaitable<> keep_requests(SyncRequests done);
    awaitable<> empty_trash_daily();
    bool asked_for_sync() const;
    SyncRound round_for(const SyncRequests& asked, Tick now);
    void drop_store();
    awaitable<> remove_volumes();
    awaitable<> remove_volume(std::string name);
    awaitable<> forget();
    awaitable<> keep_final_receipt();
    void recall_receipt();
    void forget_final_receipt();
    SyncContext& context();
    void drop_files_state();

    awaitable<> probe_loop();
    awaitable<Tick> probe_once();
    awaitable<> usage_loop();
    void heed_end();
    void note_list();
    WorkspaceReportSpec present() const;
    std::optional<json::object> report(bool news);
    void changed() { parts_.reporter.changed(target_); }
    bool unchanged_folder() const;

    NodeParts& parts_;
    Workspace workspace_;
    std::string target_;
    std::string folder_; ///< of the journal
    LocalParts local_;
    Signal wake_;
    Signal probe_wake_;

    std::unique_ptr<SyncJournal> journal_;
    std::unique_ptr<ObjectStore> store_;
    std::int64_t earlier_requests_ = 0; ///< to S3, by stores that are gone
    S3Source store_source_;
    std::unique_ptr<SyncContext> context_;
    std::shared_ptr<FolderActivity> activity_ = std::make_shared<FolderActivity>();
    SyncStatus status_;
    bool restored_ = false; ///< what the journal says; the journal itself may be in use on the work pool
    std::string control_written_; ///< hash of what the control volume holds, once checked
    std::string final_receipt_;   ///< manifest hash, valid for final_incarnation_
    std::int64_t final_incarnation_ = -1;

    int failures_ = 0;
    Tick retry_after_{};
    Tick sync_due_{};
    std::optional<Tick> last_walk_;
    std::optional<Tick> trash_emptied_;
    Tick compare_due_{};
    Tick banner_due_{};
    SyncRequests observed_requests_; ///< acted on

    std::int64_t told_end_ = 0;   ///< status.endedIncarnation, and the look that was asked for because of it
    std::uint64_t end_look_ = 0;
    std::int64_t listed_end_ = 0; ///< that look has been made
    std::int64_t seen_ = 0;       ///< the newest start of which a container was seen here

    Health health_;
    std::string probed_id_;
    Tick probing_since_{};
    std::optional<ResourceUsage> usage_;
    std::optional<WorkspaceReportSpec> sent_; ///< until berthd has taken it
    std::optional<WorkspaceReportSpec> told_; ///< berthd has it
    Tick repeat_due_{};
    ActivityWatch use_{parts_, {workspace_, local_, usage_, status_, activity_, [this] { changed(); }}};
};

/// A workspace has one report, and this node may write it: unless the workspace lives on another node and
/// what is here is left from an earlier container. Pure.
bool speaks_for(const WorkspaceStatus& status, const ContainerReport& here, const std::string& node_id);
/// The source with the install's own endpoint and key filled in. Pure.
S3Source complete_source(S3Source source, const NodeConfig& config);
/// Names where files come from, without secrets. Another identity means another restore. Pure.
std::string source_identity(const S3Source& source);
/// Recognises a volume that was removed and made again under its name; empty when the folder is not there.
/// Blocking.
std::string volume_identity(const std::string& folder);

} // namespace berth
