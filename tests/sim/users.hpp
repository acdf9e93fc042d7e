#pragma once
// What people and bad luck do in a run: a random stream of API calls, files written in workspaces, and
// accidents in the engine. Remembers what was promised to whom.

#include "tests/sim/world.hpp"

namespace berth::sim {

struct Promise {
    enum class Want { Running, Stopped, Deleted, Unknown };
    Want want = Want::Unknown; ///< Unknown: the last call had no answer
    std::string prefix;
    /// Files as they were last written while its container ran.
    std::map<std::string, std::string> files{};
    std::int64_t edits = 0; ///< of its settings, that were acknowledged
};

/// How many edits have reached the object.
std::int64_t edits_in(const Workspace& workspace);

/// Owned by the run.
class Users {
public:
    explicit Users(World& world)
        : world_(world),
          program_(world.scheduler, "user"),
          dice_(world.seed, "people"),
          luck_(world.seed, "accidents")
    {}
    /// Until `end`.
    void begin(Tick end);
    /// Asks until berthd says yes; used when all faults are over.
    awaitable<> insist(std::string workspace, Promise::Want want);
    /// Asks until a workspace is promised; the same number is the same call.
    awaitable<> start_new(std::uint64_t number);
    /// Somebody works in a workspace, if it runs.
    void write_file(const std::string& workspace);
    ApiLink& api() noexcept { return api_; }
    Program& program() noexcept { return program_; }
    Dice& dice() noexcept { return dice_; }

    std::map<std::string, Promise> promises; ///< by workspace
    std::uint64_t calls = 0;
    std::uint64_t written = 0;

private:
    awaitable<> people(Tick end);
    awaitable<> accidents(Tick end);
    awaitable<> one_call();
    // users_together.cpp
    void start_together();
    void edit_together(const std::string& workspace);
    awaitable<> edit(std::string workspace);
    awaitable<> change_by_hand(std::string workspace);
    awaitable<> ask(std::string workspace, Promise::Want want);
    void one_accident();
    std::string any_workspace(Dice& dice);

    awaitable<> for_a_while(Duration lasts, std::function<void()> end);

    World& world_;
    Program program_;
    Dice dice_; ///< for what people do
    Dice luck_; ///< for when something happens to the programs
    ApiLink api_{world_, program_, std::string(kUserKey)};
    docker::Client by_hand_{world_.engine, world_.clock()};
};

} // namespace berth::sim
