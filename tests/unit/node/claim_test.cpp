// Slots and claims on the node: what is done for one, and what reaches the container with the claim.

#include "node/control_volume.hpp"
#include "node/decide.hpp"
#include "node/workspace_agent.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

const Tick kNow{std::chrono::seconds{1000}};

NodeView a_slot()
{
    NodeView view;
    view.known = true;
    view.slot = true;
    view.container = ContainerState::running;
    view.files_volume = view.control_volume = true;
    view.control_current = true;
    view.now = kNow;
    view.sync_due = kNow - Duration{1};
    return view;
}

TEST(NodeSlot, OnlyItsControlVolumeIsWritten)
{
    auto view = a_slot();
    EXPECT_EQ(decide(view).step, NodeStep::Wait) << "neither restored nor synced";
    EXPECT_FALSE(decide(view).until) << "until something changes";
    view.control_current = false;
    EXPECT_EQ(decide(view).step, NodeStep::WriteControl);
}

TEST(NodeSlot, AClaimIsAStartLikeAnyOther)
{
    auto view = a_slot();
    view.slot = false;
    view.control_current = false;
    EXPECT_EQ(decide(view).step, NodeStep::WriteControl);
    view.control_current = true;
    EXPECT_EQ(decide(view).step, NodeStep::Restore) << "nothing goes up before";
    view.restored = true;
    EXPECT_EQ(decide(view).step, NodeStep::Sync);
}

TEST(NodeSlot, GoesWithoutAReceiptWhenItsContainerIsGone)
{
    auto view = a_slot();
    view.wanted = false;
    EXPECT_EQ(decide(view).step, NodeStep::Wait);
    view.container = ContainerState::exited;
    EXPECT_EQ(decide(view).step, NodeStep::Wait) << "it holds its volumes";
    view.container = ContainerState::absent;
    EXPECT_EQ(decide(view).step, NodeStep::RemoveVolumes);
    view.files_volume = view.control_volume = false;
    EXPECT_EQ(decide(view).step, NodeStep::Wait);
    view.leftovers = true;
    EXPECT_EQ(decide(view).step, NodeStep::Forget);
}

TEST(NodeSlot, WhatWasGivenUpElsewhereIsCleanedUp)
{
    auto view = a_slot();
    view.slot = false;
    view.abandoned = true;
    EXPECT_NE(decide(view).step, NodeStep::RemoveVolumes) << "its container runs";
    view.container = ContainerState::absent;
    EXPECT_EQ(decide(view).step, NodeStep::RemoveVolumes);
    view.known = false;
    EXPECT_EQ(decide(view).step, NodeStep::Wait);
}

/// Two nodes that both have something of a workspace must not overwrite each other's report: what an old one says
/// would take the address, and with it the route, from a workspace that runs elsewhere.
TEST(ReportOfAWorkspace, IsWrittenByTheNodeThatHasIt)
{
    WorkspaceStatus status;
    status.incarnation = 2;
    ContainerReport here;
    EXPECT_TRUE(speaks_for(status, here, "here")) << "it is nowhere yet";
    status.nodeId = "here";
    EXPECT_TRUE(speaks_for(status, here, "here"));
    status.nodeId = "there";
    EXPECT_FALSE(speaks_for(status, here, "here")) << "only its volumes are left";
    here.incarnation = 1;
    here.state = ContainerState::exited;
    EXPECT_FALSE(speaks_for(status, here, "here")) << "an earlier container";
    here.state = ContainerState::running;
    EXPECT_FALSE(speaks_for(status, here, "here"));
    here.incarnation = 2;
    EXPECT_TRUE(speaks_for(status, here, "here")) << "the controller does not know yet that it came here";
}

Workspace a_workspace()
{
    Workspace workspace;
    workspace.metadata.name = "abc";
    workspace.spec.pool = "default";
    return workspace;
}

Workspace claimed()
{
    auto workspace = a_workspace();
    workspace.spec.pool.clear();
    workspace.spec.s3 = {"demo", "us-east-1", "p", "", "mine", Secret{"key"}};
    workspace.spec.env["COLOR"] = "red";
    workspace.spec.vncPassword = Secret{"fresh"};
    workspace.spec.callbackToken = Secret{"token"};
    return workspace;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

TEST(ControlFilesOfAClaim, NobodyGetsIntoASlot)
{
    const auto files = control_files(a_workspace());
    EXPECT_EQ(files.at("vnc-password"), "\n") << "no password: everybody is refused";
    EXPECT_EQ(files.at("callback-token"), "\n");
    EXPECT_EQ(files.at("env").find("S3_"), std::string::npos);
}

TEST(ControlFilesOfAClaim, BringEverythingAColdStartHas)
{
    const auto files = control_files(claimed(), "platform");
    EXPECT_EQ(files.at("vnc-password"), "fresh\n");
    EXPECT_EQ(files.at("callback-token"), "token\n");
    for (const char* line : {"COLOR='red'", "S3_BUCKET='demo'", "S3_REGION='us-east-1'", "S3_PREFIX='p'"})
        EXPECT_NE(files.at("env").find("\n" + std::string(line) + "\n"), std::string::npos) << line;
    EXPECT_EQ(files.at("env").find("AWS_"), std::string::npos);
    EXPECT_NE(control_hash(files), control_hash(control_files(a_workspace())));
}

TEST(ControlFilesOfAClaim, FoldersToSearchComeBeforeTheImagesOwn)
{
    auto workspace = claimed();
    EXPECT_EQ(control_files(workspace).at("env").find("PATH="), std::string::npos);
    workspace.spec.env["PATH"] = "/it's:/b";
    EXPECT_NE(control_files(workspace).at("env").find("\nPATH='/it'\\''s:/b':\"$PATH\"\n"), std::string::npos)
        << control_files(workspace).at("env");
}

TEST(ControlFilesOfAClaim, TheFirstLineChangesWithTheContent)
{
    auto workspace = claimed();
    const auto before = first_line(control_files(workspace).at("env"));
    EXPECT_TRUE(before.starts_with("# "));
    EXPECT_EQ(first_line(control_files(workspace).at("env")), before);
    workspace.spec.env["COLOR"] = "blue";
    EXPECT_NE(first_line(control_files(workspace).at("env")), before);
}

TEST(ControlFilesOfAClaim, TheInstallsOwnKeyIsNeverShown)
{
    auto workspace = claimed();
    workspace.spec.exposeS3Credentials = true;
    EXPECT_NE(control_files(workspace, "platform").at("env").find("AWS_SECRET_ACCESS_KEY='key'"),
        std::string::npos);
    EXPECT_EQ(control_files(workspace, "mine").at("env").find("AWS_"), std::string::npos);
}

} // namespace
} // namespace berth
