// When an unused workspace is stopped: the arithmetic, and the reconciler that acts on it.

#include "reconcilers/workspace_idle.hpp"
#include "tests/unit/reconcilers/plan_fixture.hpp"
#include "tests/unit/reconcilers/workspace_fixture.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kStale = seconds{120};

/// A workspace that came up at kNow, and an agent whose report is always of the moment asked for.
struct IdleCase {
    Workspace ws = a_workspace(Phase::running);
    std::optional<WorkspaceReportSpec> report = a_report();
    IdleSettings settings;

    IdleCase()
    {
        ws.status.startedAt = kNow;
        ws.status.history = {{Phase::running, "Ready", kNow}};
    }
    void sign(ActivityKind kind, std::optional<Time> at, std::string source = "x")
    {
        std::erase_if(report->activity, [&](const auto& known) { return known.kind == kind; });
        report->activity.push_back({kind, at, std::move(source)});
    }
    /// Judges `after` the start, with a report of that moment, and keeps the verdict as the status.
    IdleVerdict at(Duration after, bool reported = true)
    {
        const Time now = kNow + after;
        if (reported && report) report->reportedAt = now;
        auto verdict = idle_verdict(ws, report, settings, kStale, now);
        ws.status.activity = verdict.status;
        return verdict;
    }
    IdleState state(Duration after, bool reported = true) { return at(after, reported).status.state; }
};

// W29
TEST(Idle, TenMinutesWithAWarningTwoMinutesAhead)
{
    IdleCase c;
    const auto first = c.at(seconds{0});
    EXPECT_EQ(first.status.state, IdleState::active);
    EXPECT_EQ(first.status.decidedBy, "start");
    EXPECT_EQ(first.status.stopsAt, kNow + minutes{10});
    EXPECT_EQ(c.state(minutes{8} - Duration{1}), IdleState::active);
    const auto warned = c.at(minutes{8});
    EXPECT_EQ(warned.status.state, IdleState::warning);
    EXPECT_EQ(warned.status.stopsAt, kNow + minutes{10});
    EXPECT_EQ(warned.next_look, Duration{minutes{2}});
    EXPECT_EQ(c.state(minutes{10} - Duration{1}), IdleState::warning);
    EXPECT_EQ(c.state(minutes{10}), IdleState::expired);
}

TEST(Idle, EachKindOfSignKeepsItForItsTimeFromThenOn)
{
    for (const auto kind :
        {ActivityKind::files, ActivityKind::editor, ActivityKind::terminal, ActivityKind::vnc}) {
        SCOPED_TRACE(detail::enumerator_name(kind));
        IdleCase c;
        c.sign(kind, kNow + minutes{7});
        const auto verdict = c.at(minutes{9});
        EXPECT_EQ(verdict.status.state, IdleState::active);
        EXPECT_EQ(verdict.status.decidedBy, detail::enumerator_name(kind));
        EXPECT_EQ(verdict.status.stopsAt, kNow + minutes{17});
        EXPECT_EQ(verdict.next_look, Duration{seconds{120}}) << "the report's own age comes first";
        EXPECT_EQ(verdict.last_activity, kNow + minutes{7});
    }
}

TEST(Idle, TheNewestSignDecides)
{
    IdleCase c;
    c.sign(ActivityKind::files, kNow + minutes{3});
    c.sign(ActivityKind::terminal, kNow + minutes{5});
    c.sign(ActivityKind::vnc, kNow + minutes{4});
    const auto verdict = c.at(minutes{6});
    EXPECT_EQ(verdict.status.decidedBy, "terminal");
    EXPECT_EQ(verdict.status.stopsAt, kNow + minutes{15});
    EXPECT_EQ(verdict.status.signals.size(), 3u) << "the status tells of the others too";
}

