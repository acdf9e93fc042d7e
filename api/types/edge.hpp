#pragma once
// EdgeNetwork: what every workspace's network filter has to know of the rest of the install. One object, named
// `edge`; made and kept by EdgeReconciler, watched by every node agent.

#include "api/types/meta.hpp"

namespace berth {

struct EdgeNetworkSpec {
    static constexpr KindInfo kind{"EdgeNetwork", "edgenetworks"};
    bool operator==(const EdgeNetworkSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(EdgeNetworkSpec, (), ())

/// All lists are sorted and without doubles, so that equal facts are equal objects.
struct EdgeNetworkStatus {
    std::int64_t observedGeneration = 0;
    Conditions conditions;            ///< ProxyFound, Ready
    std::vector<std::string> proxies; ///< addresses of the reverse proxies on the edge network: they alone come in
    std::vector<std::string> subnets; ///< of the Swarm's networks, as CIDR: nobody inside gets out to them
    std::vector<std::string> nodes;   ///< addresses of the Swarm's members, as Docker and their agents know them
    bool operator==(const EdgeNetworkStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(EdgeNetworkStatus, (), (observedGeneration, conditions, proxies, subnets, nodes))

using EdgeNetwork = Object<EdgeNetworkSpec, EdgeNetworkStatus>;

inline constexpr const char* kEdgeName = "edge"; ///< in org `default`

/// On the services whose tasks are our reverse proxies, beside the install label.
inline constexpr std::string_view kRoleLabel = "dev.berth.role";
inline constexpr std::string_view kProxyRole = "proxy";

} // namespace berth
