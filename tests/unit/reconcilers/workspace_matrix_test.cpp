// Every phase against everything that somebody may want of it: no phase is a lock, a new desired state wins,
// and what is written into the spec for others restarts nothing.

#include "tests/unit/reconcilers/workspace_world.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace berth {
namespace {

/// A world in that phase, come there the way it really comes there.
World world_in(Phase phase)
{
    World world;
    if (phase == Phase::pending) return world;
    if (phase == Phase::warm) {
        world.ws.spec.pool = "default";
        world.ws.spec.s3 = {};
    }
    if (phase == Phase::failed) world.image_missing = true;
    world.look();
    world.look(); // its service is made
    if (phase == Phase::starting) return world;
    world.settle();
    if (phase == Phase::failed) {
        world.now += kLimits.start_deadline;
        world.settle();
        world.image_missing = false;
    }
    if (phase == Phase::stopping || phase == Phase::stopped || phase == Phase::archived) {
        world.ws.spec.desiredState = DesiredState::stopped;
        world.ws.spec.stopReason = "manual";
        world.look();
    }
    if (phase == Phase::stopped || phase == Phase::archived) world.settle();
    if (phase == Phase::archived) {
        world.now += kLimits.archive_after;
        world.settle();
    }
    return world;
}

constexpr std::array kPhases{Phase::pending, Phase::warm, Phase::starting, Phase::running, Phase::stopping,
    Phase::stopped, Phase::failed, Phase::archived};

bool resting(Phase phase)
{
    return phase == Phase::stopping || phase == Phase::stopped || phase == Phase::archived;
}

struct Wish {
    const char* what;
    std::function<void(Workspace&)> write;
    /// Where it ends, from that phase.
    std::function<Phase(Phase)> ends;
    /// Whether that needs a container that was not there before.
    std::function<bool(Phase)> new_container;
};

Phase up(Phase from) { return from == Phase::warm ? Phase::warm : Phase::running; }
Phase down(Phase from) { return from == Phase::archived ? Phase::archived : Phase::stopped; }
Phase as_it_was(Phase from)
{
    return from == Phase::failed ? Phase::failed : resting(from) ? down(from) : up(from);
}
bool never(Phase) { return false; }
bool from_rest(Phase from) { return resting(from) || from == Phase::failed; }

const std::vector<Wish>& wishes()
{
    static const std::vector<Wish> all{
        {"start",
            [](Workspace& ws) { // as POST …/start writes it
                if (ws.status.phase == Phase::failed) request_restart(ws.spec);
                ws.spec.desiredState = DesiredState::running;
                ws.spec.stopReason.clear();
            },
            up, from_rest},
        {"stop", [](Workspace& ws) { ws.spec.desiredState = DesiredState::stopped; }, down, never},
        {"restart", [](Workspace& ws) { request_restart(ws.spec); },
            [](Phase from) { return resting(from) ? down(from) : up(from); },
            [](Phase from) { return !resting(from) && from != Phase::pending; }},
        {"delete", [](Workspace& ws) { ws.metadata.deletionTimestamp = kNow; }, down, never},
        {"force stop",
            [](Workspace& ws) {
                ws.spec.desiredState = DesiredState::stopped;
                ws.spec.forceStop = true;
            },
            down, never},
        {"other environment", [](Workspace& ws) { ws.spec.env["X"] = "1"; },
            [](Phase from) { return resting(from) ? down(from) : up(from); },
            [](Phase from) {
                return from == Phase::starting || from == Phase::running || from == Phase::failed;
            }},
        {"other S3 key", [](Workspace& ws) { ws.spec.s3.secretAccessKey = Secret{"another"}; },
            [](Phase from) { return resting(from) ? down(from) : up(from); },
            [](Phase from) { return from == Phase::failed; }},
        {"sync now", [](Workspace& ws) { ++ws.spec.requests.sync; }, as_it_was, never},
        {"confirm deletes", [](Workspace& ws) { ++ws.spec.requests.confirmDeletes; }, as_it_was, never},
        {"restore", [](Workspace& ws) { ++ws.spec.requests.restore; }, as_it_was, never},
        {"extend", [](Workspace& ws) { ws.spec.keepUntil = kNow + std::chrono::hours{1}; }, as_it_was, never},
        {"other idle policy", [](Workspace& ws) { ws.spec.idle.timeoutSeconds = 60; }, as_it_was, never},
        {"other stop reason", [](Workspace& ws) { ws.spec.stopReason = "inactivity"; }, as_it_was, never},
        {"another VNC password", [](Workspace& ws) { ws.spec.vncPassword = Secret{"x"}; }, as_it_was, never},
        {"claim",
            [](Workspace& ws) {
                ws.spec.pool.clear();
                ws.spec.s3.bucket = "demo";
                ++ws.spec.claim;
            },
            [](Phase from) { return from == Phase::warm ? Phase::running : as_it_was(from); },
            // A failed one has another bucket now where it had none; it had one here.
            never},
    };
    return all;
}

TEST(WorkspaceMatrix, TheWorldsAreInThePhasesTheySay)
{
    for (const auto phase : kPhases) EXPECT_EQ(world_in(phase).ws.status.phase, phase);
}

// W21
TEST(WorkspaceMatrix, EveryWishWinsInEveryPhase)
{
    for (const auto from : kPhases) {
        for (const auto& wish : wishes()) {
            SCOPED_TRACE(std::string(detail::enumerator_name(from)) + ": " + wish.what);
            auto world = world_in(from);
            const auto before = world.ws.status.incarnation;
            wish.write(world.ws);
            ++world.ws.metadata.generation;
            world.settle();
            const auto& status = world.ws.status;
            EXPECT_EQ(status.phase, wish.ends(from)) << status.message;
            const auto expected =
                before + (wish.new_container(from) ||
                             (from == Phase::pending && before == 0 && wish.ends(from) == Phase::running));
            EXPECT_EQ(status.incarnation, expected);
            const bool ended = status.phase == Phase::stopped || status.phase == Phase::archived;
            EXPECT_EQ(world.service.has_value(), !ended && status.phase != Phase::failed);
            EXPECT_EQ(world.finished, ended);
            if (ended) {
                EXPECT_FALSE(world.files);
            }
        }
    }
}

TEST(WorkspaceMatrix, TheLastOfManyWishesWins)
{
    for (const auto from : kPhases) {
        SCOPED_TRACE(std::string(detail::enumerator_name(from)));
        auto world = world_in(from);
        for (int i = 0; i < 7; ++i) {
            world.ws.spec.desiredState = i % 2 == 0 ? DesiredState::running : DesiredState::stopped;
            if (i % 2 == 0) request_restart(world.ws.spec);
            for (int looks = 0; looks < i; ++looks) world.look();
        }
        world.settle();
        EXPECT_EQ(world.ws.status.phase, up(from));
        EXPECT_EQ(world.service->incarnation, world.ws.status.incarnation);
        world.ws.spec.desiredState = DesiredState::stopped;
        world.settle();
        EXPECT_EQ(world.ws.status.phase, Phase::stopped);
    }
}

TEST(WorkspaceMatrix, LooksThatChangeNothingWriteNothing)
{
    for (const auto from : {Phase::running, Phase::warm, Phase::failed, Phase::stopped, Phase::archived}) {
        SCOPED_TRACE(std::string(detail::enumerator_name(from)));
        auto world = world_in(from);
        world.settle();
        const auto before = world.ws.status;
        world.settle();
        EXPECT_EQ(world.ws.status, before);
        EXPECT_LE(before.decisions.size(), 10u);
    }
}

} // namespace
} // namespace berth
