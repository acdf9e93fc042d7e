#pragma once
// What the Swarm holds now, in memory: services, tasks, nodes and networks, kept up to date by relists.

#include "controller/base/async.hpp"
#include "docker/client.hpp"
#include "docker/events.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace berth::docker {

enum class ObjectType { Service, Task, Node, Network };
const char* to_string(ObjectType type) noexcept;

using ServicePtr = std::shared_ptr<const Service>;
using TaskPtr = std::shared_ptr<const Task>;
using NodePtr = std::shared_ptr<const Node>;
using NetworkPtr = std::shared_ptr<const Network>;

/// Something appeared, changed or is gone. Level-triggered: read the cache for what is true now.
struct ObservedChange {
    ObjectType type = ObjectType::Service;
    std::string id;
    std::string name;  ///< of a task: its service's, when that is known
    StringMap labels;  ///< of a task: its container's
    bool gone = false;
};

struct ObservedOptions {
    Duration relist_interval = std::chrono::seconds{30};
    Duration debounce = std::chrono::milliseconds{50};        ///< after a hint or poke()
    Duration close_interval = std::chrono::milliseconds{500}; ///< while watch_closely() is in force
    Duration confirm_interval = std::chrono::seconds{1};      ///< before a suspicious empty list is asked for again
    Duration retry_interval = std::chrono::seconds{1};        ///< after a failed relist
    EventStreamOptions events{.filters = {{"type", {"service", "node", "network"}}}};
};

/// Lives on the I/O thread. A relist is four calls whatever the number of objects. Objects are immutable and shared; an
/// unchanged one keeps its pointer. After a connect or a failed relist an empty list in the place of a filled one (or
/// at the very start) is believed only when a second one agrees; a list without nodes never is.
class Observed {
public:
    Observed(Executor executor, Clock& clock, Client& client, ObservedOptions options = {});

    /// Relists and follows the events until it is cancelled. Spawn it once.
    awaitable<> run();
    /// A relist that starts after this call, believed or not. Throws what the engine's calls throw.
    awaitable<> relist_now();
    /// Relist soon (after the debounce).
    void poke();
    /// Relist every close_interval for `duration` from now: something is expected that makes no event (task states).
    void watch_closely(Duration duration);

    /// True once a relist was believed.
    bool synced() const noexcept { return synced_; }
    /// When the last believed relist was asked for.
    Tick last_relist() const noexcept { return last_relist_; }
    bool connected() const noexcept { return events_.connected(); }

    std::vector<ServicePtr> services() const;
    ServicePtr service(const std::string& id) const;
    ServicePtr service_by_name(const std::string& name) const;
    /// In the order of names.
    std::vector<ServicePtr> services_with_label(const std::string& key, const std::string& value) const;
    std::vector<TaskPtr> tasks() const;
    TaskPtr task(const std::string& id) const;
    std::vector<TaskPtr> tasks_of_service(const std::string& service_id) const;
    std::vector<TaskPtr> tasks_of_node(const std::string& node_id) const;
    std::vector<NodePtr> nodes() const;
    NodePtr node(const std::string& id) const;
    std::vector<NetworkPtr> networks() const;
    NetworkPtr network_by_name(const std::string& name) const;

    /// Called on the I/O thread after the cache holds the new state, once per change. Register before run().
    void on_change(std::function<void(const ObservedChange&)> listener) { on_change_.push_back(std::move(listener)); }
    /// Called after each believed relist, after its changes.
    void on_relist(std::function<void()> listener) { on_relist_.push_back(std::move(listener)); }

private:
    template <class T>
    struct Table {
        std::map<std::string, std::shared_ptr<const T>> by_id;
        std::string text; ///< of the reply: the same one again is not read again
    };
    struct Listing;
    awaitable<> relist();
    awaitable<> read(Listing& listing);
    template <class T> awaitable<> read_list(std::string plural, const Table<T>& known, Table<T>& now);
    awaitable<> follow();
    awaitable<> relist_loop();
    awaitable<> wait_until_due();
    awaitable<> wait_for_poke();
    Tick due() const;
    bool believable(const Listing& listing);
    void apply(Listing listing);
    void index();

    Clock& clock_;
    Client& client_;
    ObservedOptions options_;
    EventStream events_;
    Signal poked_;
    Signal relisted_;

    Table<Service> services_;
    Table<Task> tasks_;
    Table<Node> nodes_;
    Table<Network> networks_;
    std::map<std::string, ServicePtr> service_by_name_;
    std::map<std::string, NetworkPtr> network_by_name_;
    std::unordered_map<std::string, std::vector<TaskPtr>> tasks_of_service_;
    std::unordered_map<std::string, std::vector<TaskPtr>> tasks_of_node_;
    std::unordered_map<std::string, std::vector<ServicePtr>> services_by_label_; // "key=value"

    std::vector<std::function<void(const ObservedChange&)>> on_change_;
    std::vector<std::function<void()>> on_relist_;

    bool synced_ = false;
    bool suspicious_ = true; // a connection is fresh or a relist failed: an empty list needs a second one
    std::optional<Tick> doubted_since_; // start of the first of the lists that were not believed
    std::string last_failure_;
    bool relisting_ = false;
    Tick next_{};            // the latest start of the next relist
    Tick close_until_{};
    Tick last_start_{};
    Tick last_relist_{};
};

} // namespace berth::docker
