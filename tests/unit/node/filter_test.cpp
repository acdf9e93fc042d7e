// The rules around a workspace: as text, and loaded into a namespace of the test's own.

#include "node/filter_rules.hpp"
#include "node/firewall.hpp"
#include "node/host_facts.hpp"
#include "node/isolation.hpp"
#include "node/netns.hpp"
#include "tests/unit/node/node_support.hpp"

#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace berth {
namespace {

FilterFacts some_facts()
{
    FilterFacts facts;
    facts.proxies = *parse_ip_ranges("10.201.0.5,10.201.0.9,fd01::5");
    facts.own = *parse_ip_ranges("10.201.0.0/16,198.51.100.7,198.51.100.7,10.201.3.4,fd01::/64");
    facts.denied = *parse_ip_ranges("203.0.113.0/24");
    facts.allowed = *parse_ip_ranges("10.50.0.0/16");
    facts.resolvers = *parse_ip_ranges("10.255.255.53");
    return facts;
}

/// Where a rule stands, as a number to compare; fails the test when it is not there.
std::size_t at(const std::string& text, const std::string& rule)
{
    const auto found = text.find(rule + "\n");
    EXPECT_NE(found, std::string::npos) << rule << "\nis not in\n" << text;
    return found;
}

// W33
TEST(FilterRules, OnlyTheProxiesComeInToTheThreePorts)
{
    const auto text = filter_text(some_facts());
    at(text.v4, ":INPUT DROP [0:0]");
    at(text.v4, "-A INPUT -s 10.201.0.5/32 -p tcp -m multiport --dports 8080,6080,3000 -j ACCEPT");
    at(text.v4, "-A INPUT -s 10.201.0.9/32 -p tcp -m multiport --dports 8080,6080,3000 -j ACCEPT");
    at(text.v6, "-A INPUT -s fd01::5/128 -p tcp -m multiport --dports 8080,6080,3000 -j ACCEPT");
    EXPECT_EQ(text.v4.find("fd01"), std::string::npos);
    EXPECT_EQ(text.v6.find("10.201"), std::string::npos);
    FilterFacts nobody;
    EXPECT_EQ(filter_text(nobody).v4.find("multiport"), std::string::npos);
}

// W33
TEST(FilterRules, NothingOpensWhatIsOursAndTheOperatorsRangesGoBeforeThePrivateOnes)
{
    const auto v4 = filter_text(some_facts()).v4;
    const std::string refuse = " -j refuse";
    at(v4, "-A refuse -j REJECT --reject-with icmp-admin-prohibited");
    const auto resolver = at(v4, "-A OUTPUT -d 10.255.255.53/32 -p udp -m udp --dport 53 -j ACCEPT");
    const auto overlay = at(v4, "-A OUTPUT -d 10.201.0.0/16" + refuse);
    const auto node = at(v4, "-A OUTPUT -d 198.51.100.7/32" + refuse);
    const auto denied = at(v4, "-A OUTPUT -d 203.0.113.0/24" + refuse);
    const auto allowed = at(v4, "-A OUTPUT -d 10.50.0.0/16 -j ACCEPT");
    const auto ten = at(v4, "-A OUTPUT -d 10.0.0.0/8" + refuse);
    const auto metadata = at(v4, "-A OUTPUT -d 169.254.0.0/16" + refuse);
    const auto rest = at(v4, "-A OUTPUT -j ACCEPT");
    EXPECT_LT(resolver, overlay);
    for (const auto ours : {overlay, node, denied}) EXPECT_LT(ours, allowed);
    for (const auto foreign : {ten, metadata}) EXPECT_LT(allowed, foreign);
    EXPECT_GT(rest, std::max(ten, metadata));
    EXPECT_EQ(v4.find("10.201.3.4"), std::string::npos) << "it is within the overlay's subnet";
}

TEST(FilterRules, AConnectionFromBeforeTheRulesIsJudgedLikeANewOne)
{
    const auto text = filter_text(some_facts());
    for (const auto& rules : {text.v4, text.v6}) {
        at(rules, "-A INPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT");
        at(rules, "-A OUTPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT");
        EXPECT_EQ(rules.find("ESTABLISHED -j"), std::string::npos);
    }
}

TEST(FilterRules, SwitchedOffLeavesNoRule)
{
    FilterFacts facts = some_facts();
    facts.open = true;
    EXPECT_EQ(filter_text(facts).v4,
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n");
}

TEST(FilterRules, CountersAndCommentsAreNoDifference)
{
    const auto one = without_counters(
        "# at noon\n*filter\n:INPUT DROP [3:180]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n# done\n");
    EXPECT_EQ(one, "*filter\n:INPUT DROP\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n");
    EXPECT_NE(one, without_counters("*filter\n:INPUT ACCEPT [3:180]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"));
}

TEST(FilterRules, AreMadeFromWhatTheApiTheNodeAndTheOperatorSay)
{
    NodeConfig config;
    config.isolation_allow = "10.50.0.0/16";
    config.isolation_deny = "203.0.113.0/24, 2001:db8::/32";
    EdgeNetworkStatus edge;
    edge.proxies = {"10.201.0.5", "-j ACCEPT"};
    edge.subnets = {"10.201.0.0/16"};
    edge.nodes = {"192.0.2.7"};
    const auto facts =
        filter_facts(config, edge, {"172.18.0.0/16"}, {"192.0.2.2", "x\n-A OUTPUT -j ACCEPT"}, {"9.9.9.9"});
    FilterFacts expected;
    expected.proxies = *parse_ip_ranges("10.201.0.5");
    expected.own = *parse_ip_ranges("10.201.0.0/16,192.0.2.7,172.18.0.0/16,192.0.2.2");
    expected.denied = *parse_ip_ranges("203.0.113.0/24,2001:db8::/32");
    expected.allowed = *parse_ip_ranges("10.50.0.0/16");
    expected.resolvers = *parse_ip_ranges("9.9.9.9");
    EXPECT_EQ(facts, expected);
    config.isolation = Switch::off;
    EXPECT_TRUE(filter_facts(config, edge, {}, {}, {}).open);
}

TEST(HostFacts, ReadsTheMachinesAddresses)
{
    const std::string trie =
        "Main:\n  +-- 0.0.0.0/0 3 0 5\n     +-- 127.0.0.0/8 2 0 2\n           |-- 127.0.0.1\n"
        "              /32 host LOCAL\n     +-- 192.0.2.0/24 2 0 2\n           |-- 192.0.2.0\n"
        "              /24 link UNICAST\n           |-- 192.0.2.2\n              /32 host LOCAL\n"
        "        |-- 192.0.2.255\n           /32 link BROADCAST\nLocal:\n           |-- 192.0.2.2\n"
        "              /32 host LOCAL\n";
    EXPECT_EQ(parse_fib_trie(trie), std::vector<std::string>{"192.0.2.2"});
    const std::string six = "fd000000000000000000000000000064 02 40 00 80     eth0\n"
                            "fe8000000000000000fc00fffe000001 02 40 20 80     eth0\n"
                            "00000000000000000000000000000001 01 80 10 80       lo\nodd\n";
    EXPECT_EQ(parse_if_inet6(six), std::vector<std::string>{"fd00::64"});
}

TEST(HostFacts, ReadsTheResolversAsDockerDoes)
{
    EXPECT_EQ(
        parse_resolv_conf("# nameserver 1.1.1.1\nsearch x\nnameserver 10.0.0.2\n nameserver\t9.9.9.9 # ours\n"
                          "nameserver 127.0.0.53\nnameserver fe80::1%eth0\nnameserver fd00::2\n"),
        (std::vector<std::string>{"10.0.0.2", "9.9.9.9", "fd00::2"}));
    EXPECT_EQ(parse_resolv_conf(""), (std::vector<std::string>{"8.8.8.8", "8.8.4.4"}));
}

/// A network namespace of our own behind a path, gone with the object. Root only.
class OwnNamespace {
public:
    OwnNamespace()
    {
        write_text(path(), "");
        std::thread maker([this] {
            made_ = ::unshare(CLONE_NEWNET) == 0 &&
                    ::mount("/proc/thread-self/ns/net", path().c_str(), nullptr, MS_BIND, nullptr) == 0;
        });
        maker.join();
    }
    ~OwnNamespace() { ::umount2(path().c_str(), MNT_DETACH); }
    bool made() const { return made_; }
    std::string path() const { return folder_ / "ns"; }
    /// Runs in the namespace.
    void visit(const std::function<void()>& work) const
    {
        std::thread visitor([&] {
            const Fd target(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
            ASSERT_EQ(::setns(target.get(), CLONE_NEWNET), 0);
            work();
        });
        visitor.join();
    }

private:
    TemporaryFolder folder_;
    bool made_ = false;
};

int shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()); }

::sockaddr_in endpoint(const char* address, int port)
{
    ::sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, address, &to.sin_addr);
    return to;
}

