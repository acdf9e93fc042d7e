#pragma once
// What this machine's own network looks like, for the filters: its addresses, its resolvers, its bridges.

#include "docker/client.hpp"

#include <string>
#include <vector>

namespace berth {

/// IPv4 addresses that are the machine's own, from /proc/net/fib_trie; without loopback. Sorted. Pure.
std::vector<std::string> parse_fib_trie(const std::string& text);
/// The same for IPv6, from /proc/net/if_inet6; without link-local ones, which nobody reaches anyway.
std::vector<std::string> parse_if_inet6(const std::string& text);
/// The servers that Docker's resolver asks from inside a namespace: those of resolv.conf that are no loopback
/// (these are asked on the host); Docker's own choice when there are none. Pure.
std::vector<std::string> parse_resolv_conf(const std::string& text);

/// Addresses of the machine behind `net_dir`, which is its /proc/1/net. Empty when it can't be read. I/O
/// thread.
std::vector<std::string> machine_addresses(const std::string& net_dir);
/// The resolvers behind a resolv.conf; Docker's own choice when it can't be read.
std::vector<std::string> machine_resolvers(const std::string& resolv_conf);
/// Subnets of every network that this node's engine has, as CIDR. Throws what the engine's call throws.
awaitable<std::vector<std::string>> engine_subnets(docker::Client& docker);

} // namespace berth
