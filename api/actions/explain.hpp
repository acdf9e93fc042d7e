#pragma once
// GET …/explain: what a workspace waits for, since when, what would help, and what was decided before.
// Everything is worked out from the stored object; nothing is asked of Docker or a node.

#include "api/actions/container_view.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"

#include <span>

namespace berth {

/// What stands between a workspace and what is wanted of it.
struct Blocker {
    std::string condition; ///< empty: none says it; it is known from the last decision
    std::string reason;
    std::string message;
    std::optional<Time> since;
    std::string waitsFor;
    std::string unblock;
    std::optional<Time> deadline; ///< then it is given up as failed
    static constexpr std::array docs{
        std::pair{
            "condition", "the condition that says so; empty when it is known from the last decision only"},
        std::pair{"waitsFor", "what has to happen"}, std::pair{"unblock", "what a person can do about it"},
        std::pair{"deadline", "when it is given up; missing: never"}};
};
BOOST_DESCRIBE_STRUCT(Blocker, (), (condition, reason, message, since, waitsFor, unblock, deadline))

struct Explanation {
    std::string id;
    Phase phase = Phase::pending;
    DesiredState wanted = DesiredState::running;
    bool asWanted = false;
    std::string summary;
    std::optional<Blocker> blocking;
    Conditions conditions;
    std::vector<Decision> decisions;
    std::vector<PhaseChange> history;
    std::vector<ProbeRecord> probes;
    std::int64_t generation = 0;
    std::int64_t observedGeneration = 0;
    static constexpr std::array docs{std::pair{"asWanted", "it is where it is wanted, and nothing is wrong"},
        std::pair{"summary", "one sentence for a person"},
        std::pair{"decisions", "the last 10, oldest first"},
        std::pair{"history", "the last 20 changes of phase"}, std::pair{"probes", "the last 10 rounds"},
        std::pair{
            "observedGeneration", "the generation that has been acted on; behind: a change is waiting"}};
};
BOOST_DESCRIBE_STRUCT(Explanation, (),
    (id, phase, wanted, asWanted, summary, blocking, conditions, decisions, history, probes, generation,
        observedGeneration))

/// What a reason means to people. The same for every workspace.
struct ReasonHelp {
    std::string_view reason;
    std::string_view waits_for;
    std::string_view unblock;
};
/// Null for one that is not in the table.
const ReasonHelp* reason_help(std::string_view reason);
std::span<const ReasonHelp> reason_table();

/// Pure. `start_timeout` as the reconciler has it.
Explanation explain(const Workspace& workspace, Duration start_timeout);

/// Owned by main, outlives the server; I/O thread.
class ExplainAction {
public:
    ExplainAction(const WorkspaceCache& workspaces, Duration start_timeout)
        : workspaces_(workspaces),
          start_timeout_(start_timeout)
    {}
    void mount(Router& router);

private:
    awaitable<Explanation> container(Call call);
    awaitable<Explanation> workspace(Call call);

    const WorkspaceCache& workspaces_;
    Duration start_timeout_;
};

} // namespace berth
