#pragma once
// Programs that use the API for themselves: some that make, change, read and delete a few shared objects at
// the same time, and some that watch and go on where they were after each break. What they are told is
// judged.

#include "tests/sim/history.hpp"
#include "tests/sim/secrets.hpp"
#include "tests/sim/world.hpp"

namespace berth::sim {

/// What was committed, as it was announced. Owned by Clients.
class CommitLog {
public:
    struct Line {
        Revision revision = 0;
        Op op = Op::Modified;
        Key key{};
    };
    void add(const Change& change);
    /// A store was opened at `at`, when `told` had been announced: what is between was on disk, but untold.
    void opened(Revision told, Revision at);
    /// The first of a kind behind a revision.
    const Line* next(const std::string& plural, Revision after) const;
    bool untold(Revision revision) const;

private:
    std::map<std::string, std::map<Revision, Line>> lines_; ///< by kind
    std::vector<std::pair<Revision, Revision>> untold_;
};

/// One watch of a kind, in all organisations. Owned by Clients.
class Watcher {
public:
    Watcher(
        World& world, Program& program, const CommitLog& log, const Canaries& canaries, std::string plural);
    awaitable<> run();
    /// Throws Violation when something was not told.
    void at_rest() const;

private:
    awaitable<> follow();
    /// False: the stream ends here.
    bool take(std::string_view block);
    void change(Revision revision, std::string_view event, const json::object& object);
    void bookmark(Revision revision, const json::object& object);
    void reject(const std::string& why);
    void note_object(std::string_view event, const json::object& object);

    World& world_;
    const CommitLog& log_;
    const Canaries& canaries_;
    std::string plural_;
    Dice dice_;
    ApiLink api_;
    std::optional<Revision> last_;             ///< that was told; unset: begin anew
    std::map<std::string, std::string> shown_; ///< "org/name" → resourceVersion
};

/// Owned by the run.
class Clients {
public:
    explicit Clients(World& world);
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;
    ~Clients();
    /// They write until `end`, and watch for ever.
    void begin(Tick end);
    /// Throws Violation.
    void at_rest();

private:
    awaitable<> use(int number, Tick end);
    awaitable<> one_call(std::string client);
    awaitable<> ask(std::string key, Operation operation, HttpRequest request);
    awaitable<> list(std::string client);
    Operation drawn(const std::string& client, const std::string& key);

    World& world_;
    Program program_;
    Dice dice_;
    ApiLink api_;
    History history_;
    CommitLog log_;
    Canaries canaries_;
    std::vector<std::unique_ptr<Watcher>> watchers_;
    std::map<std::string, std::string> versions_; ///< that somebody saw last, by key
    std::uint64_t written_ = 0;
};

} // namespace berth::sim
