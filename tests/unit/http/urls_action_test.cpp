// What is promised to browsers: one place for hosts, paths and URLs.

#include "api/types/urls.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Urls, HostModeNamesEachPortByAHostOfItsOwn)
{
    const PublicAddress local{"http", "localhost", 8088, RoutingMode::host};
    const auto urls = workspace_urls(local, "abc");
    EXPECT_EQ(urls.codeServer, "http://abc-code.localhost:8088/");
    EXPECT_EQ(urls.vnc, "http://abc-vnc.localhost:8088/");
    EXPECT_EQ(urls.webServer, "http://abc-web.localhost:8088/");
    EXPECT_EQ(workspace_host(local, "abc", kVncPort), "abc-vnc.localhost") << "a Host rule has no port";
}

TEST(Urls, TheSchemesOwnPortIsLeftOut)
{
    EXPECT_EQ(workspace_url({"https", "dev.example", 0, RoutingMode::host}, "abc", kWebPort),
        "https://abc-web.dev.example/");
    EXPECT_EQ(workspace_url({"https", "dev.example", 443, RoutingMode::host}, "abc", kWebPort),
        "https://abc-web.dev.example/");
    EXPECT_EQ(workspace_url({"http", "dev.example", 443, RoutingMode::host}, "abc", kWebPort),
        "http://abc-web.dev.example:443/");
}

TEST(Urls, PathModeUsesOneHost)
{
    const PublicAddress address{"http", "box", 0, RoutingMode::path};
    EXPECT_EQ(workspace_url(address, "abc", kCodeServerPort), "http://box/code/abc/");
    EXPECT_EQ(workspace_host(address, "abc", kCodeServerPort), "box");
}

} // namespace
} // namespace berth
