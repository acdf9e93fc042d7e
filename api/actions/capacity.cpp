#include "api/actions/capacity.hpp"

#include "api/http/rate_limit.hpp"
#include "controller/base/log.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr Duration kWarnEvery = std::chrono::minutes{1};

bool holds_memory(const std::string& phase)
{
    return phase == "starting" || phase == "running" || phase == "warm" || phase == "stopping";
}

/// Wanted, but on no node yet.
bool waits_for_a_place(const Workspace& workspace)
{
    return workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp &&
           workspace.status.nodeId.empty() && workspace.spec.pool.empty();
}

/// Adds what the workspaces on the nodes are promised, and what of it may be taken back.
void add_workspaces(std::map<std::string, NodeRoom>& rooms, const WorkspaceCache& workspaces, std::int64_t each)
{
    for (const auto& [key, workspace] : workspaces.all()) {
        const auto& phase = workspace.phase();
        if (!holds_memory(phase)) continue;
        const auto found = rooms.find(workspace->status.nodeId);
        if (found == rooms.end()) continue;
        auto& room = found->second;
        const bool yields = phase == "warm" && !workspace->spec.pool.empty();
        const auto& usage = workspace->status.resourceUsage;
        if (yields && usage) room.yielding_used += usage->memory;
        if (!yields) room.reserved += each;
        if (!yields && !usage) room.memory_used += each; // so young that nobody has measured it
    }
}

} // namespace

std::int64_t places(const NodeRoom& node, const CapacitySettings& settings)
{
    if (!node.usable || !node.known || node.memory_total <= 0) return 0;
    const auto each = std::max<std::int64_t>(1, settings.reserved_memory);
    const auto limit = std::int64_t(double(node.memory_total) * settings.max_memory_percent / 100.0);
    const auto measured = limit - (node.memory_used - node.yielding_used);
    const auto promised = node.memory_total - node.reserved;
    if (measured <= 0 || promised < each) return 0;
    return std::min(std::max<std::int64_t>(1, measured / each), promised / each);
}

Capacity::Capacity(
    const Store& store, const WorkspaceCache& workspaces, const Clock& clock, CapacitySettings settings)
    : store_(store),
      workspaces_(workspaces),
      clock_(clock),
      settings_(settings)
{}

std::vector<NodeRoom> Capacity::rooms() const
{
    std::map<std::string, NodeRoom> rooms;
    for (const auto& node : store_.list<Node>()) {
        const auto& status = node.status;
        auto& room = rooms[node.metadata.name];
        room.hostname = status.hostname;
        room.usable = status.state == "ready" && status.availability == NodeAvailability::active;
        room.known = status.usage && status.usage->memoryTotal > 0 && status.lastHeartbeat &&
                     clock_.now() - *status.lastHeartbeat < settings_.stale;
        if (!room.known) continue;
        room.memory_total = status.usage->memoryTotal;
        room.memory_used = status.usage->memoryUsed;
        room.memory_percent = 100.0 * double(room.memory_used) / double(room.memory_total);
        if (status.usage->cpuCores > 0) room.cpu_percent = 100.0 * status.usage->cpuUsed / status.usage->cpuCores;
    }
    add_workspaces(rooms, workspaces_, settings_.reserved_memory);
    std::vector<NodeRoom> list;
    for (auto& [name, room] : rooms) list.push_back(std::move(room));
    return list;
}

std::optional<HttpError> Capacity::refusal()
{
    const auto nodes = rooms();
    if (nodes.empty()) return std::nullopt;
    warn(nodes);
    std::int64_t free = 0;
    bool known = false;
    for (const auto& node : nodes) {
        free += places(node, settings_);
        known = known || (node.usable && node.known);
    }
    for (const auto& [key, workspace] : workspaces_.all()) {
        if (free <= 0) break;
        const auto& phase = workspace.phase();
        if ((phase == "pending" || phase == "starting") && waits_for_a_place(*workspace)) --free;
    }
    if (free > 0) return std::nullopt;
    const auto* why = known ? "no node has memory to spare; try again later"
                            : "no node has told lately how much memory it has to spare; try again later";
    return HttpError{
        503, "RESOURCE_LIMIT_EXCEEDED", why, {{"Retry-After", retry_seconds(settings_.report_interval)}}};
}

void Capacity::require()
{
    if (auto refused = refusal()) throw std::move(*refused);
}

void Capacity::warn(const std::vector<NodeRoom>& rooms)
{
    const auto now = clock_.tick();
    if (warned_ && now - *warned_ < kWarnEvery) return;
    for (const auto& room : rooms) {
        if (!room.known || room.cpu_percent < settings_.warn_cpu_percent) continue;
        log::warning("a node's processors are busy", {{"node", room.hostname}, {"percent", room.cpu_percent}});
        warned_ = now;
    }
}

} // namespace berth
