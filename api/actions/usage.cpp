#include "api/actions/usage.hpp"

#include "api/actions/admission.hpp"
#include "metrics/metrics.hpp"

namespace berth {

namespace {

constexpr Duration kStale = std::chrono::seconds{120};

bool is_live(const std::string& phase)
{
    return phase == "warm" || phase == "starting" || phase == "running" || phase == "stopping";
}

NodeUse use_of(const NodeReport& report, Time now)
{
    NodeUse use;
    use.id = report.metadata.name;
    use.hostname = report.spec.hostname;
    use.measuredAt = report.spec.reportedAt;
    use.stale = !report.spec.reportedAt || now - *report.spec.reportedAt >= kStale;
    if (!use.stale) use.usage = report.spec.usage;
    return use;
}

/// `known`: the node that measured it still reports.
WorkspaceUse use_of(const Workspace& workspace, bool known)
{
    const auto& status = workspace.status;
    const auto owner = workspace.metadata.labels.find(std::string(kOwnerLabel));
    WorkspaceUse use;
    use.id = workspace.metadata.name;
    use.status = detail::enumerator_name(status.phase);
    use.node = status.nodeName;
    if (owner != workspace.metadata.labels.end()) use.owner = owner->second;
    use.cpuLimit = status.resourceLimits.cpuLimit;
    use.memoryLimit = status.resourceLimits.memoryLimit;
    if (!known || !status.resourceUsage) return use;
    use.cpu = status.resourceUsage->cpu;
    use.memory = status.resourceUsage->memory;
    use.memoryPercent = status.resourceUsage->memoryPercent;
    return use;
}

void add(MachineUsage& sum, const MachineUsage& part)
{
    sum.cpuCores += part.cpuCores;
    sum.cpuUsed += part.cpuUsed;
    sum.memoryTotal += part.memoryTotal;
    sum.memoryUsed += part.memoryUsed;
    sum.diskTotal += part.diskTotal;
    sum.diskUsed += part.diskUsed;
    sum.containersRunning += part.containersRunning;
    sum.containersTotal += part.containersTotal;
}

/// For the nodes' and for the cluster's sum.
template <class Sum> void count(Sum& sum, const WorkspaceUse& use)
{
    ++sum.workspaces;
    sum.workspaceCpu += use.cpu.value_or(0);
    sum.workspaceMemory += use.memory.value_or(0);
}

/// Removes the series of what was there last time and is not any more.
void forget(
    std::set<std::string>& before, std::set<std::string> now, std::initializer_list<Series<Gauge>*> series)
{
    for (const auto& name : before)
        if (!now.contains(name))
            for (auto* one : series) one->remove({name});
    before = std::move(now);
}

} // namespace

UsageAction::UsageAction(
    const Store& store, const WorkspaceCache& workspaces, const Clock& clock, Metrics& metrics)
    : store_(store),
      workspaces_(workspaces),
      clock_(clock),
      metrics_(metrics)
{}

void UsageAction::mount(Router& router)
{
    Doc doc{.summary = "What is used", .tag = "Operation", .roles = kReaders};
    doc.description =
        "Per live workspace, per node and for the cluster, as the nodes measured it within the last half "
        "minute; a workspace's use to within 0.05 cores and 16 MiB. What a silent node uses is not known and left "
        "out.";
    router.get("/api/usage", std::move(doc), &UsageAction::usage, this);
}

awaitable<UsageAnswer> UsageAction::usage(Call) { co_return look(); }

UsageAnswer UsageAction::look() const
{
    UsageAnswer answer;
    answer.at = clock_.now();
    std::map<std::string, NodeUse> nodes;
    for (const auto& report : store_.list<NodeReport>()) {
        auto use = use_of(report, answer.at);
        ++answer.cluster.nodes;
        if (use.stale) ++answer.cluster.staleNodes;
        if (use.usage) add(answer.cluster.usage, *use.usage);
        nodes.emplace(report.metadata.name, std::move(use));
    }
    for (const auto& [key, workspace] : workspaces_.all()) {
        if (!is_live(workspace.phase())) continue;
        const auto node = nodes.find(workspace->status.nodeId);
        auto use = use_of(*workspace, node != nodes.end() && !node->second.stale);
        if (node != nodes.end()) count(node->second, use);
        count(answer.cluster, use);
        answer.workspaces.push_back(std::move(use));
    }
    for (auto& [id, node] : nodes) answer.nodes.push_back(std::move(node));
    return answer;
}

void UsageAction::measure()
{
    const auto seen = look();
    std::set<std::string> workspaces;
    for (const auto& use : seen.workspaces) {
        if (!use.cpu) continue;
        metrics_.workspace_cpu.with({use.id}).Set(*use.cpu);
        metrics_.workspace_memory.with({use.id}).Set(double(*use.memory));
        workspaces.insert(use.id);
    }
    forget(
        measured_workspaces_, std::move(workspaces), {&metrics_.workspace_cpu, &metrics_.workspace_memory});
    std::set<std::string> nodes;
    for (const auto& node : seen.nodes) {
        if (!node.usage) continue;
        const auto& usage = *node.usage;
        metrics_.node_cpu_cores.with({node.hostname}).Set(usage.cpuCores);
        metrics_.node_cpu_used.with({node.hostname}).Set(usage.cpuUsed);
        metrics_.node_memory_total.with({node.hostname}).Set(double(usage.memoryTotal));
        metrics_.node_memory_used.with({node.hostname}).Set(double(usage.memoryUsed));
        metrics_.node_disk_total.with({node.hostname}).Set(double(usage.diskTotal));
        metrics_.node_disk_used.with({node.hostname}).Set(double(usage.diskUsed));
        nodes.insert(node.hostname);
    }
    forget(measured_nodes_, std::move(nodes),
        {&metrics_.node_cpu_cores, &metrics_.node_cpu_used, &metrics_.node_memory_total,
            &metrics_.node_memory_used, &metrics_.node_disk_total, &metrics_.node_disk_used});
}

} // namespace berth