/// What comes of sending a datagram: 0 when it has left.
int send_errno(const char* address, int port)
{
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto to = endpoint(address, port);
    return ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const ::sockaddr*>(&to), sizeof to) == 1
               ? 0
               : errno;
}

/// What comes of a TCP connection: an errno, ETIMEDOUT when its packets have left for nowhere.
int connect_errno(const char* address, int port)
{
    constexpr int kAnswerMs = 200; // a refusal comes at once
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto to = endpoint(address, port);
    if (::connect(socket.get(), reinterpret_cast<const ::sockaddr*>(&to), sizeof to) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    ::pollfd answer{socket.get(), POLLOUT, 0};
    if (::poll(&answer, 1, kAnswerMs) == 0) return ETIMEDOUT;
    int failure = 0;
    ::socklen_t size = sizeof failure;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    return failure;
}

class FirewallTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        if (::geteuid() != 0) GTEST_SKIP() << "filters are root's";
        ASSERT_TRUE(ns.made());
        // A default route over a device that swallows everything: what the filter lets out, leaves.
        ns.visit([] {
            const auto wired =
                "ip link set lo up && ip link add out type veth peer name sink && ip link set sink up "
                "&& ip link set out up arp off && ip addr add 10.201.0.20/16 dev out "
                "&& ip route add default dev out";
            ASSERT_EQ(shell(wired), 0);
        });
    }
    OwnNamespace ns;
    Firewall firewall;
};

