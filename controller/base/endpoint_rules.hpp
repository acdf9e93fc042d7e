#pragma once
// Which servers somebody else may make Berth talk to. An address inside a network of ours (loopback, private,
// link-local, our own subnets) is not one of them unless the operator has allowed it. Pure; any thread.

#include "controller/base/ip_range.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace berth {

class EndpointRules {
public:
    /// Nothing allowed but public addresses.
    EndpointRules() = default;
    /// Comma-separated host names, addresses and CIDR ranges that are allowed although they are not public. Nothing
    /// when a part is neither.
    static std::optional<EndpointRules> parse(std::string_view allow);
    /// A public range that is ours nevertheless.
    void deny(IpRange range) { denied_.push_back(std::move(range)); }

    bool allows(const boost::asio::ip::address& address) const;
    /// Whatever the name resolves to.
    bool allows_name(std::string_view host) const;
    /// Known to be refused without asking a resolver: an address as text (IPv6 with or without brackets) or a name of
    /// this machine.
    bool refuses(std::string_view host) const;

private:
    std::vector<IpRange> allowed_;
    std::vector<IpRange> denied_;
    std::vector<std::string> names_; ///< lower case
};

bool contains(const IpRange& range, const boost::asio::ip::address& address);

} // namespace berth
