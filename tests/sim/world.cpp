#include "tests/sim/world.hpp"

#include <filesystem>
#include <iostream>

namespace berth::sim {

namespace {

/// A run that goes on for more steps than this spins.
constexpr std::uint64_t kMostSteps = 20'000'000;

FakeEngineOptions engine_options(Scheduler& scheduler)
{
    FakeEngineOptions options;
    options.start_after = scheduler.between(Duration{50}, Duration{3'000});
    options.stop_after = scheduler.between(Duration{50}, Duration{8'000});
    return options;
}

} // namespace

void Trace::add(Tick at, const std::string& line)
{
    const auto text = std::to_string(at.time_since_epoch().count()) + " " + line;
    for (const unsigned char letter : text) hash_ = (hash_ ^ letter) * 1099511628211ULL;
    if (print_) std::cout << text << "\n";
    lines_.push_back(text);
}

World::World(std::uint64_t its_seed, bool print)
    : seed(its_seed),
      scheduler(seed),
      trace(print),
      faults(seed, scheduler.clock),
      engine(outside.io(), clock(), engine_options(scheduler))
{
    pool_size = std::uint32_t(scheduler.below(3));
    scheduler.after_step = [this] { after_step(); };
    disk.on_commit = [this](bool after) { commit(after); };
    outside.spawn(engine_time());
}

World::~World()
{
    kill_agent();
    kill_controller();
    outside.kill();
}

/// What is due in the engine happens also when nobody asks.
awaitable<> World::engine_time()
{
    while (true) {
        co_await clock().sleep(Duration{100});
        engine.advance_tasks();
        engine_touched();
    }
}

std::string World::volume_folder(const std::string& volume) const
{
    return folder / ("volumes/" + volume + "/_data");
}

std::vector<docker::Container> World::containers_of(const std::string& workspace) const
{
    auto found = engine.containers();
    std::erase_if(found, [&](const docker::Container& one) {
        const auto name = one.Config.Labels.find(std::string(kNameLabel));
        return name == one.Config.Labels.end() || name->second != workspace;
    });
    return found;
}

/// The engine's volumes are folders, made and removed with them.
void World::after_step()
{
    if (scheduler.steps > kMostSteps) violated("I13 no-hot-loop", "the run does not come to rest");
    kill_doomed();
    if (!std::exchange(touched_, false)) return;
    const auto& present = engine.volumes();
    for (const auto& [name, volume] : present)
        if (volumes_.insert(name).second) std::filesystem::create_directories(volume_folder(name));
    for (auto it = volumes_.begin(); it != volumes_.end();) {
        if (present.contains(*it)) {
            ++it;
            continue;
        }
        volume_goes(*it);
        std::filesystem::remove_all(folder / ("volumes/" + *it));
        it = volumes_.erase(it);
    }
    inspect();
}

awaitable<Reply> World::serve(HttpRequest request)
{
    auto& berthd = *controller->berthd();
    const auto mark = request.target.find('?');
    const auto path = request.target.substr(0, mark);
    std::optional<Reply> refusal;
    try {
        const auto match = berthd.router().find(request.method, path);
        if (!match || !match->route) throw Error{Errc::NotFound, "there is nothing at this path"};
        const auto& route = *match->route;
        Call call;
        const auto who = berthd.authenticator().authenticate(request.headers.get("Authorization"));
        if (!who) throw HttpError{401, "AUTHENTICATION_FAILED", "authentication failed"};
        call.principal = *who;
        if (!route.allows(call.principal)) throw Error{Errc::Denied, "this key may not do that"};
        Router::read_query(route, mark == std::string::npos ? "" : request.target.substr(mark + 1), call);
        for (std::size_t i = 0; i < match->values.size(); ++i)
            call.path_params[route.param_names.at(i)] = match->values[i];
        call.method = request.method;
        call.path = path;
        call.body = std::move(request.body);
        for (const auto& [name, value] : request.headers) call.headers.set(name, value);
        co_return co_await route.handler(std::move(call));
    } catch (const Error& error) {
        refusal = error_reply(error, clock().now(), path);
    }
    co_return std::move(*refusal);
}

/// Whether a bucket is fit: always, unless object storage has trouble at this moment.
struct Controller::Buckets final : BucketCheck {
    explicit Buckets(World& its_world) : world(its_world) {}
    awaitable<BucketFacts> check(S3Source) override
    {
        co_await world.clock().sleep(world.faults.latency());
        if (world.faults.strikes("s3", "the check of a bucket fails"))
            throw Error{Errc::Unavailable, "the server does not answer"}.as("S3_UNAVAILABLE");
        co_return BucketFacts{true};
    }
    World& world;
};

Controller::Controller(World& world)
    : program(world.scheduler, "berthd"),
      world_(world),
      metrics_("sim"),
      docker_(world, program),
      traefik_(world),
      buckets_(std::make_unique<Buckets>(world))
{
    config_.install_id = kInstall;
    config_.data_dir = "/store";
    config_.pre_warmed_queue_size = world.pool_size;
    config_.s3_endpoint = "http://s3.sim";
    config_.s3_access_key = "install";
    config_.s3_secret_key = Secret{"install-secret"};
    config_.inactivity_mode = IdleMode::off;
    program.spawn(run());
}

Controller::~Controller()
{
    world_.disk.crash();
    program.kill();
    berthd_.reset();
    store_.reset();
    world_.disk.recover(world_.scheduler.random);
}

awaitable<> Controller::run()
{
    StoreOptions options{config_.data_dir, program.io(), program.db(), world_.clock()};
    options.env = &world_.disk;
    options.metrics = &metrics_;
    store_ = co_await Store::open(std::move(options));
    world_.note("the store is open at revision " + std::to_string(store_->revision()));
    if (store_->revision() < world_.acknowledged)
        world_.violated("I1 acknowledged-writes-stay", "revision " + std::to_string(store_->revision()) +
                                                           " after a restart, but " +
                                                           std::to_string(world_.acknowledged) + " was told");
    store_->on_commit([this](const Change& change) {
        if (change.revision != world_.acknowledged + 1)
            world_.violated("I2 revisions-are-dense",
                std::to_string(change.revision) + " after " + std::to_string(world_.acknowledged));
        world_.acknowledged = change.revision;
        world_.committed(change);
    });
    world_.opened(world_.acknowledged, store_->revision());
    world_.acknowledged = store_->revision();
    const auto install = co_await prepare_store(*store_, config_);
    auto keys =
        parse_api_keys("user:admin:" + std::string(kUserKey) + ",node:node:" + std::string(kNodeKey), "sim");
    berthd_ = std::make_unique<Berthd>(Ports{program.io(), world_.clock(), docker_, traefik_, *buckets_},
        config_, std::move(keys), metrics_, *store_, install);
    co_await berthd_->converge();
}

namespace {

/// Object storage with latency and faults in front of a bucket in memory.
class SimStore final : public ObjectStore {
public:
    SimStore(World& world, S3Source source)
        : world_(world),
          bucket_(world.bucket(source)),
          store_(bucket_, world.clock())
    {}
    awaitable<Listing> list() override { return around("LIST", store_.list()); }
    awaitable<RemoteFiles> head(Paths paths) override
    {
        return around("HEAD", store_.head(std::move(paths)));
    }
    awaitable<ItemResults> put(std::vector<PutItem> items) override
    {
        ItemResults results;
        for (auto& item : items) {
            std::vector<PutItem> one{item};
            results.push_back(co_await alone("PUT " + item.path, store_.put(std::move(one))));
        }
        co_return results;
    }
    awaitable<ItemResults> get(std::vector<GetItem> items) override
    {
        return around("GET", store_.get(std::move(items)));
    }
    awaitable<ItemResults> copy(std::vector<CopyItem> items) override
    {
        ItemResults results;
        for (auto& item : items) {
            std::vector<CopyItem> one{item};
            results.push_back(co_await alone("COPY " + item.to, store_.copy(std::move(one))));
        }
        co_return results;
    }
    awaitable<ItemResults> remove(std::vector<RemoveItem> items) override
    {
        ItemResults results;
        for (auto& item : items) {
            std::vector<RemoveItem> one{item};
            results.push_back(co_await alone("DELETE " + item.path, store_.remove(std::move(one))));
        }
        co_return results;
    }
    awaitable<std::vector<TrashedFile>> list_trash() override
    {
        return around("LIST trash", store_.list_trash());
    }
    awaitable<> empty_trash(std::string) override { co_return; }
    awaitable<bool> conditional() override { return store_.conditional(); }
    std::int64_t requests() const override { return store_.requests(); }

private:
    /// A write of one object: what fails is its result.
    awaitable<ItemResult> alone(std::string what, awaitable<ItemResults> work)
    {
        const auto effect = co_await world_.effects.before("node", "s3 " + what);
        ItemResult result;
        try {
            const auto results = co_await around(what, std::move(work));
            result = results.at(0);
        } catch (const Error& error) {
            result.failure = error;
        }
        co_await world_.effects.after("node", effect);
        co_return result;
    }
    template <class T> awaitable<T> around(std::string what, awaitable<T> work)
    {
        const auto fault = world_.faults.draw("s3");
        world_.called("s3 " + what);
        co_await world_.clock().sleep(world_.faults.latency());
        if (fault == CallFault::Refused || fault == CallFault::ErrorBefore || fault == CallFault::Hang)
            fail(what);
        auto result = co_await std::move(work);
        world_.note("s3 " + what);
        if (fault != CallFault::None) fail(what);
        co_await world_.clock().sleep(world_.faults.latency());
        co_return result;
    }
    [[noreturn]] void fail(const std::string& what)
    {
        world_.note("s3 " + what + " fails");
        throw Error{Errc::Internal, "S3Unreachable: simulated"};
    }
    World& world_;
    MemoryBucket& bucket_;
    MemoryStore store_;
};

/// Every container that runs is behind its filter.
class SimWalls final : public Walls {
public:
    void start(TaskGroup&) override {}
    void update(const EdgeNetwork&) override {}
    void look() override {}
    void seen(const docker::Event&) override {}
    IsolationState of(const ContainerReport& container) const override
    {
        return {container.state == ContainerState::running, ""};
    }
    const std::vector<std::string>& addresses() const override { return none_; }

private:
    std::vector<std::string> none_;
};

} // namespace

struct Agent::Surroundings final : NodeWorld {
    explicit Surroundings(World& its_world) : world(its_world) {}
    void start(TaskGroup&) override {}
    std::unique_ptr<Walls> build_walls(docker::Client&, Inventory&) override
    {
        return std::make_unique<SimWalls>();
    }
    std::unique_ptr<ObjectStore> open_store(S3Source source) override
    {
        return std::make_unique<SimStore>(world, std::move(source));
    }
    awaitable<HealthChecks> probe(std::string netns, Duration) override
    {
        co_await world.clock().sleep(world.faults.latency());
        const auto sandbox = "/var/run/docker/netns/" + std::filesystem::path(netns).filename().string();
        bool up = false;
        for (const auto& one : world.engine.containers())
            up = up || (one.State.Running && one.NetworkSettings.SandboxKey == sandbox);
        if (world.faults.strikes("node", "a probe misses")) up = false;
        co_return HealthChecks{.codeServer = up, .vnc = up, .webServer = up};
    }
    awaitable<> open_editor(std::string, Duration) override { co_return; }
    awaitable<docker::ContainerStats> container_use(std::int64_t, std::string) override
    {
        throw Error{Errc::NotFound, "there are no cgroups to look at"};
        co_return docker::ContainerStats{};
    }
    MachineUsage measure() override
    {
        return {.cpuCores = 8,
            .cpuUsed = 1,
            .memoryTotal = 256LL << 30,
            .memoryUsed = 16LL << 30,
            .diskTotal = 1LL << 40,
            .diskUsed = 1LL << 30,
            .containersRunning = 0,
            .containersTotal = 0};
    }
    /// Without watches each round walks the folder: what it finds does not hang on the kernel's timing.
    void watch_folder(int, const std::shared_ptr<FolderActivity>& activity) override
    {
        activity->blind = true;
    }
    World& world;
};

Agent::Agent(World& world)
    : program(world.scheduler, "node"),
      world_(world),
      docker_(world, program),
      api_(world, program, std::string(kNodeKey)),
      surroundings_(std::make_unique<Surroundings>(world))
{
    config_.install_id = kInstall;
    config_.data_dir = world.folder / "agent";
    config_.volumes_dir = world.folder / "volumes";
    config_.netns_dir = world.folder / "netns";
    config_.proc_dir = world.folder / "proc";
    config_.inactivity_mode = IdleMode::off;
    config_.s3_endpoint = "http://s3.sim";
    config_.s3_access_key = "install";
    config_.s3_secret_key = Secret{"install-secret"};
    std::filesystem::create_directories(config_.data_dir + "/ws");
    agent_ = std::make_unique<NodeAgent>(
        program.io(), program.work(), world.clock(), config_, NodePorts{docker_, api_, *surroundings_});
    program.spawn(agent_->run());
}

Agent::~Agent()
{
    program.kill();
    agent_.reset();
}

} // namespace berth::sim