// W29
TEST(Idle, FilesOnlyLooksAtFilesOnly)
{
    for (const bool by_install : {true, false}) {
        IdleCase c;
        (by_install ? c.settings.mode : c.ws.spec.idle.mode.emplace()) = IdleMode::filesOnly;
        c.sign(ActivityKind::terminal, kNow + minutes{7});
        EXPECT_EQ(c.state(minutes{8}), IdleState::warning);
        EXPECT_EQ(c.state(minutes{10}), IdleState::expired);
        c.sign(ActivityKind::files, kNow + minutes{9});
        const auto verdict = c.at(minutes{10});
        EXPECT_EQ(verdict.status.state, IdleState::active);
        EXPECT_EQ(verdict.status.decidedBy, "files");
    }
}

TEST(Idle, OffIsForEver)
{
    IdleCase own;
    own.ws.spec.idle.mode = IdleMode::off;
    IdleCase install;
    install.settings.mode = IdleMode::off;
    install.ws.spec.idle.mode = IdleMode::all; // the operator's word
    for (auto* c : {&own, &install}) {
        const auto verdict = c->at(hours{100});
        EXPECT_EQ(verdict.status.state, IdleState::off);
        EXPECT_FALSE(verdict.status.stopsAt);
        EXPECT_FALSE(verdict.next_look);
    }
}

TEST(Idle, LoadCountsOnlyWhereItIsAskedFor)
{
    for (const std::int64_t hold : {0, 50}) {
        IdleCase c;
        c.ws.spec.idle.holdCpuPercent = hold;
        c.sign(ActivityKind::cpu, kNow + minutes{8});
        EXPECT_EQ(c.state(minutes{8}), hold ? IdleState::active : IdleState::warning);
    }
}

TEST(Idle, ItsOwnTimeAndTheHalfOfAShortOneAsWarning)
{
    IdleCase c;
    c.ws.spec.idle.timeoutSeconds = 20;
    EXPECT_EQ(c.state(seconds{10} - Duration{1}), IdleState::active);
    EXPECT_EQ(c.state(seconds{10}), IdleState::warning);
    EXPECT_EQ(c.state(seconds{20} - Duration{1}), IdleState::warning);
    EXPECT_EQ(c.state(seconds{20}), IdleState::expired);
}

TEST(Idle, ExtendedIsHeldUntilThenAndWarnedBeforeItsEnd)
{
    IdleCase c;
    c.ws.spec.keepUntil = kNow + hours{1};
    const auto held = c.at(minutes{30});
    EXPECT_EQ(held.status.state, IdleState::held);
    EXPECT_EQ(held.status.decidedBy, "extend");
    EXPECT_EQ(held.status.stopsAt, kNow + hours{1});
    EXPECT_EQ(c.state(minutes{58}), IdleState::warning);
    EXPECT_EQ(c.state(minutes{60}), IdleState::expired);
    c.ws.spec.keepUntil = kNow + minutes{90}; // extended in the last moment
    EXPECT_EQ(c.state(minutes{60}), IdleState::held);
    c.sign(ActivityKind::files, kNow + minutes{85});
    EXPECT_EQ(c.at(minutes{86}).status.decidedBy, "files") << "use that reaches further than the extension";
}

TEST(Idle, ASignTakesTheWarningBack)
{
    IdleCase c;
    EXPECT_EQ(c.state(minutes{8}), IdleState::warning);
    c.sign(ActivityKind::terminal, kNow + minutes{9});
    const auto verdict = c.at(minutes{9});
    EXPECT_EQ(verdict.status.state, IdleState::active);
    EXPECT_EQ(verdict.status.stopsAt, kNow + minutes{19});
}

TEST(Idle, NobodyIsStoppedUnwarned)
{
    IdleCase c; // berthd was away from the start until long after the end
    const auto verdict = c.at(minutes{30});
    EXPECT_EQ(verdict.status.state, IdleState::warning);
    EXPECT_EQ(verdict.status.stopsAt, kNow + minutes{32});
    EXPECT_EQ(c.state(minutes{31}), IdleState::warning);
    EXPECT_EQ(c.state(minutes{32}), IdleState::expired);
}

