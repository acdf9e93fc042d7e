#include "node/host_facts.hpp"

#include "controller/base/ip_range.hpp"

#include <fstream>
#include <set>
#include <sstream>

namespace berth {

namespace {

std::string read_text(const std::string& path)
{
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
}

std::vector<std::string> sorted(const std::set<std::string>& found) { return {found.begin(), found.end()}; }

/// "fd00000000…64" as an address.
std::optional<boost::asio::ip::address_v6> from_hex(const std::string& digits)
{
    if (digits.size() != 32 || digits.find_first_not_of("0123456789abcdef") != std::string::npos)
        return std::nullopt;
    boost::asio::ip::address_v6::bytes_type bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<unsigned char>(std::stoi(digits.substr(i * 2, 2), nullptr, 16));
    return boost::asio::ip::address_v6(bytes);
}

} // namespace

/// A line "|-- 192.0.2.2" names an address; "/32 host LOCAL" below it says that it is one of ours.
std::vector<std::string> parse_fib_trie(const std::string& text)
{
    std::set<std::string> found;
    std::string address;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (const auto leaf = line.find("|-- "); leaf != std::string::npos)
            address = line.substr(leaf + 4);
        else if (line.find("/32 host LOCAL") != std::string::npos && !address.starts_with("127."))
            found.insert(address);
    }
    return sorted(found);
}

std::vector<std::string> parse_if_inet6(const std::string& text)
{
    std::set<std::string> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto address = from_hex(line.substr(0, line.find(' ')));
        if (address && !address->is_loopback() && !address->is_link_local())
            found.insert(address->to_string());
    }
    return sorted(found);
}

std::vector<std::string> parse_resolv_conf(const std::string& text)
{
    std::vector<std::string> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string word;
        std::string server;
        if (!(words >> word >> server) || word != "nameserver") continue;
        const auto range = parse_ip_range(server);
        if (range && !range->address.is_loopback()) found.push_back(range->address.to_string());
    }
    if (found.empty()) return {"8.8.8.8", "8.8.4.4"};
    return found;
}

std::vector<std::string> machine_addresses(const std::string& net_dir)
{
    auto addresses = parse_fib_trie(read_text(net_dir + "/fib_trie"));
    for (auto& address : parse_if_inet6(read_text(net_dir + "/if_inet6")))
        addresses.push_back(std::move(address));
    return addresses;
}

std::vector<std::string> machine_resolvers(const std::string& resolv_conf)
{
    return parse_resolv_conf(read_text(resolv_conf));
}

awaitable<std::vector<std::string>> engine_subnets(docker::Client& docker)
{
    std::set<std::string> found;
    for (const auto& network : co_await docker.list_networks())
        for (const auto& config : network.IPAM.Config)
            if (const auto range = parse_ip_range(config.Subnet); range && !range->is_everything())
                found.insert(range->text());
    co_return sorted(found);
}

} // namespace berth
