#pragma once
// Whether the nodes have room for one more workspace (W23): by what they measure, and by what is promised
// already.

#include "api/actions/settings.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/reply.hpp"
#include "api/types/node.hpp"
#include "controller/base/clock.hpp"

namespace berth {

/// What counts of one node. Pure.
struct NodeRoom {
    std::string hostname;
    bool usable = false;           ///< Docker says ready and active: workspaces may be placed here
    bool known = false;            ///< its agent has told lately what it uses
    double memory_percent = 0;     ///< measured
    double cpu_percent = 0;        ///< measured
    std::int64_t memory_total = 0; ///< bytes
    std::int64_t memory_used = 0;  ///< measured, and what is promised to workspaces too young for that, bytes
    std::int64_t reserved = 0;     ///< of the workspaces on it, bytes
    /// Of unclaimed slots of warm pools, bytes: they go before a user is refused.
    std::int64_t yielding_used = 0;
    double cpu_cores = 0; ///< as Docker says; 0 = not known
};

/// How many more workspaces fit: by the measured memory up to the limit and by the reservations, whichever is
/// less. A node below the limit has room for one at least. Unknown nodes have none.
std::int64_t places(const NodeRoom& node, const CapacitySettings& settings);

/// Owned by main; I/O thread. Store and cache outlive it.
class Capacity {
public:
    Capacity(
        const Store& store, const WorkspaceCache& workspaces, const Clock& clock, CapacitySettings settings);

    /// Why a workspace of this template (empty: the install's own limits) can't be started now, with the time
    /// after which it is worth asking again; nothing when there is room. As long as no node is known at all
    /// (Docker has not been seen yet), there is. Warns of busy processors, at most once a minute.
    std::optional<HttpError> refusal(const std::string& org, const std::string& template_name);
    /// Throws what refusal() gives.
    void require(const std::string& org, const std::string& template_name);
    std::vector<NodeRoom> rooms() const;
    const CapacitySettings& settings() const noexcept { return settings_; }

private:
    void warn(const std::vector<NodeRoom>& rooms);
    double cpu_limit_of(const std::string& org, const std::string& template_name) const;
    HttpError refused(const std::string& why) const;

    const Store& store_;
    const WorkspaceCache& workspaces_;
    const Clock& clock_;
    CapacitySettings settings_;
    std::optional<Tick> warned_;
};

} // namespace berth
