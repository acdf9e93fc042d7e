#pragma once
// The rules around one workspace: who comes in, and where its programs may go (W33). Pure; any thread.

#include "controller/base/ip_range.hpp"

#include <string>
#include <vector>

namespace berth {

/// What the rules are made from.
struct FilterFacts {
    bool open = false;              ///< isolation is switched off: everything may pass
    std::vector<IpRange> proxies;   ///< these alone come in, to the three ports
    std::vector<IpRange> own;       ///< networks and nodes of the install: nothing opens them
    std::vector<IpRange> denied;    ///< ISOLATION_DENY
    std::vector<IpRange> allowed;   ///< ISOLATION_ALLOW: goes before the private ranges, after the rest
    std::vector<IpRange> resolvers; ///< Docker's resolver asks these from inside the namespace, on port 53
    bool operator==(const FilterFacts&) const = default;
};

/// Input of iptables-restore and ip6tables-restore: each replaces the whole filter table at once. Other
/// tables (Docker keeps its resolver's rules in `nat`) are not mentioned, so they stay.
struct FilterText {
    std::string v4;
    std::string v6;
    bool operator==(const FilterText&) const = default;
};
FilterText filter_text(const FilterFacts& facts);

/// Nobody's business from inside a workspace, whoever runs the install: private and shared ranges, link-local
/// with the metadata services, multicast, what is reserved.
const std::vector<IpRange>& private_ranges();

/// iptables-save's output without what changes by itself: comments, counters.
std::string without_counters(const std::string& saved);

} // namespace berth
