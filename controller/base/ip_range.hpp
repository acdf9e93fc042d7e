#pragma once
// Addresses and CIDR ranges, as settings and other programs write them. Pure; any thread.

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

/// A range of addresses of one family; the bits behind the prefix are 0. A single address has a full prefix.
struct IpRange {
    boost::asio::ip::address address;
    unsigned prefix = 0;

    bool is_v4() const { return address.is_v4(); }
    /// The whole of its family.
    bool is_everything() const { return prefix == 0; }
    /// "10.0.0.0/8"; always with a prefix.
    std::string text() const;
    bool operator==(const IpRange&) const = default;
};

/// "10.1.2.3", "10.1.2.3/8" (host bits are cut), "fd00::/8". Nothing for anything else, also for a zone
/// ("%eth0").
std::optional<IpRange> parse_ip_range(std::string_view text);
/// Whether every address of `inner` is in `outer`.
bool contains(const IpRange& outer, const IpRange& inner);
/// In a fixed order, without what another one of them contains.
std::vector<IpRange> minimal_ranges(std::vector<IpRange> ranges);
/// Comma-separated; blanks around the parts are fine. Nothing when one part is wrong.
std::optional<std::vector<IpRange>> parse_ip_ranges(std::string_view list);

} // namespace berth
