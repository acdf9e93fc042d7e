#pragma once
// A whole installation in one process: berthd and berth-node as they ship, between an engine, object storage
// and a disk that are simulated. Nothing here knows the real time.

#include "controller/berthd.hpp"
#include "node/node_agent.hpp"
#include "tests/fakes/fake_engine.hpp"
#include "tests/fakes/memory_bucket.hpp"
#include "tests/sim/effects.hpp"
#include "tests/sim/forgetful_env.hpp"
#include "tests/sim/links.hpp"
#include "tests/sim/pace.hpp"
#include "tests/sim/views.hpp"

#include <map>
#include <memory>
#include <set>

namespace berth::sim {

inline constexpr std::string_view kInstall = "sim";
/// A service and a volume of somebody else on the same engine.
inline constexpr const char* kForeignThing = "somebody-elses";
inline constexpr std::string_view kUserKey = "key-of-user-0123456789012345678901234567";
inline constexpr std::string_view kNodeKey = "key-of-node-0123456789012345678901234567";

/// A promise was broken. The message says which one, and what was seen.
struct Violation : std::runtime_error {
    Violation(const std::string& invariant, const std::string& seen)
        : std::runtime_error(invariant + ": " + seen)
    {}
};

/// What a run did, as a number that two runs of one seed share, and as text when it is asked for.
class Trace {
public:
    explicit Trace(bool print) : print_(print) {}
    void add(Tick at, const std::string& line);
    std::uint64_t hash() const noexcept { return hash_; }
    const std::vector<std::string>& lines() const noexcept { return lines_; }

private:
    bool print_;
    std::vector<std::string> lines_;
    std::uint64_t hash_ = 14695981039346656037ULL;
};

/// berthd in a program of its own.
class Controller {
public:
    explicit Controller(World& world);
    ~Controller();
    Program program;
    /// Null until the store is open.
    Berthd* berthd() const noexcept { return berthd_.get(); }
    Store* store() const noexcept { return store_.get(); }

private:
    struct Buckets;
    awaitable<> run();
    World& world_;
    Config config_;
    Metrics metrics_;
    DockerLink docker_;
    TraefikLink traefik_;
    std::unique_ptr<Buckets> buckets_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Berthd> berthd_;
};

/// berth-node in a program of its own.
class Agent {
public:
    explicit Agent(World& world);
    ~Agent();
    Program program;

private:
    struct Surroundings;
    World& world_;
    NodeConfig config_;
    DockerLink docker_;
    ApiLink api_;
    std::unique_ptr<Surroundings> surroundings_;
    std::unique_ptr<NodeAgent> agent_;
};

/// Owned by the run.
class World {
public:
    World(std::uint64_t its_seed, bool print);
    ~World();

    FakeClock& clock() noexcept { return scheduler.clock; }
    void note(const std::string& line) { trace.add(clock().tick(), line); }

    /// Ends the run after this step.
    void violated(const std::string& invariant, const std::string& seen)
    {
        if (!scheduler.failure) scheduler.failure = std::make_exception_ptr(Violation(invariant, seen));
    }

    // ---- berthd
    bool serving() const { return controller && controller->berthd(); }
    Executor controller_io() { return controller->program.io(); }
    /// What the server does with a request that it could read. Runs in berthd.
    awaitable<Reply> serve(HttpRequest request);
    void kill_controller();
    void start_controller();
    void kill_agent();
    void start_agent();

    /// I13: every call of a program to the outside is told here.
    void called(const std::string& what)
    {
        if (pace_.too_fast(what, clock().tick())) violated("I13 no-hot-loop", what + " again and again");
    }

    // ---- the engine
    /// Something may be different there: looked at after this step.
    void engine_touched() { touched_ = true; }
    /// A list has been answered: perhaps with what was true before, or with nothing.
    void look_back(const std::string& call, const std::string& what, HttpResponse& response);
    std::string volume_folder(const std::string& volume) const;
    /// Of a workspace, by its name.
    std::vector<docker::Container> containers_of(const std::string& workspace) const;

    MemoryBucket& bucket(const S3Source& source) { return buckets[source.bucket + "/" + source.prefix]; }

    const std::uint64_t seed;
    Scheduler scheduler;
    Trace trace;
    Faults faults;
    TemporaryFolder folder;
    Effects effects;
    Views views;
    Program outside{scheduler, "world"}; ///< users and the engine's own time
    FakeEngine engine;
    bool engine_up = true;
    ForgetfulEnv disk;
    std::map<std::string, MemoryBucket> buckets;
    std::unique_ptr<Controller> controller;
    std::unique_ptr<Agent> agent;
    Revision acknowledged = 0; ///< the highest that anybody was told of
    std::uint32_t pool_size = 0;
    /// Told of a volume that is about to go away with what is in it.
    std::function<void(const std::string& volume)> volume_goes = [](const std::string&) {};
    /// Told of each commit as it is announced, and of a store that is opened: of what had been announced, and where it is.
    std::function<void(const Change&)> committed = [](const Change&) {};
    std::function<void(Revision told, Revision at)> opened = [](Revision, Revision) {};
    std::function<void()> inspect = [] {}; ///< after each step that touched the engine

private:
    awaitable<> engine_time();
    void after_step();
    void commit(bool after);
    void kill_doomed();
    awaitable<> come_back(std::string victim);
    bool touched_ = false;
    Pace pace_;
    std::uint64_t commit_ = 0; ///< number of the effect
    std::set<std::string> volumes_; ///< that have a folder
};

} // namespace berth::sim
