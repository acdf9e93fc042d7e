#pragma once
// A Docker engine in memory, behind docker::Client: one Swarm manager that speaks the Engine API's HTTP messages.
// tests/contract/docker runs the same suite against it and against a real engine, so that it can't drift.

#include "controller/base/http_client.hpp"
#include "docker/model.hpp"

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace berth {

struct FakeEngineOptions {
    std::string api_version = "1.41";
    /// A task runs this long after its creation; unset: when the test calls run_tasks(). Due changes happen at the
    /// next call to the engine or at advance_tasks().
    std::optional<Duration> start_after{};
    /// A stopped task's container is gone this long after the stop; unset: when the test calls finish_stops().
    std::optional<Duration> stop_after = Duration{0};
    bool manager = true; ///< false: Swarm calls answer 503, as on an engine that is no manager
};

/// What goes wrong with a call.
struct Fault {
    enum class Kind {
        Refuse,      ///< nothing is done; the client sees Unavailable
        StatusBefore,///< nothing is done; answers `status`
        StatusAfter, ///< done; answers `status` all the same
        LostReply,   ///< done; the client sees Timeout at once
        Hang,        ///< nothing is done; the client's deadline passes
        HangAfter,   ///< done; the client's deadline passes
        EmptyList,   ///< answers []
        StaleList,   ///< answers what the same call answered the last time before
    };
    Kind kind = Kind::Refuse;
    std::string call{}; ///< how "METHOD /path" starts, without version: "POST /services/create", "GET /tasks", "" = all
    int times = 1;     ///< this many calls; -1: until clear_faults()
    unsigned status = 500;
    int skip = 0;      ///< this many matching calls pass before
};

/// Owned by the test, on the I/O thread. References into its state are valid until the next call.
class FakeEngine final : public Transport {
public:
    FakeEngine(Executor executor, Clock& clock, FakeEngineOptions options = {});
    ~FakeEngine() override;

    awaitable<HttpResponse> send(HttpRequest request) override;
    awaitable<std::unique_ptr<BodyStream>> stream(HttpRequest request) override;
    std::string host() const override { return "fake"; }

    // ---- what is there
    std::vector<docker::Service> services() const;
    const docker::Service* service(const std::string& name_or_id) const;
    std::vector<docker::Task> tasks(const std::string& service_name = "") const;
    std::vector<docker::Container> containers() const; ///< of the local node
    const docker::Container* container_of(const std::string& service_name) const;
    const std::map<std::string, docker::Volume>& volumes() const noexcept { return volumes_; }
    const std::map<std::string, docker::Node>& nodes() const noexcept { return nodes_; }
    const std::string& local_node() const noexcept { return local_node_; }

    // ---- what happens in the Swarm
    /// Every task that has a node and an image runs now; with a name only that service's.
    void run_tasks(const std::string& service_name = "");
    /// What start_after and stop_after say is due.
    void advance_tasks();
    /// Containers that were told to stop are gone now, and so are their tasks when the service is.
    void finish_stops();
    /// The containers end by themselves. Exit code 0 = complete, else failed. Restart condition "none" = it stays so.
    void kill_tasks(const std::string& service_name = "", std::int64_t exit_code = 137);
    void set_task_state(const std::string& task_id, const std::string& state, const std::string& error = "");
    std::string add_node(const std::string& hostname); ///< the id
    void set_node_state(const std::string& node_id, const std::string& state);
    void remove_node(const std::string& node_id);
    /// Somebody removes the service behind Berth's back.
    void remove_service_by_hand(const std::string& name);
    /// Tasks that use this image are rejected ("No such image").
    void remove_image(const std::string& reference) { missing_images_.push_back(reference); }
    void add_image(const std::string& reference) { std::erase(missing_images_, reference); }
    void set_health(const std::string& container_id, const std::string& status);
    void set_logs(const std::string& container_id, std::vector<std::pair<int, std::string>> chunks); ///< 1 out, 2 err
    /// All containers are gone, as after a restart of the engine; their tasks have failed.
    void restart();

    // ---- events
    /// Events of local or swarm scope, as `docker events` shows them.
    void emit(docker::Event event);
    void drop_events(bool on) { drop_events_ = on; }  ///< remembered, but not delivered
    void lose_events(bool on) { lose_events_ = on; }  ///< neither remembered nor delivered
    void cut_events();                                ///< breaks all event streams
    void mute_events(bool on) { muted_ = on; }        ///< open streams stay open and say nothing
    std::size_t event_streams() const;

    // ---- faults and calls
    void inject(Fault fault) { faults_.push_back(std::move(fault)); }
    void clear_faults() { faults_.clear(); }
    std::size_t calls(const std::string& start = "") const; ///< how many "METHOD /path" started so
    const std::vector<std::string>& call_log() const noexcept { return calls_; }
    void forget_calls() { calls_.clear(); }

    struct Arguments; // one request, taken apart
    class Stream;

private:
    struct Route;
    struct Refusal;
    struct Pending {
        Tick at;
        std::string task;
    };
    using Handler = json::value (FakeEngine::*)(const Arguments&);
    static const std::vector<Route>& routes();

    HttpResponse answer(const HttpRequest& request);
    std::optional<Fault> take_fault(const std::string& call);
    awaitable<HttpResponse> fail(Fault fault, HttpRequest request);
    HttpResponse ping() const;
    std::unique_ptr<BodyStream> whole_body(const HttpResponse& reply);

    // fake_engine_swarm.cpp
    json::value info(const Arguments&);
    json::value version(const Arguments&);
    json::value swarm(const Arguments&);
    json::value list_services(const Arguments&);
    json::value inspect_service(const Arguments&);
    json::value create_service(const Arguments&);
    json::value update_service(const Arguments&);
    json::value remove_service(const Arguments&);
    json::value list_tasks(const Arguments&);
    json::value list_nodes(const Arguments&);
    json::value inspect_node(const Arguments&);
    json::value update_node(const Arguments&);
    json::value list_networks(const Arguments&);
    json::value inspect_network(const Arguments&);
    json::value create_network(const Arguments&);
    json::value delete_network(const Arguments&);
    json::value list_secrets(const Arguments&);
    json::value create_secret(const Arguments&);
    json::value delete_secret(const Arguments&);
    // fake_engine_node.cpp
    json::value list_containers(const Arguments&);
    json::value inspect_container(const Arguments&);
    json::value create_container(const Arguments&);
    json::value start_container(const Arguments&);
    json::value stop_container(const Arguments&);
    json::value delete_container(const Arguments&);
    json::value wait_container(const Arguments&);
    json::value container_stats(const Arguments&);
    json::value list_volumes(const Arguments&);
    json::value inspect_volume(const Arguments&);
    json::value create_volume(const Arguments&);
    json::value delete_volume(const Arguments&);
    json::value list_images(const Arguments&);
    json::value inspect_image(const Arguments&);
    // fake_engine_tasks.cpp
    void require_manager() const;
    void spread(const docker::Service& service);
    void create_task(const docker::Service& service, std::int64_t slot, const std::string& node);
    std::string choose_node(const docker::TaskSpec& spec) const;
    void run_task(docker::Task& task);
    void shut_down_task(docker::Task& task, const std::string& desired);
    void end_task(const std::string& task_id);
    void end_container(const std::string& task_id, std::int64_t exit_code);
    docker::Container make_container(const docker::Task& task);
    void touch(docker::ObjectVersion& version, std::string& updated_at);
    std::string new_id();
    std::string now_text() const;
    docker::Service* find_service(const std::string& name_or_id);
    docker::Network* find_network(const std::string& name_or_id);
    docker::Container& need_container(const std::string& name_or_id);
    void container_event(const std::string& action, const docker::Container& container);
    std::unique_ptr<BodyStream> open_events(const Arguments& arguments);
    std::unique_ptr<BodyStream> open_logs(const Arguments& arguments);

    Executor executor_;
    Clock& clock_;
    FakeEngineOptions options_;
    std::uint64_t index_ = 10;
    std::uint64_t last_id_ = 0;
    std::string local_node_;

    std::map<std::string, docker::Service> services_; // by id, as all of these but volumes and secrets
    std::map<std::string, docker::Task> tasks_;
    std::map<std::string, docker::Node> nodes_;
    std::map<std::string, docker::Network> networks_;
    std::map<std::string, docker::SecretInfo> secrets_;
    std::map<std::string, docker::Container> containers_;
    std::map<std::string, docker::Volume> volumes_; // by name
    std::map<std::string, std::string> container_of_task_;
    std::map<std::string, std::vector<std::pair<int, std::string>>> logs_;
    std::map<std::string, int> next_address_; // by network
    std::vector<Pending> starts_, stops_;
    std::vector<std::string> missing_images_;

    std::deque<docker::Event> remembered_; // the engine keeps 256
    std::list<Stream*> streams_;
    bool drop_events_ = false, lose_events_ = false, muted_ = false;
    std::int64_t last_event_ = 0;

    std::vector<Fault> faults_;
    std::vector<std::string> calls_;
    std::map<std::string, HttpResponse> last_lists_; // by call with query
};

} // namespace berth