TEST(Idle, OldNewsStopsNothing)
{
    IdleCase c;
    EXPECT_EQ(c.state(minutes{8}), IdleState::warning);
    EXPECT_EQ(c.state(minutes{10} - seconds{1}), IdleState::warning);
    const auto late = c.at(minutes{10} + seconds{5}, false);
    EXPECT_EQ(late.status.state, IdleState::warning) << "the last report is from before the end";
    EXPECT_EQ(late.status.stopsAt, kNow + minutes{10});
    c.sign(ActivityKind::files, kNow + minutes{10} - Duration{1});
    EXPECT_EQ(c.state(minutes{10} + seconds{6}), IdleState::active) << "and the next one tells of use";
}

TEST(Idle, UnknownIsNotIdle)
{
    IdleCase silent;
    silent.at(minutes{9});
    const auto verdict = silent.at(minutes{11}, false);
    EXPECT_EQ(verdict.status.state, IdleState::unknown);
    EXPECT_EQ(verdict.unknown_reason, "AgentSilent");
    EXPECT_FALSE(verdict.status.stopsAt);
    EXPECT_EQ(silent.state(hours{5}, false), IdleState::unknown);
    const auto back = silent.at(hours{6});
    EXPECT_EQ(back.status.state, IdleState::warning) << "its user gets the whole warning";
    EXPECT_EQ(back.status.stopsAt, kNow + hours{6} + minutes{2});

    IdleCase none;
    none.report.reset();
    EXPECT_EQ(none.state(hours{1}), IdleState::unknown);
    IdleCase other;
    other.report->container.incarnation = 1;
    EXPECT_EQ(other.state(hours{1}), IdleState::unknown);
}

TEST(Idle, WhatCantBeLookedAtIsUnknownWhereItCounts)
{
    IdleCase c;
    c.sign(ActivityKind::terminal, std::nullopt, "no /proc");
    const auto verdict = c.at(hours{1});
    EXPECT_EQ(verdict.status.state, IdleState::unknown);
    EXPECT_EQ(verdict.unknown_reason, "SignsMissing");
    c.ws.spec.idle.mode = IdleMode::filesOnly;
    EXPECT_EQ(c.state(hours{1}), IdleState::warning);
    c.ws.spec.idle.mode.reset();
    c.sign(ActivityKind::terminal, kNow + hours{1});
    EXPECT_EQ(c.state(hours{1}), IdleState::active) << "it can be looked at again";
}

TEST(Idle, AnAgentsClockMayBeWrong)
{
    IdleCase ahead; // by an hour: its "now" is moved back to ours
    ahead.report->reportedAt = kNow + minutes{5} + hours{1};
    ahead.sign(ActivityKind::files, kNow + minutes{4} + hours{1});
    const auto verdict = idle_verdict(ahead.ws, ahead.report, ahead.settings, kStale, kNow + minutes{5});
    EXPECT_EQ(verdict.status.stopsAt, kNow + minutes{14});
    EXPECT_EQ(verdict.last_activity, kNow + minutes{4});

    IdleCase liar; // a sign from the future is of now
    liar.sign(ActivityKind::editor, kNow + hours{1000});
    EXPECT_EQ(liar.at(minutes{5}).status.stopsAt, kNow + minutes{15});

    IdleCase behind; // by a minute: later reports only, never an earlier end
    const auto report_at = [&](Duration after) {
        behind.report->reportedAt = kNow + after - minutes{1};
        const auto found = idle_verdict(behind.ws, behind.report, behind.settings, kStale, kNow + after);
        behind.ws.status.activity = found.status;
        return found.status.state;
    };
    EXPECT_EQ(report_at(minutes{8}), IdleState::warning);
    EXPECT_EQ(report_at(minutes{10}), IdleState::warning);
    EXPECT_EQ(report_at(minutes{11}), IdleState::expired);
}

TEST(Idle, ARestartCountsAsUseAndSignsOutliveAnAgent)
{
    IdleCase c;
    c.sign(ActivityKind::files, kNow + minutes{6});
    c.at(minutes{6});
    c.report->activity.clear(); // the agent was restarted
    EXPECT_EQ(c.at(minutes{7}).status.stopsAt, kNow + minutes{16});
    c.ws.status.history.push_back({Phase::running, "Ready", kNow + minutes{15}});
    EXPECT_EQ(c.at(minutes{15}).status.decidedBy, "start");
    EXPECT_EQ(c.at(minutes{15}).status.stopsAt, kNow + minutes{25});
}

