#pragma once
// berth-node as a whole: wires the parts, keeps one WorkspaceAgent for each workspace that has something on
// this node, and reports the machine.

#include "node/log_shipper.hpp"
#include "node/workspace_agent.hpp"

#include <boost/asio/thread_pool.hpp>

namespace berth {

/// Owned by main, on the I/O thread. Spawn run(); cancel it to end.
class NodeAgent {
public:
    NodeAgent(Executor io, Executor work, Clock& clock, const NodeConfig& config);
    ~NodeAgent();

    /// Works until cancelled; then everything has ended when it returns.
    awaitable<> run();
    /// Makes blocking work end early. Any thread.
    void stop_soon() { stop_ = true; }

private:
    struct Running {
        Running(NodeParts& parts, Workspace workspace, Executor io)
            : agent(parts, std::move(workspace)),
              group(io)
        {}
        WorkspaceAgent agent;
        TaskGroup group;
        bool ending = false;
    };
    awaitable<> work();
    awaitable<> identify();
    awaitable<> machine_loop();
    WorkspaceListener listener();
    ObjectListener edge_listener();
    void take_edge(const json::object& object);
    void reconcile();
    void reconcile_one(const std::string& uid);
    bool concerns_us(const Workspace& workspace) const;
    void retire(const std::string& uid);
    awaitable<> end(std::string uid, std::shared_ptr<Running> running);
    awaitable<> end_all();
    json::object node_report();
    void node_report_taken();

    Clock& clock_;
    const NodeConfig& config_;
    std::atomic<bool> stop_{false};
    HttpClient docker_http_;
    docker::Client docker_;
    HttpClient api_http_;
    ApiClient api_;
    Inventory inventory_;
    asio::thread_pool filter_thread_{1};
    Isolation isolation_;
    Rclone rclone_;
    S3Client s3_;
    S3Servers s3_servers_;
    FolderWatcher watcher_;
    Reporter reporter_;
    LogShipper logs_;
    MachineMeter meter_;
    NodeParts parts_;
    std::string engine_version_;
    MachineUsage usage_;
    Tick heard_at_{}; ///< when berthd took the last report of the node
    bool api_synced_ = false;
    std::map<std::string, Workspace> workspaces_;
    std::map<std::string, std::shared_ptr<Running>> running_;
    TaskGroup group_;
};

} // namespace berth
