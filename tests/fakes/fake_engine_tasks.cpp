// The life of tasks and of their containers, and what a test does to them.
#include "tests/fakes/fake_engine_parts.hpp"

#include <algorithm>
#include <cstdio>

namespace berth {

using namespace docker;

namespace {

/// "node.id==x" and "node.labels.disk != ssd" as Swarm reads them.
bool satisfies(const Node& node, const std::string& constraint)
{
    const auto mark = constraint.find_first_of("!=");
    if (mark == std::string::npos || mark + 2 > constraint.size()) return false;
    const bool negative = constraint[mark] == '!';
    auto trim = [](std::string text) {
        std::erase(text, ' ');
        return text;
    };
    const auto key = trim(constraint.substr(0, mark));
    const auto value = trim(constraint.substr(mark + 2));
    std::string actual;
    if (key == "node.id") actual = node.ID;
    else if (key == "node.hostname") actual = node.Description.Hostname;
    else if (key == "node.role") actual = node.Spec.Role;
    else if (key.starts_with("node.labels.") && node.Spec.Labels.contains(key.substr(12)))
        actual = node.Spec.Labels.at(key.substr(12));
    return (actual == value) != negative;
}

/// The address number `offset` of "10.201.0.0/16", with the prefix length.
std::string address_in(const std::string& subnet, int offset)
{
    unsigned part[4] = {};
    std::sscanf(subnet.c_str(), "%u.%u.%u.%u", &part[0], &part[1], &part[2], &part[3]);
    unsigned number = (part[0] << 24 | part[1] << 16 | part[2] << 8 | part[3]) + static_cast<unsigned>(offset);
    std::string text;
    for (int shift : {24, 16, 8, 0}) text += (text.empty() ? "" : ".") + std::to_string(number >> shift & 0xff);
    return text + subnet.substr(subnet.find('/'));
}

bool takes_tasks(const Node& node) { return node.Status.State == "ready" && node.Spec.Availability == "active"; }

} // namespace

std::string FakeEngine::new_id()
{
    auto number = std::to_string(++last_id_);
    return "id" + std::string(23 - number.size(), '0') + number; // 25 characters, as Swarm's
}

std::string FakeEngine::now_text() const { return format_time(clock_.now()); }

void FakeEngine::touch(ObjectVersion& version, std::string& updated_at)
{
    version.Index = ++index_;
    updated_at = now_text();
}

std::string FakeEngine::choose_node(const TaskSpec& spec) const
{
    const auto constraints = spec.Placement.value_or(Placement{}).Constraints;
    std::string best;
    std::size_t least = 0;
    for (const auto& [id, node] : nodes_) {
        auto met = [&node = node](const std::string& constraint) { return satisfies(node, constraint); };
        if (!takes_tasks(node) || !std::ranges::all_of(constraints, met)) continue;
        const auto load = static_cast<std::size_t>(std::ranges::count_if(tasks_,
            [&id = id](const auto& item) { return item.second.NodeID == id && !task_ended(item.second.Status.State); }));
        if (!best.empty() && load >= least) continue;
        best = id;
        least = load;
    }
    return best;
}

/// Brings the number of wanted tasks to what the service asks for.
void FakeEngine::spread(const Service& service)
{
    auto wanted = [&](const Task& task) { return task.ServiceID == service.ID && task.DesiredState == "running"; };
    if (service.Spec.Mode && service.Spec.Mode->Global) {
        for (const auto& [id, node] : nodes_) {
            const bool there = std::ranges::any_of(
                tasks_, [&, &id = id](const auto& item) { return wanted(item.second) && item.second.NodeID == id; });
            if (!there && takes_tasks(node)) create_task(service, 0, id);
        }
        return;
    }
    const auto replicas = service.Spec.Mode && service.Spec.Mode->Replicated
                              ? service.Spec.Mode->Replicated->Replicas.value_or(1) : 1;
    std::uint64_t have = 0;
    for (auto& [id, task] : tasks_)
        if (wanted(task) && ++have > replicas) shut_down_task(task, "shutdown");
    for (; have < replicas; ++have)
        create_task(service, static_cast<std::int64_t>(have + 1), choose_node(service.Spec.TaskTemplate));
}

void FakeEngine::create_task(const Service& service, std::int64_t slot, const std::string& node)
{
    Task task;
    task.ID = new_id();
    task.CreatedAt = now_text();
    touch(task.Version, task.UpdatedAt);
    task.Spec = service.Spec.TaskTemplate;
    task.ServiceID = service.ID;
    task.Slot = slot;
    task.NodeID = node;
    task.DesiredState = "running";
    task.Status.Timestamp = now_text();
    task.Status.State = node.empty() ? "pending" : "assigned";
    task.Status.Message = node.empty() ? "pending task scheduling" : "scheduler assigned task to node";
    if (node.empty())
        task.Status.Err = "no suitable node (scheduling constraints not satisfied on " + std::to_string(nodes_.size()) +
                          (nodes_.size() == 1 ? " node)" : " nodes)");
    tasks_[task.ID] = task;
    if (options_.start_after) starts_.push_back({clock_.tick() + *options_.start_after, task.ID});
}

void FakeEngine::set_task_state(const std::string& task_id, const std::string& state, const std::string& error)
{
    auto& task = tasks_.at(task_id);
    task.Status.State = state;
    task.Status.Err = error;
    task.Status.Timestamp = now_text();
    touch(task.Version, task.UpdatedAt);
}

Container FakeEngine::make_container(const Task& task)
{
    const auto& service = services_.at(task.ServiceID);
    const auto& spec = task.Spec.ContainerSpec;
    Container container;
    container.Id = new_id();
    container.Created = now_text();
    const auto slot = task.Slot ? std::to_string(task.Slot) : task.NodeID;
    container.Name = "/" + service.Spec.Name + "." + slot + "." + task.ID;
    container.State.Status = "running";
    container.State.Running = true;
    container.State.Pid = 4711;
    container.State.StartedAt = now_text();
    container.Image = "sha256:" + spec.Image;
    container.Config = {container.Id.substr(0, 12), spec.User, spec.Env, spec.Image, spec.Labels};
    auto& labels = container.Config.Labels;
    labels["com.docker.swarm.node.id"] = task.NodeID;
    labels["com.docker.swarm.service.id"] = task.ServiceID;
    labels["com.docker.swarm.service.name"] = service.Spec.Name;
    labels["com.docker.swarm.task"] = "";
    labels["com.docker.swarm.task.id"] = task.ID;
    labels["com.docker.swarm.task.name"] = container.Name.substr(1);
    container.NetworkSettings.SandboxKey = "/var/run/docker/netns/" + container.Id.substr(0, 12);
    for (const auto& attached : task.NetworksAttachments) {
        const auto slash = attached.Addresses.at(0).find('/');
        auto& endpoint = container.NetworkSettings.Networks[attached.Network.Spec.Name];
        endpoint.NetworkID = attached.Network.ID;
        endpoint.IPAddress = attached.Addresses[0].substr(0, slash);
        endpoint.IPPrefixLen = std::stoi(attached.Addresses[0].substr(slash + 1));
        endpoint.Aliases = {service.Spec.Name};
    }
    for (const auto& mount : spec.Mounts) {
        const bool volume = mount.Type == "volume";
        container.Mounts.push_back({mount.Type, volume ? mount.Source : "", volume ? "" : mount.Source, mount.Target,
            volume ? "local" : "", !mount.ReadOnly});
    }
    return container;
}

void FakeEngine::run_task(Task& task)
{
    const auto& image = task.Spec.ContainerSpec.Image;
    if (std::ranges::find(missing_images_, image) != missing_images_.end()) {
        task.DesiredState = "shutdown";
        set_task_state(task.ID, "rejected", "No such image: " + image);
        return;
    }
    for (const auto& attachment : task.Spec.Networks) {
        const auto& network = networks_.at(attachment.Target);
        task.NetworksAttachments.push_back({{network.Id, {network.Name}},
            {address_in(network.IPAM.Config.at(0).Subnet, 2 + next_address_[network.Id]++)}});
    }
    auto container = make_container(task);
    task.Status.ContainerStatus = ContainerStatus{container.Id, container.State.Pid, 0};
    task.Status.Message = "started";
    set_task_state(task.ID, "running");
    if (task.NodeID != local_node_) return; // another engine holds that container
    for (const auto& mount : task.Spec.ContainerSpec.Mounts)
        if (mount.Type == "volume" && !volumes_.contains(mount.Source))
            volumes_[mount.Source] = {mount.Source, "local", "/var/lib/docker/volumes/" + mount.Source + "/_data",
                now_text(), mount.VolumeOptions.value_or(VolumeOptions{}).Labels, "local"};
    container_of_task_[task.ID] = container.Id;
    const auto& stored = containers_[container.Id] = std::move(container);
    container_event("create", stored);
    container_event("start", stored);
}

void FakeEngine::run_tasks(const std::string& service_name)
{
    for (auto& [id, task] : tasks_) {
        const auto service = services_.find(task.ServiceID);
        if (service == services_.end() || (!service_name.empty() && service->second.Spec.Name != service_name)) continue;
        if (task.NodeID.empty()) task.NodeID = choose_node(task.Spec);
        const bool waiting = !task_ended(task.Status.State) && task.Status.State != "running";
        if (task.DesiredState == "running" && waiting && !task.NodeID.empty()) run_task(task);
    }
}

void FakeEngine::shut_down_task(Task& task, const std::string& desired)
{
    task.DesiredState = desired;
    touch(task.Version, task.UpdatedAt);
    stops_.push_back({options_.stop_after ? clock_.tick() + *options_.stop_after : Tick::max(), task.ID});
}

/// The container of a stopped task is gone; so is the task, when its service is.
void FakeEngine::end_task(const std::string& task_id)
{
    const auto found = tasks_.find(task_id);
    if (found == tasks_.end()) return;
    if (const auto held = container_of_task_.find(task_id); held != container_of_task_.end()) {
        auto& container = containers_.at(held->second);
        if (container.State.Running) {
            container.State.Running = false;
            container.State.Status = "exited";
            container.State.ExitCode = 143;
            container_event("die", container);
        }
        const auto copy = container;
        containers_.erase(held->second);
        container_of_task_.erase(held);
        container_event("destroy", copy);
    }
    if (found->second.DesiredState == "remove") tasks_.erase(found);
    else if (!task_ended(found->second.Status.State)) set_task_state(task_id, "shutdown");
}

void FakeEngine::advance_tasks()
{
    auto due = [now = clock_.tick()](const Pending& pending) { return pending.at <= now; };
    for (const auto& pending : std::exchange(starts_, {})) {
        const auto found = tasks_.find(pending.task);
        if (!due(pending)) starts_.push_back(pending);
        else if (found != tasks_.end() && found->second.DesiredState == "running" && !found->second.NodeID.empty() &&
                 !task_ended(found->second.Status.State) && found->second.Status.State != "running")
            run_task(found->second);
    }
    for (const auto& pending : std::exchange(stops_, {})) {
        if (due(pending)) end_task(pending.task);
        else stops_.push_back(pending);
    }
}

void FakeEngine::finish_stops()
{
    for (const auto& pending : std::exchange(stops_, {})) end_task(pending.task);
}

/// The process of a task ends by itself. The container stays, as Swarm keeps the last ones of a service.
void FakeEngine::end_container(const std::string& task_id, std::int64_t exit_code)
{
    auto& task = tasks_.at(task_id);
    if (task.Status.State != "running") return;
    if (task.Status.ContainerStatus) task.Status.ContainerStatus->ExitCode = exit_code;
    task.DesiredState = "shutdown";
    set_task_state(task_id, exit_code == 0 ? "complete" : "failed",
        exit_code == 0 ? "" : "task: non-zero exit (" + std::to_string(exit_code) + ")");
    if (const auto held = container_of_task_.find(task_id); held != container_of_task_.end()) {
        auto& container = containers_.at(held->second);
        container.State.Running = false;
        container.State.Status = "exited";
        container.State.ExitCode = exit_code;
        container.State.FinishedAt = now_text();
        container_event("die", container);
    }
    const auto policy = task.Spec.RestartPolicy.value_or(RestartPolicy{});
    const bool again = policy.Condition.empty() || policy.Condition == "any" ||
                       (policy.Condition == "on-failure" && exit_code != 0);
    const auto service = services_.find(task.ServiceID);
    if (again && service != services_.end()) spread(service->second);
}

void FakeEngine::kill_tasks(const std::string& service_name, std::int64_t exit_code)
{
    std::vector<std::string> running;
    for (const auto& task : tasks(service_name))
        if (task.Status.State == "running") running.push_back(task.ID);
    for (const auto& id : running) end_container(id, exit_code);
}

void FakeEngine::restart()
{
    cut_events();
    kill_tasks("", 255);
    containers_.clear();
    container_of_task_.clear();
    remembered_.clear();
}

std::string FakeEngine::add_node(const std::string& hostname)
{
    Node node;
    node.ID = new_id();
    node.CreatedAt = now_text();
    touch(node.Version, node.UpdatedAt);
    node.Spec.Role = "worker";
    node.Spec.Availability = "active";
    node.Description.Hostname = hostname;
    node.Description.Platform = {"x86_64", "linux"};
    node.Description.Resources = {4'000'000'000, 16LL << 30};
    node.Description.Engine.EngineVersion = "20.10.24";
    node.Status = {"ready", "", "127.0.0.1"};
    nodes_[node.ID] = node;
    emit({"node", "create", {node.ID, {{"name", hostname}}}, "swarm", 0});
    for (const auto& [id, service] : services_)
        if (service.Spec.Mode && service.Spec.Mode->Global) spread(service);
    return node.ID;
}

void FakeEngine::set_node_state(const std::string& node_id, const std::string& state)
{
    auto& node = nodes_.at(node_id);
    const auto old = std::exchange(node.Status.State, state);
    touch(node.Version, node.UpdatedAt);
    emit({"node", "update", {node_id, {{"name", node.Description.Hostname}, {"state.new", state}, {"state.old", old}}},
        "swarm", 0});
}

void FakeEngine::remove_node(const std::string& node_id)
{
    emit({"node", "remove", {node_id, {{"name", nodes_.at(node_id).Description.Hostname}}}, "swarm", 0});
    nodes_.erase(node_id);
}

void FakeEngine::remove_service_by_hand(const std::string& name)
{
    Arguments arguments;
    arguments.path = {name};
    remove_service(arguments);
}

std::vector<Service> FakeEngine::services() const
{
    std::vector<Service> list;
    for (const auto& [id, service] : services_) list.push_back(service);
    return list;
}

const Service* FakeEngine::service(const std::string& name_or_id) const
{
    return const_cast<FakeEngine*>(this)->find_service(name_or_id);
}

std::vector<Task> FakeEngine::tasks(const std::string& service_name) const
{
    std::vector<Task> list;
    for (const auto& [id, task] : tasks_) {
        const auto service = services_.find(task.ServiceID);
        const bool named = service != services_.end() && service->second.Spec.Name == service_name;
        if (service_name.empty() || named) list.push_back(task);
    }
    return list;
}

std::vector<Container> FakeEngine::containers() const
{
    std::vector<Container> list;
    for (const auto& [id, container] : containers_) list.push_back(container);
    return list;
}

const Container* FakeEngine::container_of(const std::string& service_name) const
{
    for (const auto& task : tasks(service_name))
        if (const auto held = container_of_task_.find(task.ID);
            held != container_of_task_.end() && task.Status.State == "running")
            return &containers_.at(held->second);
    return nullptr;
}

} // namespace berth