// --- the reconciler ---

class IdleWorkspaceTest : public WorkspaceTest {
protected:
    /// The agent reports now, with the last change of a file so long ago.
    void report_use(std::optional<Duration> ago = std::nullopt)
    {
        auto seen = seen_by_agent();
        if (ago) seen.spec.activity = {{ActivityKind::files, h.clock.now() - *ago, "src/main.py"}};
        h.put(std::move(seen));
        h.settle();
    }
    /// Lets time pass with a report every 30 s, and one at the end.
    void pass(Duration time)
    {
        for (; time > seconds{30}; time -= seconds{30}) {
            h.advance(seconds{30});
            report_use();
        }
        h.advance(time);
        report_use();
    }
};

// W29
TEST_F(IdleWorkspaceTest, StopsTenMinutesAfterTheLastSign)
{
    bring_up();
    pass(minutes{5});
    report_use(seconds{0});
    EXPECT_EQ(ws().status.activity->decidedBy, "files");
    EXPECT_EQ(ws().status.lastActivity, h.clock.now());
    pass(minutes{8});
    EXPECT_EQ(ws().status.activity->state, IdleState::warning);
    EXPECT_EQ(ws().spec.desiredState, DesiredState::running);
    pass(minutes{2} - seconds{1});
    EXPECT_EQ(ws().spec.desiredState, DesiredState::running);
    pass(seconds{1});
    EXPECT_EQ(ws().spec.desiredState, DesiredState::stopped);
    EXPECT_EQ(ws().spec.stopReason, "inactivity");
    EXPECT_EQ(ws().status.shutdownReason, "inactivity");
    EXPECT_FALSE(ws().status.activity) << "it says something of a running workspace only";
}

TEST_F(IdleWorkspaceTest, TheWarningComesByTimeAlone)
{
    bring_up();
    pass(minutes{7} + seconds{59});
    EXPECT_EQ(ws().status.activity->state, IdleState::active);
    h.advance(seconds{1});
    EXPECT_EQ(ws().status.activity->state, IdleState::warning);
}

TEST_F(IdleWorkspaceTest, ASilentAgentIsAConditionAndNoStop)
{
    bring_up();
    pass(minutes{1});
    h.advance(minutes{30});
    EXPECT_EQ(ws().spec.desiredState, DesiredState::running);
    EXPECT_EQ(ws().status.activity->state, IdleState::unknown);
    const auto silent = ws();
    const auto* unknown = find_condition(silent.status.conditions, condition::kIdleUnknown);
    ASSERT_TRUE(unknown);
    EXPECT_EQ(unknown->reason, "AgentSilent");
    report_use();
    EXPECT_FALSE(find_condition(ws().status.conditions, condition::kIdleUnknown));
    EXPECT_EQ(ws().status.activity->state, IdleState::warning);
    EXPECT_EQ(ws().spec.desiredState, DesiredState::running);
}

TEST_F(IdleWorkspaceTest, WhoExtendsInTheLastMomentIsHeard)
{
    bring_up();
    pass(minutes{9} + seconds{59});
    edit([&](WorkspaceSpec& spec) { spec.keepUntil = h.clock.now() + hours{1}; });
    pass(minutes{5});
    EXPECT_EQ(ws().spec.desiredState, DesiredState::running);
    EXPECT_EQ(ws().status.activity->state, IdleState::held);
}

TEST_F(IdleWorkspaceTest, TheStopIsInTheAuditLogWithItsReason)
{
    bring_up();
    report_use(seconds{0});
    pass(minutes{10});
    ASSERT_EQ(ws().spec.desiredState, DesiredState::stopped);
    const auto records = h.run(h.store().audit_log(0, 100));
    const auto stop = std::find_if(records.begin(), records.end(),
        [](const AuditRecord& record) { return record.entry.verb == "stop"; });
    ASSERT_NE(stop, records.end());
    EXPECT_EQ(stop->entry.who, "berthd");
    EXPECT_THAT(stop->entry.detail, ::testing::StartsWith("inactivity: nothing since files at "));
}

} // namespace
} // namespace berth
