// Services, tasks, nodes, networks and secrets as the API shows them.
#include "tests/fakes/fake_engine_parts.hpp"

#include <algorithm>

namespace berth {

using namespace docker;

namespace {

/// Lists what passes `filter`.
template <class Objects, class F>
json::value list_of(const Objects& objects, F filter)
{
    json::array list;
    for (const auto& [id, object] : objects)
        if (filter(object)) list.push_back(encode(object));
    return list;
}

Event swarm_event(const std::string& type, const std::string& action, const std::string& id, StringMap attributes)
{
    return {type, action, {id, std::move(attributes)}, "swarm", 0};
}

struct SecretCreate {
    std::string Name;
    StringMap Labels;
    std::string Data;
};
BOOST_DESCRIBE_STRUCT(SecretCreate, (), (Name, Labels, Data))

} // namespace

void FakeEngine::require_manager() const
{
    if (!options_.manager)
        throw Refusal{503, "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
                           "connect this node to swarm and try again."};
}

docker::Service* FakeEngine::find_service(const std::string& name_or_id)
{
    if (const auto found = services_.find(name_or_id); found != services_.end()) return &found->second;
    for (auto& [id, service] : services_)
        if (service.Spec.Name == name_or_id) return &service;
    return nullptr;
}

docker::Network* FakeEngine::find_network(const std::string& name_or_id)
{
    if (const auto found = networks_.find(name_or_id); found != networks_.end()) return &found->second;
    for (auto& [id, network] : networks_)
        if (network.Name == name_or_id) return &network;
    return nullptr;
}

json::value FakeEngine::info(const Arguments&)
{
    SystemInfo info;
    info.ID = "fake";
    info.Name = "manager-1";
    info.ServerVersion = "20.10.24";
    info.NCPU = 2;
    info.MemTotal = 8LL << 30;
    info.Containers = static_cast<std::int64_t>(containers_.size());
    info.ContainersRunning =
        std::ranges::count_if(containers_, [](const auto& item) { return item.second.State.Running; });
    info.DockerRootDir = "/var/lib/docker";
    info.Swarm.LocalNodeState = options_.manager ? "active" : "inactive";
    info.Swarm.ControlAvailable = options_.manager;
    if (options_.manager) info.Swarm.NodeID = local_node_;
    return encode(info);
}

json::value FakeEngine::version(const Arguments&)
{
    return encode(EngineVersion{"20.10.24", options_.api_version, "1.12", "linux", "amd64", "6.1"});
}

json::value FakeEngine::swarm(const Arguments&)
{
    require_manager();
    return encode(Swarm{"fakeswarm", {"SWMTKN-worker", "SWMTKN-manager"}});
}

json::value FakeEngine::list_services(const Arguments& arguments)
{
    require_manager();
    return list_of(services_, [&](const Service& service) {
        return has_labels(service.Spec.Labels, arguments.filters) &&
               passes(arguments.filters, "name", [&](auto& name) { return service.Spec.Name.starts_with(name); }) &&
               passes(arguments.filters, "id", [&](auto& id) { return service.ID.starts_with(id); });
    });
}

json::value FakeEngine::inspect_service(const Arguments& arguments)
{
    require_manager();
    const auto* service = find_service(arguments.path.at(0));
    if (!service) throw Refusal{404, "service " + arguments.path[0] + " not found"};
    return encode(*service);
}

json::value FakeEngine::create_service(const Arguments& arguments)
{
    require_manager();
    auto spec = arguments.decoded<ServiceSpec>();
    if (spec.Name.empty()) spec.Name = "svc-" + new_id();
    if (spec.TaskTemplate.ContainerSpec.Image.empty())
        throw Refusal{400, "rpc error: code = InvalidArgument desc = ContainerSpec: image reference must be provided"};
    if (find_service(spec.Name))
        throw Refusal{409, "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service " +
                               spec.Name + " already exists"};
    for (auto& attachment : spec.TaskTemplate.Networks) {
        const auto* network = find_network(attachment.Target);
        if (!network) throw Refusal{404, "network " + attachment.Target + " not found"};
        attachment.Target = network->Id;
    }
    if (!spec.Mode) spec.Mode = ServiceMode{ReplicatedService{1}, std::nullopt};
    if (spec.Mode->Replicated && !spec.Mode->Replicated->Replicas) spec.Mode->Replicated->Replicas = 1;

    Service service;
    service.ID = new_id();
    service.CreatedAt = now_text();
    touch(service.Version, service.UpdatedAt);
    service.Spec = std::move(spec);
    const auto& stored = services_[service.ID] = service;
    emit(swarm_event("service", "create", stored.ID, {{"name", stored.Spec.Name}}));
    spread(stored);
    return json::object{{"ID", stored.ID}};
}

json::value FakeEngine::update_service(const Arguments& arguments)
{
    require_manager();
    auto* service = find_service(arguments.path.at(0));
    if (!service) throw Refusal{404, "service " + arguments.path[0] + " not found"};
    if (arguments.get("version") != std::to_string(service->Version.Index))
        throw Refusal{500, "rpc error: code = Unknown desc = update out of sequence"};
    auto spec = arguments.decoded<ServiceSpec>();
    if (spec.Name != service->Spec.Name)
        throw Refusal{501, "rpc error: code = Unimplemented desc = renaming services is not supported"};
    const bool replace = spec.TaskTemplate != service->Spec.TaskTemplate;
    service->Spec = std::move(spec);
    touch(service->Version, service->UpdatedAt);
    emit(swarm_event("service", "update", service->ID, {{"name", service->Spec.Name}}));
    if (replace)
        for (auto& [id, task] : tasks_)
            if (task.ServiceID == service->ID && task.DesiredState == "running") shut_down_task(task, "shutdown");
    spread(*service);
    return json::object{{"Warnings", nullptr}};
}

json::value FakeEngine::remove_service(const Arguments& arguments)
{
    require_manager();
    auto* service = find_service(arguments.path.at(0));
    if (!service) throw Refusal{404, "service " + arguments.path[0] + " not found"};
    const auto id = service->ID;
    emit(swarm_event("service", "remove", id, {{"name", service->Spec.Name}}));
    services_.erase(id);
    for (auto& [task_id, task] : tasks_)
        if (task.ServiceID == id) shut_down_task(task, "remove");
    advance_tasks();
    return nullptr;
}

json::value FakeEngine::list_tasks(const Arguments& arguments)
{
    require_manager();
    const auto& filters = arguments.filters;
    return list_of(tasks_, [&](const Task& task) {
        const auto service = services_.find(task.ServiceID);
        const auto name = service == services_.end() ? std::string() : service->second.Spec.Name;
        return has_labels(task.Spec.ContainerSpec.Labels, filters) &&
               passes(filters, "service", [&](auto& want) { return want == task.ServiceID || want == name; }) &&
               passes(filters, "node", [&](auto& want) { return want == task.NodeID; }) &&
               passes(filters, "id", [&](auto& want) { return task.ID.starts_with(want); }) &&
               passes(filters, "desired-state", [&](auto& want) { return want == task.DesiredState; });
    });
}

json::value FakeEngine::list_nodes(const Arguments&)
{
    require_manager();
    return list_of(nodes_, [](const Node&) { return true; });
}

json::value FakeEngine::inspect_node(const Arguments& arguments)
{
    require_manager();
    const auto id = arguments.path.at(0) == "self" ? local_node_ : arguments.path[0];
    const auto found = nodes_.find(id);
    if (found == nodes_.end()) throw Refusal{404, "node " + id + " not found"};
    return encode(found->second);
}

json::value FakeEngine::update_node(const Arguments& arguments)
{
    require_manager();
    const auto found = nodes_.find(arguments.path.at(0));
    if (found == nodes_.end()) throw Refusal{404, "node " + arguments.path[0] + " not found"};
    if (arguments.get("version") != std::to_string(found->second.Version.Index))
        throw Refusal{500, "rpc error: code = Unknown desc = update out of sequence"};
    found->second.Spec = arguments.decoded<NodeSpec>();
    touch(found->second.Version, found->second.UpdatedAt);
    emit(swarm_event("node", "update", found->first, {{"name", found->second.Description.Hostname}}));
    return nullptr;
}

json::value FakeEngine::list_networks(const Arguments& arguments)
{
    const auto& filters = arguments.filters;
    return list_of(networks_, [&](const Network& network) {
        return has_labels(network.Labels, filters) &&
               passes(filters, "name", [&](auto& name) { return network.Name.find(name) != std::string::npos; }) &&
               passes(filters, "id", [&](auto& id) { return network.Id.starts_with(id); }) &&
               passes(filters, "driver", [&](auto& driver) { return network.Driver == driver; });
    });
}

json::value FakeEngine::inspect_network(const Arguments& arguments)
{
    const auto* network = find_network(arguments.path.at(0));
    if (!network) throw Refusal{404, "network " + arguments.path[0] + " not found"};
    return encode(*network);
}

json::value FakeEngine::create_network(const Arguments& arguments)
{
    const auto request = arguments.decoded<NetworkCreate>();
    if (request.Driver == "overlay") require_manager();
    if (find_network(request.Name)) throw Refusal{409, "network with name " + request.Name + " already exists"};
    Network network;
    network.Id = new_id();
    network.Name = request.Name;
    network.Created = now_text();
    network.Driver = request.Driver.empty() ? "bridge" : request.Driver;
    network.Scope = network.Driver == "overlay" ? "swarm" : "local";
    network.Internal = request.Internal;
    network.Attachable = request.Attachable;
    network.Labels = request.Labels;
    network.Options = request.Options;
    network.IPAM = request.IPAM.value_or(IPAM{});
    if (network.IPAM.Driver.empty()) network.IPAM.Driver = "default";
    if (network.IPAM.Config.empty()) network.IPAM.Config.push_back({"10.0." + std::to_string(networks_.size()) + ".0/24", "", ""});
    networks_[network.Id] = network;
    emit(swarm_event("network", "create", network.Id, {{"name", network.Name}, {"type", network.Driver}}));
    return json::object{{"Id", network.Id}, {"Warning", ""}};
}

json::value FakeEngine::delete_network(const Arguments& arguments)
{
    const auto* network = find_network(arguments.path.at(0));
    if (!network) throw Refusal{404, "network " + arguments.path[0] + " not found"};
    for (const auto& [id, service] : services_)
        for (const auto& attachment : service.Spec.TaskTemplate.Networks)
            if (attachment.Target == network->Id)
                throw Refusal{400, "rpc error: code = FailedPrecondition desc = network " + network->Id +
                                       " is in use by service " + id};
    emit(swarm_event("network", "remove", network->Id, {{"name", network->Name}, {"type", network->Driver}}));
    networks_.erase(std::string(network->Id));
    return nullptr;
}

json::value FakeEngine::list_secrets(const Arguments& arguments)
{
    require_manager();
    return list_of(secrets_, [&](const SecretInfo& secret) {
        return has_labels(secret.Spec.Labels, arguments.filters) &&
               passes(arguments.filters, "name", [&](auto& name) { return secret.Spec.Name.starts_with(name); });
    });
}

json::value FakeEngine::create_secret(const Arguments& arguments)
{
    require_manager();
    const auto request = arguments.decoded<SecretCreate>();
    for (const auto& [id, secret] : secrets_)
        if (secret.Spec.Name == request.Name)
            throw Refusal{409, "rpc error: code = AlreadyExists desc = secret " + request.Name + " already exists"};
    SecretInfo secret{new_id(), {}, now_text(), {request.Name, request.Labels}};
    std::string updated;
    touch(secret.Version, updated);
    secrets_[secret.ID] = secret;
    return json::object{{"ID", secret.ID}};
}

json::value FakeEngine::delete_secret(const Arguments& arguments)
{
    require_manager();
    if (secrets_.erase(arguments.path.at(0)) == 0) throw Refusal{404, "secret " + arguments.path[0] + " not found"};
    return nullptr;
}

} // namespace berth
