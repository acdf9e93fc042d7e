// Routes as labels of the Swarm service, for a Traefik of the user's own.

#include "reconcilers/workspace_labels.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

class Labels : public ::testing::Test {
protected:
    Labels()
    {
        workspace.metadata.name = "abc";
        settings.api_url = "http://berthd:3001";
    }
    docker::StringMap labels() const
    {
        docker::StringMap labels;
        add_route_labels(labels, workspace, settings);
        return labels;
    }
    Workspace workspace;
    WorkspaceSettings settings;
};

// W42
TEST_F(Labels, NameHostPortAndNetwork)
{
    const auto all = labels();
    EXPECT_EQ(all.at("traefik.enable"), "true");
    EXPECT_EQ(all.at("traefik.swarm.network"), "berth-edge");
    EXPECT_EQ(all.at("traefik.http.routers.abc-vnc.rule"), "Host(`abc-vnc.localhost`)");
    EXPECT_EQ(all.at("traefik.http.routers.abc-vnc.service"), "abc-vnc");
    EXPECT_EQ(all.at("traefik.http.services.abc-vnc.loadbalancer.server.port"), "6080");
    EXPECT_EQ(all.at("traefik.http.services.abc-web.loadbalancer.server.port"), "3000");
    EXPECT_FALSE(all.contains("traefik.http.routers.abc-vnc.middlewares"));
    EXPECT_FALSE(all.contains("traefik.http.routers.abc-vnc.tls"));
    EXPECT_FALSE(all.contains("traefik.http.routers.abc-vnc.entrypoints"));
}

// W41, W42
TEST_F(Labels, PathModeStripsThePrefix)
{
    settings.address.routing = RoutingMode::path;
    const auto all = labels();
    EXPECT_EQ(all.at("traefik.http.routers.abc-code.rule"),
        "Host(`localhost`) && (Path(`/code/abc`) || PathPrefix(`/code/abc/`))");
    EXPECT_EQ(all.at("traefik.http.routers.abc-code.middlewares"), "abc-code-slash,abc-code-strip");
    EXPECT_EQ(all.at("traefik.http.middlewares.abc-code-strip.stripprefix.prefixes"), "/code/abc");
    EXPECT_EQ(all.at("traefik.http.middlewares.abc-code-slash.redirectregex.replacement"), "${1}/${2}");
}

TEST_F(Labels, EntryPointAndCertificates)
{
    settings.address.scheme = "https";
    settings.route_entrypoint = "websecure";
    settings.route_cert_resolver = "le";
    const auto all = labels();
    EXPECT_EQ(all.at("traefik.http.routers.abc-web.entrypoints"), "websecure");
    EXPECT_EQ(all.at("traefik.http.routers.abc-web.tls"), "true");
    EXPECT_EQ(all.at("traefik.http.routers.abc-web.tls.certresolver"), "le");
}

TEST_F(Labels, ASlotHasAGuardThatComesOffAndLeavesTheRest)
{
    workspace.spec.pool = "small";
    workspace.status.incarnation = 1;
    const auto slot = labels();
    EXPECT_EQ(slot.at("traefik.http.routers.abc-code.middlewares"), "abc-slot,abc-clean");
    EXPECT_EQ(slot.at("traefik.http.middlewares.abc-slot.forwardauth.address"),
        "http://berthd:3001/api/v1/edge/slot");
    for (const auto routing : {RoutingMode::host, RoutingMode::path}) {
        settings.address.routing = routing;
        workspace.spec.pool = "small";
        auto opened = labels();
        EXPECT_TRUE(has_route_guard(opened, "abc"));
        EXPECT_FALSE(has_route_guard(opened, "other"));
        workspace.spec.pool.clear();
        remove_route_guard(opened, "abc");
        EXPECT_EQ(opened, labels()) << "as if it had never been a slot";
        EXPECT_FALSE(has_route_guard(opened, "abc"));
        remove_route_guard(opened, "abc");
        EXPECT_EQ(opened, labels());
    }
    workspace.spec.pool = "small";
    settings.api_url.clear();
    EXPECT_TRUE(labels().empty()) << "nobody to ask: no route";
}

} // namespace
} // namespace berth
