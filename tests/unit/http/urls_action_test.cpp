// What is promised to browsers: one place for hosts, paths and URLs.

#include "api/types/proxy_routes.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

// W40
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

// W41
TEST(Urls, PathModeUsesOneHost)
{
    const PublicAddress address{"http", "box", 0, RoutingMode::path};
    EXPECT_EQ(workspace_url(address, "abc", kCodeServerPort), "http://box/code/abc/");
    EXPECT_EQ(workspace_host(address, "abc", kCodeServerPort), "box");
}

TEST(Urls, AnAddressLeadsBackToItsWorkspace)
{
    for (const auto routing : {RoutingMode::host, RoutingMode::path})
        for (const auto* id : {"abc", "my-own", "a-code"})
            for (const auto& port : kWorkspacePorts) {
                const PublicAddress address{"http", "Dev.example", 8088, routing};
                const auto target = workspace_path(address, id, port) + "a/b?c=/d";
                const auto visit = visit_of(address, workspace_host(address, id, port) + ":8088", target);
                ASSERT_TRUE(visit) << id << port.word;
                EXPECT_EQ(visit->id, id);
                EXPECT_EQ(visit->port.port, port.port);
                EXPECT_EQ(visit->rest, "a/b");
            }
    const PublicAddress path{"http", "box", 0, RoutingMode::path};
    EXPECT_EQ(visit_of(path, "box", "/code/abc")->rest, "");
    for (const auto* target : {"/", "/code", "/code/", "/code//x", "/ssh/abc/", "/code/A_b/", "code/abc/", ""})
        EXPECT_FALSE(visit_of(path, "box", target)) << target;
    EXPECT_FALSE(visit_of(path, "other", "/code/abc/"));
}

} // namespace
} // namespace berth
