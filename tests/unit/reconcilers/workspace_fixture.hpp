#pragma once
// The workspace reconciler in the harness, with a reverse proxy that the test switches and an agent that it
// plays.

#include "reconcilers/orphans.hpp"
#include "reconcilers/swarm_setup.hpp"
#include "reconcilers/workspace.hpp"
#include "tests/fakes/harness.hpp"

#include <gtest/gtest.h>

namespace berth {

/// Answers every request; a test says how.
class FakeProxy final : public Transport {
public:
    awaitable<HttpResponse> send(HttpRequest request) override
    {
        asked.push_back(request);
        if (down) throw Error{Errc::Unavailable, "connection refused"};
        co_return HttpResponse{status, {}, ""};
    }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest) override
    {
        throw Error{Errc::Internal, "nobody streams from the proxy"};
        co_return nullptr;
    }
    std::string host() const override { return "proxy"; }

    unsigned status = 200;
    bool down = false;
    std::vector<HttpRequest> asked;
};

class WorkspaceTest : public ::testing::Test {
protected:
    static WorkspaceSettings settings()
    {
        WorkspaceSettings settings;
        settings.install_id = "install-1";
        settings.image = "berth/workspace:1";
        return settings;
    }
    static SwarmSettings swarm_settings()
    {
        SwarmSettings settings;
        settings.install_id = "install-1";
        return settings;
    }

    void SetUp() override
    {
        h.run(ensure_swarm(h.docker, swarm_settings()));
        h.add<Workspace>(reconciler);
        h.start();
        h.observe();
    }
    void TearDown() override { h.stop(); }

    Workspace put_workspace(const std::string& id = "abc")
    {
        Workspace ws;
        ws.metadata.org = "default";
        ws.metadata.name = id;
        ws.spec.s3.bucket = "demo";
        ws.spec.env["COLOR"] = "red";
        ws = h.put(ws);
        h.observe();
        return ws;
    }
    Workspace ws(const std::string& id = "abc") { return h.get<Workspace>("default", id); }
    Phase phase(const std::string& id = "abc") { return ws(id).status.phase; }
    template <class F> void edit(F change, const std::string& id = "abc")
    {
        auto workspace = ws(id);
        change(workspace.spec);
        h.put(workspace);
        h.observe();
    }
    std::string label(const std::string& name, const std::string& id = "abc")
    {
        const auto* service = h.engine.service("ws-" + id);
        if (!service) return "no service";
        const auto found = service->Spec.Labels.find(name);
        return found == service->Spec.Labels.end() ? "no label" : found->second;
    }

    /// What the agent sees of the workspace at this moment; `healthy` and restored unless the test says
    /// otherwise.
    WorkspaceReport seen_by_agent(const std::string& id = "abc")
    {
        WorkspaceReport report;
        report.metadata.org = "default";
        report.metadata.name = id;
        const auto workspace = ws(id);
        report.metadata.ownerReferences = {{"Workspace", id, workspace.metadata.uid}};
        auto& spec = report.spec;
        spec.workspaceUid = workspace.metadata.uid;
        spec.nodeId = h.engine.local_node();
        spec.nodeName = "one";
        spec.reportedAt = h.clock.now();
        spec.filesVolume = h.engine.volumes().contains("berth-ws-" + id);
        spec.controlVolume = h.engine.volumes().contains("berth-run-" + id);
        spec.restored = true;
        spec.isolated = true;
        spec.listedEnd = workspace.status.endedIncarnation;
        spec.sync.state = SyncState::idle;
        if (const auto* container = h.engine.container_of("ws-" + id)) {
            spec.container.state =
                container->State.Running ? ContainerState::running : ContainerState::exited;
            spec.container.id = container->Id;
            spec.container.incarnation = std::stoll(container->Config.Labels.at("dev.berth.incarnation"));
            spec.container.address = "10.201.0.9";
            spec.container.exitCode = container->State.ExitCode;
            spec.health.status = HealthState::healthy;
            spec.health.checks = {true, true, false};
        }
        return report;
    }
    void report(WorkspaceReport report)
    {
        h.put(std::move(report));
        h.observe();
    }
    void report(const std::string& id = "abc") { report(seen_by_agent(id)); }
    void bring_up(const std::string& id = "abc")
    {
        put_workspace(id);
        h.engine.run_tasks();
        report(id);
        ASSERT_EQ(phase(id), Phase::running);
    }
    /// The agent's part of a stop: final receipt, then (after the controller has stored it) the volumes go.
    void finish_stop(const std::string& id = "abc")
    {
        auto final = seen_by_agent(id);
        final.spec.filesVolume = final.spec.controlVolume = true;
        final.spec.sync.state = SyncState::complete;
        final.spec.sync.receipt = Receipt{"hash", 2, 20, h.clock.now(), true};
        report(final);
        ASSERT_TRUE(ws(id).status.sync.receipt);
        final.spec.filesVolume = final.spec.controlVolume = false;
        report(final);
    }

    Harness h;
    FakeProxy proxy;
    WorkspaceReconciler reconciler{h.store(), h.docker, h.observed, proxy, h.clock, settings()};
};

} // namespace berth