TEST_F(FirewallTest, TheRulesLoadAndHold)
{
    firewall.load(ns.path(), filter_text(some_facts()));
    ns.visit([] {
        for (const char* refused : {"10.201.0.7", "10.1.1.1", "192.168.1.1", "172.17.0.1", "169.254.169.254",
                 "100.64.0.1", "198.51.100.7", "203.0.113.8", "168.63.129.16"})
            EXPECT_EQ(connect_errno(refused, 80), ECONNREFUSED) << refused;
        for (const char* open : {"8.8.8.8", "10.50.3.4", "198.51.100.8"})
            EXPECT_EQ(connect_errno(open, 443), ETIMEDOUT) << open;
        EXPECT_EQ(connect_errno("10.255.255.53", 53), ETIMEDOUT);
        EXPECT_EQ(connect_errno("10.255.255.53", 80), ECONNREFUSED);
        EXPECT_EQ(connect_errno("127.0.0.1", 9), ECONNREFUSED) << "loopback is the workspace's own";
    });
}

TEST_F(FirewallTest, AChangeByHandShowsAndIsReplaced)
{
    const auto text = filter_text(some_facts());
    const auto loaded = firewall.load(ns.path(), text);
    EXPECT_EQ(firewall.fingerprint(ns.path()), loaded);
    const auto flush = "iptables-" + firewall.backend() + " -F OUTPUT";
    ns.visit([&] { ASSERT_EQ(shell(flush), 0); });
    EXPECT_NE(firewall.fingerprint(ns.path()), loaded);
    ns.visit([] { EXPECT_EQ(send_errno("8.8.8.8", 443), EPERM) << "without rules nothing leaves"; });
    EXPECT_EQ(firewall.load(ns.path(), text), loaded);
    ns.visit([] { EXPECT_EQ(send_errno("8.8.8.8", 443), 0); });
}

TEST_F(FirewallTest, OtherTablesStayAsDockerMadeThem)
{
    firewall.load(ns.path(), filter_text(some_facts()));
    const auto tables = "iptables-" + firewall.backend();
    ns.visit([&] {
        ASSERT_EQ(
            shell(tables + " -t nat -A OUTPUT -d 127.0.0.11 -p udp --dport 53 -j DNAT --to 127.0.0.11:4444"),
            0);
    });
    auto other = some_facts();
    other.proxies = *parse_ip_ranges("10.201.0.77");
    firewall.load(ns.path(), filter_text(other));
    ns.visit([&] { EXPECT_EQ(shell(tables + " -t nat -S OUTPUT | grep -q 4444"), 0); });
}

/// As the workspace image's first process sees it (deploy/images/workspace/filter-wait.c).
TEST_F(FirewallTest, ANamespaceIsNamedAsAProcessInsideSeesIt)
{
    constexpr int kCookie = 71; // SO_NETNS_COOKIE
    std::uint64_t seen = 0;
    ns.visit([&] {
        const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ::socklen_t size = sizeof seen;
        ASSERT_EQ(::getsockopt(socket.get(), SOL_SOCKET, kCookie, &seen, &size), 0);
    });
    const auto mark = namespace_mark(ns.path());
    EXPECT_TRUE(mark.ends_with(" " + std::to_string(seen))) << mark;
    EXPECT_EQ(namespace_mark(ns.path()), mark);
    const OwnNamespace other;
    ASSERT_TRUE(other.made());
    EXPECT_NE(namespace_mark(other.path()), mark);
}

TEST_F(FirewallTest, ANamespaceThatIsGoneIsSaid)
{
    EXPECT_THROW(firewall.load("/nonexistent/ns", filter_text(some_facts())), Error);
}

} // namespace
} // namespace berth
