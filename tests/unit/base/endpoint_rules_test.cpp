// Which servers others may make Berth talk to.

#include "controller/base/endpoint_rules.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

bool allows(const EndpointRules& rules, const std::string& address)
{
    return rules.allows(boost::asio::ip::make_address(address));
}

TEST(EndpointRules, OnlyPublicAddresses)
{
    const EndpointRules rules;
    for (const char* inner : {"127.0.0.1", "127.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
             "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1",
             "fd00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"})
        EXPECT_FALSE(allows(rules, inner)) << inner;
    for (const char* outer : {"8.8.8.8", "52.218.0.1", "172.32.0.1", "2600:1f18::1", "::ffff:8.8.8.8"})
        EXPECT_TRUE(allows(rules, outer)) << outer;
}

TEST(EndpointRules, TheOperatorAllowsMoreAndOwnNetworksLess)
{
    auto rules = *EndpointRules::parse("minio.lan, 10.20.0.0/16,192.168.1.5");
    rules.deny(*parse_ip_range("52.0.0.0/8"));
    EXPECT_TRUE(allows(rules, "10.20.3.4"));
    EXPECT_TRUE(allows(rules, "::ffff:10.20.3.4"));
    EXPECT_TRUE(allows(rules, "192.168.1.5"));
    EXPECT_FALSE(allows(rules, "192.168.1.6"));
    EXPECT_FALSE(allows(rules, "52.218.0.1"));
    EXPECT_TRUE(rules.allows_name("MinIO.lan."));
    EXPECT_FALSE(rules.allows_name("minio.lan.evil.example"));
    EXPECT_FALSE(EndpointRules::parse("a b"));
    EXPECT_FALSE(EndpointRules::parse("http://x"));
    EXPECT_TRUE(EndpointRules::parse(""));
}

TEST(EndpointRules, WhatIsRefusedWithoutAResolver)
{
    const auto rules = *EndpointRules::parse("good.localhost,10.0.0.7");
    for (const char* host : {"127.0.0.1", "[::1]", "::1", "localhost", "LOCALHOST.", "x.localhost", "10.0.0.8"})
        EXPECT_TRUE(rules.refuses(host)) << host;
    for (const char* host : {"good.localhost", "10.0.0.7", "s3.example.com", "seaweedfs"})
        EXPECT_FALSE(rules.refuses(host)) << host << ": a name is judged by its address, when it is known";
}

} // namespace
} // namespace berth
