#include "controller/base/endpoint_rules.hpp"

#include <algorithm>
#include <array>

namespace berth {

namespace {

namespace ip = boost::asio::ip;

/// RFC 6890 and its successors: what is not out on the internet, or does not name one host there.
const std::vector<IpRange>& special_ranges()
{
    static const auto ranges =
        *parse_ip_ranges("0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,"
                         "172.16.0.0/12,192.0.0.0/24,192.0.2.0/24,192.168.0.0/16,"
                         "198.18.0.0/15,198.51.100.0/24,203.0.113.0/24,224.0.0.0/3,"
                         "::/8,64:ff9b::/32,100::/16,2001::/23,2001:db8::/32,2002::/16,"
                         "fc00::/7,fe80::/9,ff00::/8");
    return ranges;
}

bool any_contains(const std::vector<IpRange>& ranges, const ip::address& address)
{
    return std::any_of(
        ranges.begin(), ranges.end(), [&](const IpRange& range) { return contains(range, address); });
}

/// ::ffff:10.0.0.1 is 10.0.0.1.
ip::address plain(const ip::address& address)
{
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return ip::make_address_v4(ip::v4_mapped, address.to_v6());
    return address;
}

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(
        out.begin(), out.end(), out.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    while (out.ends_with('.')) out.pop_back();
    return out;
}

bool is_host_name(std::string_view text)
{
    return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '-' || c == '.' || c == '_';
    });
}

std::string_view trim(std::string_view text)
{
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

} // namespace

bool contains(const IpRange& range, const ip::address& address)
{
    if (range.is_v4() != address.is_v4()) return false;
    const auto same = parse_ip_range(address.to_string() + "/" + std::to_string(range.prefix));
    return same && same->address == range.address;
}

std::optional<EndpointRules> EndpointRules::parse(std::string_view allow)
{
    EndpointRules rules;
    while (!trim(allow).empty()) {
        const auto comma = allow.find(',');
        const auto part = trim(allow.substr(0, comma));
        allow = comma == std::string_view::npos ? std::string_view{} : allow.substr(comma + 1);
        if (const auto range = parse_ip_range(part))
            rules.allowed_.push_back(*range);
        else if (is_host_name(part))
            rules.names_.push_back(lower(part));
        else
            return std::nullopt;
    }
    return rules;
}

bool EndpointRules::allows(const ip::address& address) const
{
    const auto known = plain(address);
    if (any_contains(allowed_, known)) return true;
    return !any_contains(denied_, known) && !any_contains(special_ranges(), known);
}

bool EndpointRules::allows_name(std::string_view host) const
{
    return std::find(names_.begin(), names_.end(), lower(host)) != names_.end();
}

bool EndpointRules::refuses(std::string_view host) const
{
    if (allows_name(host)) return false;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    boost::system::error_code no_address;
    const auto address = ip::make_address(std::string(host), no_address);
    if (!no_address) return !allows(address);
    const auto name = lower(host);
    return name == "localhost" || name.ends_with(".localhost");
}

} // namespace berth
