#pragma once
// GET /api/health (W5, W36) and GET /readyz: open to everybody; health with a key also says what the cluster uses.

#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"

namespace berth {

/// What main knows of Docker at this moment; the API can't ask Docker itself.
struct DockerHealth {
    bool reachable = false;
    std::string version;
    bool operator==(const DockerHealth&) const = default;
};
BOOST_DESCRIBE_STRUCT(DockerHealth, (), (reachable, version))

enum class HealthWord { healthy, degraded };
BOOST_DESCRIBE_ENUM(HealthWord, healthy, degraded)
enum class StoreWord { ok, readOnly };
BOOST_DESCRIBE_ENUM(StoreWord, ok, readOnly)

struct CpuSummary {
    double usage = 0;     ///< cores busy
    double available = 0; ///< cores free
};
BOOST_DESCRIBE_STRUCT(CpuSummary, (), (usage, available))

struct ByteSummary {
    std::int64_t total = 0;
    std::int64_t used = 0;
    std::int64_t available = 0;
    double usagePercent = 0;
};
BOOST_DESCRIBE_STRUCT(ByteSummary, (), (total, used, available, usagePercent))

struct ContainerCounts {
    std::int64_t running = 0;
    std::int64_t total = 0; ///< not archived
};
BOOST_DESCRIBE_STRUCT(ContainerCounts, (), (running, total))

struct HealthAnswer {
    HealthWord status = HealthWord::healthy;
    DockerHealth docker;
    StoreWord store = StoreWord::ok;
    std::int64_t uptime = 0; ///< seconds
    std::optional<CpuSummary> cpu;
    std::optional<ByteSummary> memory;
    std::optional<ByteSummary> disk;
    std::optional<ContainerCounts> containers;
    static constexpr std::array docs{std::pair{"uptime", "seconds since the controller started"},
        std::pair{"cpu", "cores, summed over the nodes that report; missing when none does"},
        std::pair{"memory", "bytes, summed over the nodes that report"},
        std::pair{"disk", "bytes, summed over the file systems that hold the volumes"}};
};
BOOST_DESCRIBE_STRUCT(HealthAnswer, (), (status, docker, store, uptime, cpu, memory, disk, containers))

enum class ReadyWord { ready };
BOOST_DESCRIBE_ENUM(ReadyWord, ready)
struct ReadyAnswer {
    ReadyWord status = ReadyWord::ready;
};
BOOST_DESCRIBE_STRUCT(ReadyAnswer, (), (status))

/// Owned by main; I/O thread. `docker` is asked at each request and must not block.
class HealthAction {
public:
    HealthAction(Store& store, const WorkspaceCache& workspaces, const Clock& clock,
        std::function<DockerHealth()> docker);

    void mount(Router& router);
    awaitable<HealthAnswer> health(Call call);
    /// Whether writes are taken. Asking is also what finds out that a disk takes them again.
    awaitable<ReadyAnswer> ready(Call call);

private:
    void summarise(HealthAnswer& answer) const;

    Store& store_;
    const WorkspaceCache& workspaces_;
    const Clock& clock_;
    std::function<DockerHealth()> docker_;
    Tick started_;
};

} // namespace berth
