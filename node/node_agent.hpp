#pragma once
// berth-node as a whole: wires the parts, keeps one WorkspaceAgent for each workspace that has something on
// this node, and reports the machine.

#include "node/log_shipper.hpp"
#include "node/workspace_agent.hpp"

namespace berth {

/// Where the agent touches the world. Everything outlives it.
struct NodePorts {
    Transport& docker; ///< this node's engine
    Transport& api;    ///< berthd, with the node's key
    NodeWorld& world;
};

/// Owned by main (or a test), on the I/O thread. Spawn run(); cancel it to end.
class NodeAgent {
public:
    NodeAgent(Executor io, Executor work, Clock& clock, const NodeConfig& config, NodePorts ports);
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
    NodeWorld& world_;
    docker::Client docker_;
    ApiClient api_;
    Inventory inventory_;
    std::unique_ptr<Walls> walls_;
    ContainerMeter meter_;
    Reporter reporter_;
    LogShipper logs_;
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
