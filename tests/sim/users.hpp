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
};

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
    Program& program() noexcept { return program_; }
    Dice& dice() noexcept { return dice_; }

    std::map<std::string, Promise> promises; ///< by workspace
    std::uint64_t calls = 0;
    std::uint64_t written = 0;

private:
    awaitable<> people(Tick end);
    awaitable<> accidents(Tick end);
    awaitable<> one_call();
    awaitable<> start_new();
    awaitable<> ask(std::string workspace, Promise::Want want);
    void write_file();
    void one_accident();
    std::string any_workspace(Dice& dice);

    awaitable<> for_a_while(Duration lasts, std::function<void()> end);

    World& world_;
    Program program_;
    Dice dice_; ///< for what people do
    Dice luck_; ///< for when something happens to the programs
    ApiLink api_{world_, program_, std::string(kUserKey)};
};

} // namespace berth::sim
