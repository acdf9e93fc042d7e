#pragma once
// POST /api/containers/{id}/extend (W29): keeps a workspace from being stopped for inactivity for a while.

#include "api/actions/container_view.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"

namespace berth {

struct ExtendRequest {
    std::int64_t minutes = 60;
    static constexpr std::array rules{Rule::range("minutes", 1, 1440)};
    static constexpr std::array docs{
        std::pair{"minutes", "from now on; what was extended for longer stays so"}};
};
BOOST_DESCRIBE_STRUCT(ExtendRequest, (), (minutes))

/// Whether its user has said that it is not to be stopped for inactivity now, whatever its own monitor
/// reports.
bool is_kept(const Workspace& workspace, Time now);

/// Owned by main, outlives the server; I/O thread. Only edits spec.keepUntil.
class ContainerExtend {
public:
    ContainerExtend(Store& store, const Clock& clock, PublicAddress address)
        : store_(store),
          clock_(clock),
          address_(std::move(address))
    {}

    void mount(Router& router);

private:
    awaitable<ContainerView> extend(Call call, ExtendRequest request);

    Store& store_;
    const Clock& clock_;
    PublicAddress address_;
};

} // namespace berth
