// What N workspaces cost while nothing happens: their services and tasks are in an engine in memory, on nodes with 50
// each, whose agents report every 30 s what berth-node would (its own rule decides what is news; an unchanged report is
// repeated every tenth time), and the store, the controllers and the reconciler are Berth's own. Usage: bench_idle WORKSPACES SECONDS. Prints one JSON line:
// {"workspaces","running","seconds","cpu_percent","docker_calls","store_writes"} over SECONDS after all are
// running.

#include "api/types/node.hpp"
#include "api/types/workspace_report.hpp"
#include "bench/bench_support.hpp"
#include "controller/runtime/manager.hpp"
#include "node/news.hpp"
#include "reconcilers/swarm_setup.hpp"
#include "reconcilers/workspace.hpp"
#include "tests/fakes/fake_engine.hpp"
#include "tests/fakes/harness.hpp"

#include <ctime>
#include <iostream>

namespace {

using namespace berth;

constexpr Duration kReportEvery = std::chrono::seconds{30};
constexpr std::int64_t kPerNode = 50;

/// Lists are answered from the text of the last different answer, so that the fake's own work stays out of
/// the figure once the Swarm rests.
class Recorded final : public Transport {
public:
    explicit Recorded(Transport& engine) : engine_(engine) {}
    awaitable<HttpResponse> send(HttpRequest request) override
    {
        ++calls;
        const auto known = answers_.find(request.target);
        if (resting && request.method == "GET" && known != answers_.end()) co_return known->second;
        const auto target = request.target;
        auto answer = co_await engine_.send(std::move(request));
        if (answer.status == 200) answers_[target] = answer;
        co_return answer;
    }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override
    {
        return engine_.stream(std::move(request));
    }
    std::string host() const override { return "recorded"; }

    std::size_t calls = 0;
    bool resting = false;

private:
    Transport& engine_;
    std::map<std::string, HttpResponse> answers_;
};

/// A reverse proxy that serves everything.
class Serving final : public Transport {
public:
    awaitable<HttpResponse> send(HttpRequest) override { co_return HttpResponse{200, {}, ""}; }
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest) override
    {
        throw Error{Errc::Internal, "nobody streams from it"};
        co_return nullptr;
    }
    std::string host() const override { return "serving"; }
};

/// `used`: the last sign of use.
WorkspaceReport make_report(const Workspace& workspace, const std::string& node, Time used, Time now)
{
    WorkspaceReport report;
    report.metadata.org = workspace.metadata.org;
    report.metadata.name = workspace.metadata.name;
    report.metadata.ownerReferences = {{"Workspace", workspace.metadata.name, workspace.metadata.uid}};
    auto& spec = report.spec;
    spec.workspaceUid = workspace.metadata.uid;
    spec.nodeId = node;
    spec.nodeName = node;
    spec.reportedAt = now;
    spec.container.state = ContainerState::running;
    spec.container.incarnation = workspace.status.incarnation;
    spec.container.address = "10.201.0.9";
    spec.filesVolume = spec.controlVolume = spec.restored = spec.controlReady = spec.isolated = true;
    spec.health.status = HealthState::healthy;
    spec.health.lastCheck = now;
    spec.health.checks = {true, true, false};
    spec.sync.state = SyncState::idle;
    spec.sync.lastSyncAt = now;
    spec.resourceUsage = ResourceUsage{0.01, 200 << 20, 5.0};
    spec.activity = {{ActivityKind::files, used, "src/main.py"}};
    spec.lastActivity = used;
    return report;
}

/// What the API does with reports, in one transaction.
template <class Report> awaitable<> send(Store& store, std::vector<Report> reports)
{
    auto write = [reports = std::move(reports)](Txn& txn) mutable {
        for (auto& report : reports) {
            if (txn.get<Report>(key_of(report)))
                txn.update(report);
            else
                txn.create(report);
        }
    };
    co_await store.transact(std::move(write));
}

double cpu_seconds()
{
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return double(used.tv_sec) + double(used.tv_nsec) * 1e-9;
}

/// Owns all parts; one per run.
struct Idle {
    Idle(Executor executor, std::unique_ptr<Store> opened) : io{executor}, store{std::move(opened)}
    {
        manager.add<Workspace>(reconciler);
        manager.add<WorkspaceReport>();
    }

    static WorkspaceSettings settings()
    {
        WorkspaceSettings settings;
        settings.install_id = "bench";
        settings.image = "berth/workspace:bench";
        return settings;
    }

