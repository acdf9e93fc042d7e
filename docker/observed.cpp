#include "docker/observed.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"

#include <boost/asio/this_coro.hpp>

namespace berth::docker {

/// The four lists of one relist.
struct Observed::Listing {
    Tick started;
    Table<Service> services;
    Table<Task> tasks;
    Table<Node> nodes;
    Table<Network> networks;
};

const char* to_string(ObjectType type) noexcept
{
    switch (type) {
    case ObjectType::Service: return "service";
    case ObjectType::Task: return "task";
    case ObjectType::Node: return "node";
    case ObjectType::Network: return "network";
    }
    return "unknown";
}

namespace {

const std::string& id_of(const Service& service) { return service.ID; }
const std::string& id_of(const Task& task) { return task.ID; }
const std::string& id_of(const Node& node) { return node.ID; }
const std::string& id_of(const Network& network) { return network.Id; }

std::string_view text_member(const json::object& object, std::string_view name)
{
    const auto* member = object.if_contains(name);
    return member && member->is_string() ? std::string_view(member->get_string()) : std::string_view{};
}

std::optional<std::uint64_t> version_member(const json::object& object)
{
    const auto* version = object.if_contains("Version");
    const auto* index = version && version->is_object() ? version->get_object().if_contains("Index") : nullptr;
    if (!index) return std::nullopt;
    if (index->is_int64()) return static_cast<std::uint64_t>(index->get_int64());
    return index->is_uint64() ? std::optional{index->get_uint64()} : std::nullopt;
}

/// The known object when the listed one is the same, else nothing. A version tells that without decoding.
template <class T>
std::shared_ptr<const T> unchanged(const std::shared_ptr<const T>& known, const json::object& listed)
{
    if constexpr (requires { known->Version.Index; }) {
        if (known && version_member(listed) == known->Version.Index) return known;
    }
    return nullptr;
}

template <class T>
std::shared_ptr<const T> lookup(const std::map<std::string, std::shared_ptr<const T>>& objects, const std::string& key)
{
    const auto found = objects.find(key);
    return found == objects.end() ? nullptr : found->second;
}

template <class T>
std::vector<std::shared_ptr<const T>> lookup(
    const std::unordered_map<std::string, std::vector<std::shared_ptr<const T>>>& objects, const std::string& key)
{
    const auto found = objects.find(key);
    return found == objects.end() ? std::vector<std::shared_ptr<const T>>{} : found->second;
}

template <class T>
std::vector<std::shared_ptr<const T>> all(const std::map<std::string, std::shared_ptr<const T>>& objects)
{
    std::vector<std::shared_ptr<const T>> list;
    list.reserve(objects.size());
    for (const auto& [id, object] : objects) list.push_back(object);
    return list;
}

/// Decodes what is new or different. One object that can't be read is reported and left out; the others count.
template <class T>
std::map<std::string, std::shared_ptr<const T>> decode_list(
    const json::array& listed, const std::map<std::string, std::shared_ptr<const T>>& known)
{
    std::map<std::string, std::shared_ptr<const T>> objects;
    for (const auto& item : listed) {
        if (!item.is_object()) continue;
        const auto& object = item.get_object();
        std::string id{text_member(object, "ID")};
        if (id.empty()) id = text_member(object, "Id");
        auto before = lookup(known, id);
        auto same = unchanged(before, object);
        try {
            if (!same) same = std::make_shared<const T>(decode<T>(item, Unknown::Ignore));
        } catch (const Error& error) {
            log::error("docker listed an object that can't be read", {{"id", id}, {"error", error.what()}});
            same = before; // better an old state than none
        }
        if (!same) continue;
        if (before && before != same && *before == *same) same = before;
        objects.emplace(id_of(*same), std::move(same));
    }
    return objects;
}

struct Subject {
    std::string name;
    StringMap labels;
};

template <class T, class Describe>
void compare(ObjectType type, const std::map<std::string, std::shared_ptr<const T>>& before,
    const std::map<std::string, std::shared_ptr<const T>>& after, Describe describe, std::vector<ObservedChange>& changes)
{
    auto add = [&](const T& object, bool gone) {
        Subject subject = describe(object);
        changes.push_back({type, id_of(object), std::move(subject.name), std::move(subject.labels), gone});
    };
    for (const auto& [id, object] : after)
        if (lookup(before, id) != object) add(*object, false);
    for (const auto& [id, object] : before)
        if (!after.contains(id)) add(*object, true);
}

} // namespace

Observed::Observed(Executor executor, Clock& clock, Client& client, ObservedOptions options)
    : clock_(clock), client_(client), options_(std::move(options)), events_(executor, clock, client, options_.events),
      poked_(executor), relisted_(executor), next_(clock.tick())
{
}

awaitable<> Observed::run()
{
    auto executor = co_await asio::this_coro::executor;
    auto [order, stream_failure, follow_failure, loop_failure] =
        co_await asio::experimental::make_parallel_group(asio::co_spawn(executor, events_.run(), asio::deferred),
            asio::co_spawn(executor, follow(), asio::deferred),
            asio::co_spawn(executor, relist_loop(), asio::deferred))
            .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    co_await berth::detail::throw_if_cancelled();
    const std::exception_ptr failures[] = {stream_failure, follow_failure, loop_failure};
    if (failures[order[0]]) std::rethrow_exception(failures[order[0]]);
}

/// Turns hints into relists.
awaitable<> Observed::follow()
{
    for (;;) {
        const auto hint = co_await events_.next();
        if (hint.resync) suspicious_ = true;
        poke();
    }
}

void Observed::poke()
{
    // The first of a burst sets the time, so that a steady stream of events can't put the relist off for ever.
    next_ = std::min(next_, clock_.tick() + options_.debounce);
    poked_.notify_all();
}

void Observed::watch_closely(Duration duration)
{
    close_until_ = std::max(close_until_, clock_.tick() + duration);
    poked_.notify_all();
}

Tick Observed::due() const
{
    const auto close = last_start_ + options_.close_interval;
    return close <= close_until_ ? std::min(next_, close) : next_;
}

/// Returns early when the time was moved to an earlier one.
awaitable<> Observed::wait_for_poke()
{
    const auto planned = due();
    while (due() >= planned) co_await poked_.wait();
}

awaitable<> Observed::wait_until_due()
{
    while (clock_.tick() < due()) {
        auto executor = co_await asio::this_coro::executor;
        auto [order, poke_failure, sleep_failure] =
            co_await asio::experimental::make_parallel_group(asio::co_spawn(executor, wait_for_poke(), asio::deferred),
                asio::co_spawn(executor, clock_.sleep_until(due()), asio::deferred))
                .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
        co_await berth::detail::throw_if_cancelled();
    }
}

awaitable<> Observed::relist_loop()
{
    for (;;) {
        co_await wait_until_due();
        try {
            co_await relist();
            last_failure_.clear();
        } catch (const Error& error) {
            if (last_failure_ != error.what()) log::warning("docker relist failed", {{"error", error.what()}});
            last_failure_ = error.what(); // said once, not every second
        }
    }
}

awaitable<> Observed::relist_now()
{
    while (relisting_) co_await relisted_.wait(); // that one may have read before our caller's change
    co_await relist();
}

/// Keeps relists apart, plans the next one, and remembers a failure as a reason for doubt.
awaitable<> Observed::relist()
{
    while (relisting_) co_await relisted_.wait();
    struct Running {
        Observed& self;
        explicit Running(Observed& observed) : self(observed) { self.relisting_ = true; }
        ~Running()
        {
            self.relisting_ = false;
            self.relisted_.notify_all();
            self.poked_.notify_all(); // the time of the next one has changed
        }
    } running{*this};

    Listing listing{clock_.tick(), {}, {}, {}, {}};
    last_start_ = listing.started;
    // A poke meanwhile makes it earlier.
    next_ = planted("observed.listens-only") ? Tick::max() : listing.started + options_.relist_interval;
    try {
        co_await read(listing);
    } catch (...) {
        suspicious_ = true;
        next_ = std::min(next_, listing.started + options_.retry_interval);
        throw;
    }
    if (believable(listing)) apply(std::move(listing));
    else next_ = std::min(next_, listing.started + options_.confirm_interval);
}

/// A Swarm at rest answers with the same text each time, and that of a thousand services is megabytes.
template <class T> awaitable<> Observed::read_list(std::string plural, const Table<T>& known, Table<T>& now)
{
    now.text = co_await client_.list_text(plural);
    const bool same = synced_ && now.text == known.text;
    now.by_id = same ? known.by_id : decode_list(Client::parse_list(plural, now.text), known.by_id);
}

awaitable<> Observed::read(Listing& listing)
{
    co_await read_list("services", services_, listing.services);
    co_await read_list("tasks", tasks_, listing.tasks);
    co_await read_list("nodes", nodes_, listing.nodes);
    co_await read_list("networks", networks_, listing.networks);
}

bool Observed::believable(const Listing& listing)
{
    auto ready = [](const auto& item) { return item.second->Status.State == "ready"; };
    const bool no_nodes = listing.nodes.by_id.empty(); // the manager that answers is always in that list
    const bool vanished = (listing.services.by_id.empty() && (!synced_ || !services_.by_id.empty())) ||
                          (listing.tasks.by_id.empty() && !tasks_.by_id.empty());
    const bool confirmed = doubted_since_ && listing.started - *doubted_since_ >= options_.confirm_interval &&
                           std::ranges::any_of(listing.nodes.by_id, ready);
    const bool trusting = planted("observed.believes-empty-lists");
    if (trusting || (!no_nodes && (!vanished || !suspicious_ || confirmed))) {
        suspicious_ = false;
        doubted_since_.reset();
        return true;
    }
    if (!vanished) doubted_since_.reset();
    else if (!doubted_since_) doubted_since_ = listing.started;
    log::info("docker lists nothing; asking again before it is believed", {{"nodes", !no_nodes}});
    return false;
}

void Observed::apply(Listing listing)
{
    std::vector<ObservedChange> changes;
    const auto& services_before = services_.by_id;
    const auto& services_after = listing.services.by_id;
    auto of_task = [&](const Task& task) {
        auto service = lookup(services_after, task.ServiceID);
        if (!service) service = lookup(services_before, task.ServiceID);
        auto labels = task.Spec.ContainerSpec.Labels;
        if (service) labels.insert(service->Spec.Labels.begin(), service->Spec.Labels.end());
        return Subject{service ? service->Spec.Name : "", std::move(labels)};
    };
    compare(ObjectType::Node, nodes_.by_id, listing.nodes.by_id,
        [](const Node& node) { return Subject{node.Description.Hostname, node.Spec.Labels}; }, changes);
    compare(ObjectType::Network, networks_.by_id, listing.networks.by_id,
        [](const Network& network) { return Subject{network.Name, network.Labels}; }, changes);
    compare(ObjectType::Service, services_before, services_after,
        [](const Service& service) { return Subject{service.Spec.Name, service.Spec.Labels}; }, changes);
    compare(ObjectType::Task, tasks_.by_id, listing.tasks.by_id, of_task, changes);

    services_ = std::move(listing.services);
    tasks_ = std::move(listing.tasks);
    nodes_ = std::move(listing.nodes);
    networks_ = std::move(listing.networks);
    last_relist_ = listing.started;
    synced_ = true;
    if (!changes.empty()) index();
    for (const auto& change : changes)
        for (const auto& listener : on_change_) listener(change);
    for (const auto& listener : on_relist_) listener();
}

void Observed::index()
{
    service_by_name_.clear();
    services_by_label_.clear();
    tasks_of_service_.clear();
    tasks_of_node_.clear();
    network_by_name_.clear();
    for (const auto& [id, service] : services_.by_id) service_by_name_[service->Spec.Name] = service;
    for (const auto& [name, service] : service_by_name_)
        for (const auto& [key, value] : service->Spec.Labels) services_by_label_[key + "=" + value].push_back(service);
    for (const auto& [id, task] : tasks_.by_id) {
        tasks_of_service_[task->ServiceID].push_back(task);
        if (!task->NodeID.empty()) tasks_of_node_[task->NodeID].push_back(task);
    }
    for (const auto& [id, network] : networks_.by_id) network_by_name_[network->Name] = network;
}

std::vector<ServicePtr> Observed::services() const { return all(services_.by_id); }
ServicePtr Observed::service(const std::string& id) const { return lookup(services_.by_id, id); }
ServicePtr Observed::service_by_name(const std::string& name) const { return lookup(service_by_name_, name); }
std::vector<ServicePtr> Observed::services_with_label(const std::string& key, const std::string& value) const
{
    return lookup(services_by_label_, key + "=" + value);
}
std::vector<TaskPtr> Observed::tasks() const { return all(tasks_.by_id); }
TaskPtr Observed::task(const std::string& id) const { return lookup(tasks_.by_id, id); }
std::vector<TaskPtr> Observed::tasks_of_service(const std::string& service_id) const
{
    return lookup(tasks_of_service_, service_id);
}
std::vector<TaskPtr> Observed::tasks_of_node(const std::string& node_id) const { return lookup(tasks_of_node_, node_id); }
std::vector<NodePtr> Observed::nodes() const { return all(nodes_.by_id); }
NodePtr Observed::node(const std::string& id) const { return lookup(nodes_.by_id, id); }
std::vector<NetworkPtr> Observed::networks() const { return all(networks_.by_id); }
NetworkPtr Observed::network_by_name(const std::string& name) const { return lookup(network_by_name_, name); }

} // namespace berth::docker
