#include "controller/base/ip_range.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

namespace berth {

namespace {

namespace ip = boost::asio::ip;

std::optional<unsigned> prefix_of(std::string_view text, unsigned most)
{
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), prefix);
    if (error != std::errc{} || end != text.data() + text.size() || prefix > most) return std::nullopt;
    return prefix;
}

template <class Bytes> Bytes cut(Bytes bytes, unsigned prefix)
{
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const unsigned kept = prefix > i * 8 ? std::min<unsigned>(prefix - unsigned(i) * 8, 8) : 0;
        bytes[i] = static_cast<unsigned char>(bytes[i] & (0xff00u >> kept));
    }
    return bytes;
}

std::string_view trim(std::string_view text)
{
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

} // namespace

std::string IpRange::text() const { return address.to_string() + "/" + std::to_string(prefix); }

std::optional<IpRange> parse_ip_range(std::string_view text)
{
    const auto slash = text.find('/');
    const std::string host(text.substr(0, slash));
    if (host.find('%') != std::string::npos) return std::nullopt;
    boost::system::error_code wrong;
    const auto address = ip::make_address(host, wrong);
    if (wrong) return std::nullopt;
    const unsigned most = address.is_v4() ? 32 : 128;
    const auto prefix = slash == std::string_view::npos ? most : prefix_of(text.substr(slash + 1), most);
    if (!prefix) return std::nullopt;
    if (address.is_v4()) return IpRange{ip::address_v4(cut(address.to_v4().to_bytes(), *prefix)), *prefix};
    return IpRange{ip::address_v6(cut(address.to_v6().to_bytes(), *prefix)), *prefix};
}

bool contains(const IpRange& outer, const IpRange& inner)
{
    if (outer.is_v4() != inner.is_v4() || outer.prefix > inner.prefix) return false;
    if (outer.is_v4())
        return cut(inner.address.to_v4().to_bytes(), outer.prefix) == outer.address.to_v4().to_bytes();
    return cut(inner.address.to_v6().to_bytes(), outer.prefix) == outer.address.to_v6().to_bytes();
}

std::vector<IpRange> minimal_ranges(std::vector<IpRange> ranges)
{
    // The widest first: what contains another one stands before it.
    std::ranges::sort(ranges, [](const IpRange& a, const IpRange& b) {
        return std::tie(a.prefix, a.address) < std::tie(b.prefix, b.address);
    });
    std::vector<IpRange> kept;
    for (const auto& range : ranges)
        if (std::ranges::none_of(kept, [&](const IpRange& wide) { return contains(wide, range); }))
            kept.push_back(range);
    return kept;
}

std::optional<std::vector<IpRange>> parse_ip_ranges(std::string_view list)
{
    std::vector<IpRange> ranges;
    if (trim(list).empty()) return ranges;
    while (true) {
        const auto comma = list.find(',');
        const auto range = parse_ip_range(trim(list.substr(0, comma)));
        if (!range) return std::nullopt;
        ranges.push_back(*range);
        if (comma == std::string_view::npos) return ranges;
        list.remove_prefix(comma + 1);
    }
}

} // namespace berth
