#include "api/actions/health.hpp"

#include "api/types/node.hpp"

namespace berth {

namespace {

constexpr Duration kAgentStale = std::chrono::seconds{120};

void finish(ByteSummary& summary)
{
    summary.available = std::max<std::int64_t>(0, summary.total - summary.used);
    summary.usagePercent = summary.total > 0 ? 100.0 * double(summary.used) / double(summary.total) : 0;
}

} // namespace

HealthAction::HealthAction(
    Store& store, const WorkspaceCache& workspaces, const Clock& clock, std::function<DockerHealth()> docker)
    : store_(store),
      workspaces_(workspaces),
      clock_(clock),
      docker_(std::move(docker)),
      started_(clock.tick())
{}

void HealthAction::mount(Router& router)
{
    Doc doc{.summary = "Whether Berth works",
        .description = "Open to everybody; with a key also what the nodes use.",
        .tag = "Health"};
    doc.open = true;
    router.get("/api/health", std::move(doc), &HealthAction::health, this);
    Doc ready{.summary = "Whether Berth takes writes",
        .description = "503 while the disk of the store refuses (CAPACITY_EXCEEDED: it is full, else STORE_READ_ONLY). "
                       "Reads go on then, and so does every workspace.",
        .tag = "Health"};
    ready.open = true;
    ready.errors = {503};
    router.get("/readyz", std::move(ready), &HealthAction::ready, this);
}

awaitable<HealthAnswer> HealthAction::health(Call call)
{
    HealthAnswer answer;
    answer.docker = docker_();
    answer.store = store_.write_problem().empty() ? StoreWord::ok : StoreWord::readOnly;
    const bool good = answer.docker.reachable && answer.store == StoreWord::ok;
    answer.status = good ? HealthWord::healthy : HealthWord::degraded;
    answer.uptime = std::chrono::duration_cast<std::chrono::seconds>(clock_.tick() - started_).count();
    const bool reader = !call.principal.anonymous() && call.principal.role != Role::proxy;
    if (reader) summarise(answer);
    co_return answer;
}

awaitable<ReadyAnswer> HealthAction::ready(Call)
{
    try {
        if (!store_.write_problem().empty()) co_await store_.try_to_write();
    } catch (const Error& error) {
        throw HttpError{503, wire_code(error), error.what(), {{"Retry-After", "5"}}};
    }
    co_return ReadyAnswer{};
}

void HealthAction::summarise(HealthAnswer& answer) const
{
    double cores = 0;
    bool known = false;
    CpuSummary cpu;
    ByteSummary memory;
    ByteSummary disk;
    for (const auto& report : store_.list<NodeReport>()) {
        const auto& at = report.spec.reportedAt;
        if (!at || clock_.now() - *at >= kAgentStale) continue;
        const auto& usage = report.spec.usage;
        known = true;
        cores += usage.cpuCores;
        cpu.usage += usage.cpuUsed;
        memory.total += usage.memoryTotal;
        memory.used += usage.memoryUsed;
        disk.total += usage.diskTotal;
        disk.used += usage.diskUsed;
    }
    if (known) { // what silent nodes use is not known, and not nothing
        cpu.available = std::max(0.0, cores - cpu.usage);
        finish(memory);
        finish(disk);
        answer.cpu = cpu;
        answer.memory = memory;
        answer.disk = disk;
    }
    auto& containers = answer.containers.emplace();
    for (const auto& [key, workspace] : workspaces_.all()) {
        if (workspace.phase() == "archived") continue;
        ++containers.total;
        if (workspace.phase() == "running") ++containers.running;
    }
}

} // namespace berth
