// What an older version has stored is read by the agent, whatever rules have come since.

#include "node/told.hpp"

#include "api/types/workspace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth {
namespace {

json::object workspace(std::string_view spec)
{
    auto object = json::parse(R"({"apiVersion":"berth.dev/v1","kind":"Workspace",
        "metadata":{"org":"default","name":"abc","uid":"u1"},"spec":{},"status":{}})")
                      .as_object();
    object["spec"] = json::parse(spec);
    return object;
}

TEST(Told, ARuleThatCameLaterHidesNoWorkspace)
{
    const auto old = workspace(R"({"desiredState":"stopped","s3":{"bucket":"demo","prefix":"p"},
        "vncPassword":"longer than eight","env":{"BERTH_TOKEN":"x","COLOR":"red"},"stopReason":"manual"})");
    EXPECT_THROW(decode_object<Workspace>(json::value(old), Unknown::Ignore), Error) << "a rule refuses it today";
    const auto read = decode_told<Workspace>(old);
    EXPECT_EQ(read.metadata.uid, "u1");
    EXPECT_EQ(read.spec.desiredState, DesiredState::stopped);
    EXPECT_EQ(read.spec.s3.bucket, "demo");
    EXPECT_EQ(read.spec.vncPassword.reveal(), "longer than eight");
    EXPECT_EQ(read.spec.env.at("BERTH_TOKEN"), "x");
}

TEST(Told, WhatANewerVersionAddsIsIgnored)
{
    const auto newer = workspace(R"({"s3":{"bucket":"demo"},"unheardOf":{"x":1}})");
    EXPECT_EQ(decode_told<Workspace>(newer).spec.s3.bucket, "demo");
}

/// The agent would write files to another place, or take a stop for a start.
TEST(Told, WhatCannotBeReadIsNotGuessed)
{
    for (const auto* spec : {R"({"desiredState":"hibernated","s3":{"bucket":"demo"}})", R"({"s3":{"bucket":7}})",
             R"({"s3":"demo"})", R"({"s3":{"bucket":"demo"},"forceStop":"yes"})"})
        EXPECT_THROW(decode_told<Workspace>(workspace(spec)), Error) << spec;
}

} // namespace
} // namespace berth