    WorkspaceReport report_of(const Workspace& workspace) const
    {
        const auto& node = workspace.status.nodeId;
        return make_report(workspace, node.empty() ? engine.local_node() : node, used, clock.now());
    }
    /// All agents at once.
    awaitable<> report_all()
    {
        std::vector<WorkspaceReport> reports;
        for (const auto& workspace : store->list<Workspace>()) {
            reports.push_back(report_of(workspace));
            told[workspace.metadata.uid] = reports.back().spec;
        }
        co_await send(*store, std::move(reports));
    }
    /// One node after the other, each report with a write of its own. Of `round` on, a tenth repeats what is unchanged.
    awaitable<> report_all(Duration over, std::size_t round)
    {
        if (nodes.empty())
            for (auto& workspace : store->list<Workspace>()) nodes[workspace.status.nodeId].push_back(workspace);
        const auto start = clock.tick();
        std::int64_t done = 0;
        for (const auto& [node, workspaces] : nodes) {
            co_await report_node(node, workspaces, round);
            const auto next = start + over * ++done / std::ssize(nodes);
            if (next > clock.tick()) co_await clock.sleep(next - clock.tick());
        }
    }
    awaitable<> report_node(std::string node, const std::vector<Workspace>& workspaces, std::size_t round)
    {
        NodeReport own;
        own.metadata.org = "default";
        own.metadata.name = own.spec.nodeId = own.spec.hostname = node;
        for (std::size_t i = 0; i < workspaces.size(); ++i) {
            const auto& uid = workspaces[i].metadata.uid;
            auto report = report_of(workspaces[i]);
            if ((i + round) % kRepeatEvery == 0 || worth_telling(told[uid], report.spec)) {
                told[uid] = report.spec;
                std::vector<WorkspaceReport> one{std::move(report)};
                co_await send(*store, std::move(one));
            }
            own.spec.unchanged[uid] = *told[uid].reportedAt;
        }
        own.spec.reportedAt = clock.now();
        std::vector<NodeReport> one{std::move(own)};
        co_await send(*store, std::move(one));
    }

    std::int64_t running() const
    {
        const auto all = store->list<Workspace>();
        return std::count_if(all.begin(), all.end(),
            [](const Workspace& workspace) { return workspace.status.phase == Phase::running; });
    }

    Executor io;
    SystemClock clock;
    Time used = clock.now();
    std::map<std::string, WorkspaceReportSpec> told; ///< by the workspace's uid
    std::map<std::string, std::vector<Workspace>> nodes; ///< what each has, once all are running
    std::unique_ptr<Store> store;
    FakeEngine engine{io, clock, {.start_after = Duration{0}}};
    Recorded transport{engine};
    docker::Client client{transport, clock};
    docker::Observed observed{io, clock, client};
    Metrics metrics;
    Serving proxy;
    WorkspaceReconciler reconciler{*store, client, observed, proxy, clock, settings(), &metrics};
    Manager manager{*store, observed, clock, metrics, io};
};

awaitable<> bring_up(Idle& idle, std::int64_t count)
{
    for (std::int64_t i = 1; i < count / kPerNode; ++i) idle.engine.add_node("worker-" + std::to_string(i));
    auto create = [count](Txn& txn) {
        for (std::int64_t i = 0; i < count; ++i) {
            auto workspace = bench::make_workspace(i, Phase::pending);
            txn.create(workspace);
        }
    };
    co_await idle.store->transact(std::move(create));
    for (int attempt = 0; attempt < 120 && idle.running() < count; ++attempt) {
        idle.engine.advance_tasks();
        co_await idle.report_all();
        co_await idle.clock.sleep(std::chrono::seconds{1});
    }
    if (idle.running() < count) throw Error{Errc::Timeout, "not every workspace came to running"};
}

awaitable<> measure(Executor io, Executor db, std::int64_t count, std::int64_t seconds)
{
    TemporaryFolder folder;
    SystemClock clock;
    StoreOptions options{folder.path("store"), io, db, clock};
    Idle idle{io, co_await Store::open(std::move(options))};
    SwarmSettings swarm;
    swarm.install_id = "bench";
    co_await ensure_swarm(idle.client, std::move(swarm));
    TaskGroup tasks{io};
    tasks.spawn("manager", idle.manager.run());
    co_await bring_up(idle, count);
    co_await idle.report_all(std::chrono::seconds{5}, 0); // what follows a start settles
    co_await idle.observed.relist_now();

    idle.transport.resting = true;
    idle.transport.calls = 0;
    const auto revision = idle.store->revision();
    const auto cpu = cpu_seconds();
    const auto start = clock.tick();
    for (std::size_t round = 1; clock.tick() - start < std::chrono::seconds{seconds}; ++round)
        co_await idle.report_all(kReportEvery, round);
    const auto took = std::chrono::duration<double>(clock.tick() - start).count();
    std::cout << json::serialize(json::object{{"workspaces", count}, {"running", idle.running()},
                     {"seconds", took}, {"cpu_percent", 100 * (cpu_seconds() - cpu) / took},
                     {"docker_calls", idle.transport.calls},
                     {"store_writes", idle.store->revision() - revision}})
              << std::endl;
    idle.manager.stop();
    co_await tasks.join();
    co_await idle.store->close();
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 3) return 2;
    auto main = [&](Executor io, Executor db) {
        return measure(io, db, std::atoll(argv[1]), std::atoll(argv[2]));
    };
    return berth::bench::run(main);
}
