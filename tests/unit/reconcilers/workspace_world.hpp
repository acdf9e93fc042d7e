#pragma once
// Docker, an agent and a proxy that do what they should, around the pure decision: a workspace can be driven
// from any phase to where its spec wants it, look by look.

#include "reconcilers/workspace_service.hpp"
#include "tests/unit/reconcilers/plan_fixture.hpp"

namespace berth {

struct World {
    Workspace ws = a_workspace(Phase::pending);
    std::optional<ServiceFacts> service;
    bool files = false; ///< the volumes exist
    bool finished = false;
    bool image_missing = false;
    Time now = kNow;
    std::int64_t told_end = 0;

    bool wanted() const
    {
        return ws.spec.desiredState == DesiredState::running && !ws.metadata.deletionTimestamp;
    }

    WorkspaceReportSpec agent()
    {
        auto report = a_report();
        report.reportedAt = now;
        report.observedClaim = ws.spec.claim;
        report.container = {};
        if (service && !image_missing)
            report.container = a_container(service->incarnation);
        else
            report.health = {};
        if (!wanted() && !service && files) {
            const auto& stored = ws.status.sync.receipt;
            const bool worthless = ws.spec.forceStop || !ws.spec.pool.empty(); // a slot has nothing to save
            if (worthless || (stored && stored->final)) files = false;
            report.sync.receipt = Receipt{"hash", 1, 1, now, true};
        }
        report.filesVolume = report.controlVolume = files;
        report.listedEnd = told_end;
        told_end = ws.status.endedIncarnation;
        return report;
    }

    Seen seen()
    {
        Seen seen;
        seen.service = service;
        seen.request_hash = request_hash(ws);
        seen.settings_hash = settings_hash(ws, std::nullopt);
        if (service)
            seen.tasks = {a_task(image_missing ? TaskStage::refused : TaskStage::running,
                service->incarnation, image_missing ? "No such image: a" : "")};
        if (files) seen.report = agent();
        if (!files && !ws.status.nodeId.empty()) seen.report = agent();
        if (wants_probe(ws, seen.report)) seen.routed = true;
        return seen;
    }

    void look()
    {
        const auto what = seen();
        auto plan = decide(ws, what, kLimits, now);
        ws.status = std::move(plan.status);
        ws.status.observedGeneration = ws.metadata.generation;
        finished = plan.finished;
        if (plan.step == Step::Remove) service.reset();
        if (plan.step == Step::Create) {
            service = ServiceFacts{"svc" + std::to_string(ws.status.incarnation), true, ws.metadata.uid,
                ws.status.incarnation, what.request_hash, false};
            files = true;
        }
        now += std::chrono::milliseconds{500};
    }
    /// Until nothing changes any more, a minute of its time at most.
    void settle()
    {
        for (int i = 0; i < 120; ++i) look();
    }
};

} // namespace berth
