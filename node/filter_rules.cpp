#include "node/filter_rules.hpp"

#include <algorithm>

namespace berth {

namespace {

/// code-server, noVNC, the user's web server.
constexpr const char* kPorts = "8080,6080,3000";

/// What differs between the two families.
struct Family {
    bool v4;
    const char* icmp;
    const char* refusal;
};
constexpr Family kV4{true, "icmp", "icmp-admin-prohibited"};
constexpr Family kV6{false, "ipv6-icmp", "icmp6-adm-prohibited"};

class Chain {
public:
    Chain(std::string& text, const Family& family) : text_(text), family_(family) {}

    void rule(const std::string& body) { text_ += "-A " + body + "\n"; }
    /// One rule for each range of this family, in a fixed order.
    void each(const std::vector<IpRange>& ranges, const std::string& before, const std::string& after)
    {
        for (const auto& range : minimal_ranges(ranges))
            if (range.is_v4() == family_.v4) rule(before + range.text() + after);
    }
    const Family& family() const { return family_; }

private:
    std::string& text_;
    const Family& family_;
};

/// Answers only: a connection that was opened before the rules were there is judged like a new one.
void incoming(Chain& chain, const FilterFacts& facts)
{
    chain.rule("INPUT -i lo -j ACCEPT");
    chain.rule("INPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT");
    chain.rule(std::string("INPUT -p ") + chain.family().icmp + " -m conntrack --ctstate RELATED -j ACCEPT");
    if (!chain.family().v4)
        for (const char* type : {"134", "135", "136"}) // neighbours and routers: IPv6 does not work without
            chain.rule(std::string("INPUT -p ipv6-icmp -m icmp6 --icmpv6-type ") + type + " -j ACCEPT");
    chain.each(
        facts.proxies, "INPUT -s ", std::string(" -p tcp -m multiport --dports ") + kPorts + " -j ACCEPT");
}

void outgoing(Chain& chain, const FilterFacts& facts)
{
    const std::string refuse = " -j refuse";
    chain.rule("OUTPUT -o lo -j ACCEPT"); // the workspace's own addresses, and Docker's resolver 127.0.0.11
    chain.rule("OUTPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT");
    chain.rule(std::string("OUTPUT -p ") + chain.family().icmp + " -m conntrack --ctstate RELATED -j ACCEPT");
    if (!chain.family().v4)
        for (const char* type : {"133", "135", "136"})
            chain.rule(std::string("OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type ") + type + " -j ACCEPT");
    chain.each(facts.resolvers, "OUTPUT -d ", " -p udp -m udp --dport 53 -j ACCEPT");
    chain.each(facts.resolvers, "OUTPUT -d ", " -p tcp -m tcp --dport 53 -j ACCEPT");
    auto closed = facts.own;
    closed.insert(closed.end(), facts.denied.begin(), facts.denied.end());
    chain.each(closed, "OUTPUT -d ", refuse);
    chain.each(facts.allowed, "OUTPUT -d ", " -j ACCEPT");
    chain.each(private_ranges(), "OUTPUT -d ", refuse);
    chain.rule("OUTPUT -j ACCEPT");
}

/// An answer at once, so that nothing inside hangs on what it may not reach. For TCP a reset: an ICMP error
/// for a socket's own first packet is only noticed at its second one.
void refusing(Chain& chain)
{
    chain.rule("refuse -p tcp -j REJECT --reject-with tcp-reset");
    chain.rule(std::string("refuse -j REJECT --reject-with ") + chain.family().refusal);
}

std::string table(const Family& family, const FilterFacts& facts)
{
    const std::string policy = facts.open ? " ACCEPT [0:0]\n" : " DROP [0:0]\n";
    std::string text = "*filter\n:INPUT" + policy + ":FORWARD" + policy + ":OUTPUT" + policy;
    if (!facts.open) text += ":refuse - [0:0]\n";
    Chain chain(text, family);
    if (!facts.open) {
        incoming(chain, facts);
        outgoing(chain, facts);
        refusing(chain);
    }
    return text + "COMMIT\n";
}

} // namespace

const std::vector<IpRange>& private_ranges()
{
    static const auto kRanges =
        *parse_ip_ranges("0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/"
                         "12,192.0.0.0/24,192.168.0.0/16,"
                         "198.18.0.0/15,224.0.0.0/4,240.0.0.0/4,"
                         "168.63.129.16," // a cloud's metadata service at a public address
                         "::/128,::1,::ffff:0:0/96,64:ff9b:1::/48,fc00::/7,fe80::/10,fec0::/10,ff00::/8");
    return kRanges;
}

FilterText filter_text(const FilterFacts& facts) { return {table(kV4, facts), table(kV6, facts)}; }

std::string without_counters(const std::string& saved)
{
    std::string text;
    std::size_t at = 0;
    while (at < saved.size()) {
        const auto end = std::min(saved.find('\n', at), saved.size());
        const auto line = saved.substr(at, end - at);
        at = end + 1;
        if (line.empty() || line.starts_with('#')) continue;
        text += line.starts_with(':') ? line.substr(0, line.find(" [")) : line;
        text += '\n';
    }
    return text;
}

} // namespace berth
