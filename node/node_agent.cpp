#include "node/node_agent.hpp"

#include "api/types/edge.hpp"
#include "api/types/node.hpp"
#include "controller/base/log.hpp"
#include "controller/base/version.hpp"

#include <filesystem>

namespace berth {

namespace {

InventoryOptions inventory_options(const NodeConfig& config)
{
    return {.install_id = config.install_id,
        .edge_network = config.edge_network,
        .volumes_dir = config.volumes_dir,
        .relist = config.relist_interval};
}

} // namespace

NodeAgent::NodeAgent(Executor io, Executor work, Clock& clock, const NodeConfig& config, NodePorts ports)
    : clock_(clock),
      config_(config),
      world_(ports.world),
      docker_(ports.docker, clock),
      api_(ports.api, clock),
      inventory_(io, clock, docker_, inventory_options(config)),
      walls_(world_.build_walls(docker_, inventory_)),
      meter_(world_, docker_, clock),
      reporter_(io, api_, clock, config.report_interval),
      logs_(io, clock, docker_, ports.api),
      parts_{io, work, clock, config_, docker_, inventory_, *walls_, world_, meter_, reporter_, api_, stop_, "", ""},
      group_(io)
{}

NodeAgent::~NodeAgent() = default;

awaitable<> NodeAgent::run()
{
    std::exception_ptr failure;
    try {
        co_await work();
    } catch (...) {
        failure = std::current_exception();
    }
    // We were cancelled; what follows must run nevertheless.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    stop_ = true;
    co_await end_all();
    group_.cancel();
    co_await group_.join();
    if (failure) std::rethrow_exception(failure);
}

awaitable<> NodeAgent::work()
{
    co_await identify();
    inventory_.on_event = [this](const docker::Event& event) { walls_->seen(event); };
    inventory_.on_look = [this] {
        walls_->look();
        logs_.look(inventory_.all());
        reconcile();
    };
    walls_->on_change = [this](const std::string& uid) {
        if (const auto found = running_.find(uid); found != running_.end())
            found->second->agent.isolation_changed();
    };
    walls_->start(group_);
    inventory_.start(group_);
    logs_.start(group_);
    world_.start(group_);
    group_.spawn("reporter", reporter_.run());
    group_.spawn("machine usage", machine_loop());
    group_.spawn("watch", api_.watch_workspaces(listener()));
    group_.spawn("watch the edge", api_.watch(std::string(EdgeNetworkSpec::kind.plural), edge_listener()));
    co_await group_.join();
}

/// Nothing can be said about a workspace before the engine has told which node this is.
awaitable<> NodeAgent::identify()
{
    while (true) {
        std::string problem;
        try {
            const auto info = co_await docker_.info();
            parts_.node_id = info.Swarm.NodeID;
            parts_.node_name = info.Name;
            engine_version_ = info.ServerVersion;
            if (!parts_.node_id.empty()) break;
            problem = "the engine is not part of a Swarm";
        } catch (const Error& error) {
            problem = error.what();
        }
        log::warning("waiting for the engine", {{"error", problem}});
        co_await clock_.sleep(std::chrono::seconds{2});
    }
    log::info("this node", {{"id", parts_.node_id}, {"name", parts_.node_name}, {"engine", engine_version_}});
}

awaitable<> NodeAgent::machine_loop()
{
    const auto target = object_target("default", NodeReportSpec::kind.plural, parts_.node_id);
    reporter_.add(target, {[this](bool) { return node_report(); }, [this] { node_report_taken(); }});
    while (true) {
        usage_ = world_.measure();
        try {
            const auto info = co_await docker_.info();
            usage_.containersRunning = info.ContainersRunning;
            usage_.containersTotal = info.Containers;
            engine_version_ = info.ServerVersion;
        } catch (const Error& error) {
            log::debug("the engine does not answer", {{"error", error.what()}});
        }
        co_await clock_.sleep(config_.report_interval / 3);
    }
}

json::object NodeAgent::node_report()
{
    NodeReport report;
    report.metadata.org = "default";
    report.metadata.name = parts_.node_id;
    auto& spec = report.spec;
    spec.nodeId = parts_.node_id;
    spec.hostname = parts_.node_name;
    spec.agentVersion = std::string(kVersion);
    spec.engineVersion = engine_version_;
    spec.reportedAt = clock_.now();
    spec.usage = usage_;
    spec.addresses = walls_->addresses();
    for (const auto& [uid, running] : running_)
        if (const auto since = running->agent.unchanged_since()) spec.unchanged.emplace(uid, *since);
    return encode_object(report);
}

/// After a silence berthd does not trust what it was told before, and only a report of its own wakes a workspace.
void NodeAgent::node_report_taken()
{
    const auto now = clock_.tick();
    if (now - std::exchange(heard_at_, now) > config_.report_interval * 2)
        for (const auto& [uid, running] : running_) running->agent.tell_again();
}

WorkspaceListener NodeAgent::listener()
{
    WorkspaceListener listener;
    listener.synced = [this](std::map<std::string, Workspace> all) {
        workspaces_ = std::move(all);
        api_synced_ = true;
        for (const auto& [uid, workspace] : workspaces_)
            if (const auto found = running_.find(uid); found != running_.end()) {
                found->second->agent.update(workspace);
                found->second->agent.tell_again(); // it may be another store than before
            }
        reconcile();
    };
    listener.changed = [this](Workspace workspace) {
        const auto uid = workspace.metadata.uid;
        workspaces_[uid] = workspace;
        if (const auto found = running_.find(uid); found != running_.end())
            found->second->agent.update(std::move(workspace));
        reconcile_one(uid);
    };
    listener.deleted = [this](std::string uid) {
        workspaces_.erase(uid);
        reconcile_one(uid);
    };
    return listener;
}

ObjectListener NodeAgent::edge_listener()
{
    ObjectListener listener;
    listener.synced = [this](const std::map<std::string, json::object>& all) {
        for (const auto& [uid, object] : all) take_edge(object);
    };
    listener.changed = [this](const json::object& object) { take_edge(object); };
    listener.deleted = [](const std::string&) {}; // the last word stands until there is another
    return listener;
}

void NodeAgent::take_edge(const json::object& object)
{
    try {
        const auto edge = decode_object<EdgeNetwork>(json::value(object), Unknown::Ignore);
        if (edge.metadata.name == kEdgeName) walls_->update(edge);
    } catch (const Error& error) {
        log::error("the edge can't be read", {{"error", error.what()}});
    }
}

bool NodeAgent::concerns_us(const Workspace& workspace) const
{
    const auto& uid = workspace.metadata.uid;
    if (inventory_.all().contains(uid) || workspace.status.nodeId == parts_.node_id) return true;
    const auto parts = inventory_.parts(uid, key_of(workspace));
    if (parts.files_volume || parts.control_volume) return true;
    std::error_code ignored;
    return std::filesystem::exists(config_.data_dir + "/ws/" + uid, ignored);
}

void NodeAgent::reconcile_one(const std::string& uid)
{
    if (!api_synced_ || !inventory_.synced() || group_.cancelled()) return;
    const auto workspace = workspaces_.find(uid);
    const auto running = running_.find(uid);
    const bool wanted = workspace != workspaces_.end() && concerns_us(workspace->second);
    if (running != running_.end()) {
        running->second->agent.look();
        // Not before berthd knows that nothing is left here; the next look asks again.
        const bool told = workspace == workspaces_.end() || running->second->agent.reported();
        return wanted || !told ? void() : retire(uid);
    }
    if (!wanted) return;
    auto fresh = std::make_shared<Running>(parts_, workspace->second, parts_.io);
    fresh->agent.start(fresh->group);
    running_.emplace(uid, std::move(fresh));
    log::info("taking care of a workspace", {{"workspace", workspace->second.metadata.name}, {"uid", uid}});
}

void NodeAgent::reconcile()
{
    for (const auto& [uid, workspace] : workspaces_) reconcile_one(uid);
    std::vector<std::string> gone;
    for (const auto& [uid, running] : running_)
        if (!workspaces_.contains(uid)) gone.push_back(uid);
    for (const auto& uid : gone) reconcile_one(uid);
}

void NodeAgent::retire(const std::string& uid)
{
    const auto running = running_.at(uid);
    if (std::exchange(running->ending, true)) return;
    group_.spawn("retire", end(uid, running));
}

awaitable<> NodeAgent::end(std::string uid, std::shared_ptr<Running> running)
{
    running->group.cancel();
    co_await running->group.join();
    running_.erase(uid);
    reconcile_one(uid); // it may be wanted again by now
}

awaitable<> NodeAgent::end_all()
{
    for (auto& [uid, running] : running_) running->group.cancel();
    for (auto& [uid, running] : running_) co_await running->group.join();
    running_.clear();
}

} // namespace berth
