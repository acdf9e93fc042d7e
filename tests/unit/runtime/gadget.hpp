#pragma once
// A kind and a scripted reconciler for the tests of the runtime.

#include "api/types/workspace_report.hpp"
#include "tests/fakes/harness.hpp"

#include <deque>
#include <set>

namespace berth {

struct GadgetSpec {
    static constexpr KindInfo kind{"Gadget", "gadgets"};
    std::string wish;
    bool operator==(const GadgetSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(GadgetSpec, (), (wish))
struct GadgetStatus {
    std::int64_t observedGeneration = 0;
    Conditions conditions;
    std::string seen;
    bool operator==(const GadgetStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(GadgetStatus, (), (observedGeneration, conditions, seen))
using Gadget = Object<GadgetSpec, GadgetStatus>;

/// Belongs to gadgets.
struct PartSpec {
    static constexpr KindInfo kind{"Part", "parts"};
    std::string text;
    bool operator==(const PartSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(PartSpec, (), (text))
using Part = Object<PartSpec, RecordStatus>;

/// Does what the test says and records what was asked of it.
class GadgetReconciler {
public:
    explicit GadgetReconciler(Clock& clock) : clock_(clock) {}

    static void watch(Sources<Gadget>& on)
    {
        on.self();
        on.owned<Part>();
        on.same_name<WorkspaceReport>();
        on.all_of<Part>([](const Part& part) { return std::vector<Key>{{"default", part.spec.text}}; });
        on.docker(docker::ObjectType::Service);
    }
    awaitable<Action> reconcile(Gadget& gadget)
    {
        calls.push_back("reconcile " + gadget.metadata.name);
        overlap = !running.insert(gadget.metadata.name).second || overlap;
        most_running = std::max(most_running, running.size());
        const Leaving leaving{*this, gadget.metadata.name};
        if (blocked_on) {
            auto nothing = [] {};
            co_await offload(*blocked_on, std::move(nothing));
        }
        if (takes > Duration{0}) co_await clock_.sleep(takes);
        fail_as_told();
        gadget.status.seen = gadget.spec.wish;
        co_return action;
    }
    awaitable<Action> finalize(Gadget& gadget)
    {
        calls.push_back("finalize " + gadget.metadata.name);
        fail_as_told();
        if (finalize_rounds-- > 0) co_return Action::again(std::chrono::seconds{2});
        co_return Action::wait();
    }
    awaitable<Action> missing(Key key)
    {
        calls.push_back("missing " + key.name);
        co_return Action::wait();
    }
    std::size_t count(const std::string& call) const
    {
        return std::size_t(std::count(calls.begin(), calls.end(), call));
    }

    std::vector<std::string> calls;
    std::deque<std::exception_ptr> failures; ///< one per call, from the front
    Action action;
    Duration takes{0};
    int finalize_rounds = 0;
    std::optional<Executor> blocked_on; ///< work that can't be cancelled, on an executor that the test drives
    std::set<std::string> running;
    std::size_t most_running = 0;
    bool overlap = false;

private:
    struct Leaving {
        GadgetReconciler& owner;
        std::string name;
        ~Leaving() { owner.running.erase(name); }
    };
    void fail_as_told()
    {
        if (failures.empty()) return;
        const auto failure = failures.front();
        failures.pop_front();
        std::rethrow_exception(failure);
    }
    Clock& clock_;
};

inline Gadget a_gadget(const std::string& name, const std::string& wish = "w")
{
    Gadget gadget;
    gadget.metadata.org = "default";
    gadget.metadata.name = name;
    gadget.spec.wish = wish;
    return gadget;
}

} // namespace berth
