#include "api/actions/capacity.hpp"

#include "api/http/rate_limit.hpp"
#include "api/types/workspace_template.hpp"
#include "controller/base/log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

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
void add_workspaces(
    std::map<std::string, NodeRoom>& rooms, const WorkspaceCache& workspaces, std::int64_t each)
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

/// The processors of the largest node when even that has too few; nothing when one has enough or none is
/// known.
std::optional<double> too_small(const std::vector<NodeRoom>& nodes, double cores)
{
    double largest = 0;
    for (const auto& node : nodes) {
        if (!node.usable) continue;
        if (node.cpu_cores <= 0 || node.cpu_cores >= cores) return std::nullopt;
        largest = std::max(largest, node.cpu_cores);
    }
    return largest > 0 ? std::optional(largest) : std::nullopt;
}

/// "2", "0.5".
std::string number(double value)
{
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

std::string too_many_cores(const std::string& template_name, double wanted, double largest)
{
    const auto who = template_name.empty() ? std::string("a workspace") : "the template " + template_name;
    return who + " may use " + number(wanted) + " processors, and the largest node has " + number(largest);
}

/// Of nodes that together have no place left.
std::string why_full(const std::vector<NodeRoom>& nodes, double limit)
{
    const NodeRoom* emptiest = nullptr;
    for (const auto& node : nodes)
        if (node.usable && node.known && (!emptiest || node.memory_percent < emptiest->memory_percent))
            emptiest = &node;
    if (!emptiest) return "no node has told lately how much memory it has to spare; try again later";
    if (emptiest->memory_percent < limit)
        return "all memory of the nodes is promised to workspaces that run or start; try again later";
    return "no node has memory to spare: the emptiest uses " +
           number(std::ceil(emptiest->memory_percent - 0.01)) +
           " % of its own, and nothing is started above " + number(limit) + " %";
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
        room.cpu_cores = status.cpuCores;
        room.usable = status.state == "ready" && status.availability == NodeAvailability::active;
        room.known = status.usage && status.usage->memoryTotal > 0 && status.lastHeartbeat &&
                     clock_.now() - *status.lastHeartbeat < settings_.stale;
        if (!room.known) continue;
        room.memory_total = status.usage->memoryTotal;
        room.memory_used = status.usage->memoryUsed;
        room.memory_percent = 100.0 * double(room.memory_used) / double(room.memory_total);
        if (status.usage->cpuCores > 0)
            room.cpu_percent = 100.0 * status.usage->cpuUsed / status.usage->cpuCores;
    }
    add_workspaces(rooms, workspaces_, settings_.reserved_memory);
    std::vector<NodeRoom> list;
    for (auto& [name, room] : rooms) list.push_back(std::move(room));
    return list;
}

std::optional<HttpError> Capacity::refusal(const std::string& org, const std::string& template_name)
{
    auto nodes = rooms();
    if (nodes.empty()) return std::nullopt;
    warn(nodes);
    const auto cores = cpu_limit_of(org, template_name);
    if (auto largest = too_small(nodes, cores))
        return refused(too_many_cores(template_name, cores, *largest));
    // Docker refuses a container that may use more processors than there are.
    std::erase_if(nodes, [&](const NodeRoom& node) { return node.cpu_cores > 0 && node.cpu_cores < cores; });
    std::int64_t free = 0;
    for (const auto& node : nodes) free += places(node, settings_);
    for (const auto& [key, workspace] : workspaces_.all()) {
        if (free <= 0) break;
        const auto& phase = workspace.phase();
        if ((phase == "pending" || phase == "starting") && waits_for_a_place(*workspace)) --free;
    }
    if (free > 0) return std::nullopt;
    return refused(why_full(nodes, settings_.max_memory_percent));
}

void Capacity::require(const std::string& org, const std::string& template_name)
{
    if (auto refused = refusal(org, template_name)) throw std::move(*refused);
}

double Capacity::cpu_limit_of(const std::string& org, const std::string& template_name) const
{
    if (template_name.empty()) return settings_.cpu_limit;
    const auto found = store_.get<WorkspaceTemplate>({org, template_name});
    return found ? found->spec.limits.cpuLimit : settings_.cpu_limit;
}

HttpError Capacity::refused(const std::string& why) const
{
    return {503, "RESOURCE_LIMIT_EXCEEDED", why, {{"Retry-After", retry_seconds(settings_.report_interval)}}};
}

void Capacity::warn(const std::vector<NodeRoom>& rooms)
{
    const auto now = clock_.tick();
    if (warned_ && now - *warned_ < kWarnEvery) return;
    for (const auto& room : rooms) {
        if (!room.known || room.cpu_percent < settings_.warn_cpu_percent) continue;
        log::warning(
            "a node's processors are busy", {{"node", room.hostname}, {"percent", room.cpu_percent}});
        warned_ = now;
    }
}

} // namespace berth
