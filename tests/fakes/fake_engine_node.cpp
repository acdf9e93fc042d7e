// Containers, volumes and images of the local node as the API shows them.
#include "tests/fakes/fake_engine_parts.hpp"

#include <algorithm>

namespace berth {

using namespace docker;

namespace {

ContainerSummary summary_of(const Container& container)
{
    ContainerSummary summary;
    summary.Id = container.Id;
    summary.Names = {container.Name};
    summary.Image = container.Config.Image;
    summary.ImageID = container.Image;
    const auto created = parse_time(container.Created).value_or(Time{});
    summary.Created = std::chrono::duration_cast<std::chrono::seconds>(created.time_since_epoch()).count();
    summary.Labels = container.Config.Labels;
    summary.State = container.State.Status;
    summary.Status = container.State.Running ? "Up" : "Exited";
    summary.NetworkSettings.Networks = container.NetworkSettings.Networks;
    summary.Mounts = container.Mounts;
    return summary;
}

} // namespace

docker::Container& FakeEngine::need_container(const std::string& name_or_id)
{
    if (const auto found = containers_.find(name_or_id); found != containers_.end()) return found->second;
    for (auto& [id, container] : containers_)
        if (container.Name == "/" + name_or_id) return container;
    throw Refusal{404, "No such container: " + name_or_id};
}

json::value FakeEngine::list_containers(const Arguments& arguments)
{
    const auto& filters = arguments.filters;
    json::array list;
    for (const auto& [id, container] : containers_) {
        const bool wanted = arguments.flag("all") || container.State.Running || filters.contains("status");
        const bool matching =
            has_labels(container.Config.Labels, filters) &&
            passes(filters, "id", [&](auto& want) { return container.Id.starts_with(want); }) &&
            passes(filters, "status", [&](auto& want) { return container.State.Status == want; }) &&
            passes(filters, "name", [&](auto& want) { return container.Name.find(want) != std::string::npos; });
        if (wanted && matching) list.push_back(encode(summary_of(container)));
    }
    return list;
}

json::value FakeEngine::inspect_container(const Arguments& arguments)
{
    return encode(need_container(arguments.path.at(0)));
}

json::value FakeEngine::create_container(const Arguments& arguments)
{
    const auto request = arguments.decoded<ContainerCreate>();
    if (std::ranges::find(missing_images_, request.Image) != missing_images_.end())
        throw Refusal{404, "No such image: " + request.Image};
    Container container;
    container.Id = new_id();
    container.Name = "/" + (arguments.get("name").empty() ? "container-" + container.Id : arguments.get("name"));
    for (const auto& [id, other] : containers_)
        if (other.Name == container.Name)
            throw Refusal{409, "Conflict. The container name \"" + container.Name + "\" is already in use"};
    container.Created = now_text();
    container.State.Status = "created";
    container.Image = "sha256:" + request.Image;
    container.Config = {"", request.User, request.Env, request.Image, request.Labels};
    const auto& stored = containers_[container.Id] = container;
    container_event("create", stored);
    return json::object{{"Id", stored.Id}, {"Warnings", json::array{}}};
}

json::value FakeEngine::start_container(const Arguments& arguments)
{
    auto& container = need_container(arguments.path.at(0));
    if (container.State.Running) return nullptr;
    container.State.Status = "running";
    container.State.Running = true;
    container.State.Pid = 4711;
    container.State.StartedAt = now_text();
    container.NetworkSettings.SandboxKey = "/var/run/docker/netns/" + container.Id.substr(0, 12);
    container_event("start", container);
    return nullptr;
}

json::value FakeEngine::stop_container(const Arguments& arguments)
{
    auto& container = need_container(arguments.path.at(0));
    const auto id = container.Id;
    for (const auto& [task, of_task] : std::map(container_of_task_))
        if (of_task == id) {
            end_container(task, 137);
            return nullptr;
        }
    if (!container.State.Running) {
        if (arguments.method == "POST" && arguments.query.contains("signal"))
            throw Refusal{409, "Container " + id + " is not running"};
        return nullptr;
    }
    container.State.Running = false;
    container.State.Status = "exited";
    container.State.ExitCode = 137;
    container.State.FinishedAt = now_text();
    container_event("die", container);
    return nullptr;
}

json::value FakeEngine::delete_container(const Arguments& arguments)
{
    auto& container = need_container(arguments.path.at(0));
    if (container.State.Running && !arguments.flag("force"))
        throw Refusal{409, "You cannot remove a running container " + container.Id +
                               ". Stop the container before attempting removal or force remove"};
    const auto copy = container;
    std::erase_if(container_of_task_, [&](const auto& item) { return item.second == copy.Id; });
    containers_.erase(copy.Id);
    container_event("destroy", copy);
    return nullptr;
}

json::value FakeEngine::wait_container(const Arguments& arguments)
{
    const auto& container = need_container(arguments.path.at(0));
    return json::object{{"Error", nullptr}, {"StatusCode", container.State.ExitCode}};
}

json::value FakeEngine::container_stats(const Arguments& arguments)
{
    const auto& container = need_container(arguments.path.at(0));
    ContainerStats stats;
    stats.read = now_text();
    if (container.State.Running) {
        stats.cpu_stats = {{1'000'000'000}, 100'000'000'000, 2};
        stats.memory_stats = {200 << 20, 4ULL << 30, {{"inactive_file", 50 << 20}}};
        stats.pids_stats.current = 12;
    }
    return encode(stats);
}

void FakeEngine::set_health(const std::string& container_id, const std::string& status)
{
    auto& container = need_container(container_id);
    container.State.Health = ContainerHealth{status, status == "unhealthy" ? 3 : 0};
    container_event("health_status: " + status, container);
}

json::value FakeEngine::list_volumes(const Arguments& arguments)
{
    json::array list;
    for (const auto& [name, volume] : volumes_)
        if (has_labels(volume.Labels, arguments.filters) &&
            passes(arguments.filters, "name", [&](auto& want) { return name.find(want) != std::string::npos; }))
            list.push_back(encode(volume));
    return json::object{{"Volumes", std::move(list)}, {"Warnings", nullptr}};
}

json::value FakeEngine::inspect_volume(const Arguments& arguments)
{
    const auto found = volumes_.find(arguments.path.at(0));
    if (found == volumes_.end()) throw Refusal{404, "get " + arguments.path[0] + ": no such volume"};
    return encode(found->second);
}

json::value FakeEngine::create_volume(const Arguments& arguments)
{
    const auto request = arguments.decoded<VolumeCreate>();
    const auto name = request.Name.empty() ? new_id() : request.Name;
    auto& volume = volumes_[name]; // one that is there already is the answer
    if (volume.Name.empty())
        volume = {name, request.Driver.empty() ? "local" : request.Driver, "/var/lib/docker/volumes/" + name + "/_data",
            now_text(), request.Labels, "local"};
    return encode(volume);
}

json::value FakeEngine::delete_volume(const Arguments& arguments)
{
    const auto name = arguments.path.at(0);
    if (!volumes_.contains(name)) throw Refusal{404, "get " + name + ": no such volume"};
    for (const auto& [id, container] : containers_)
        for (const auto& mount : container.Mounts)
            if (mount.Name == name)
                throw Refusal{409, "remove " + name + ": volume is in use - [" + id + "]"};
    volumes_.erase(name);
    return nullptr;
}

json::value FakeEngine::list_images(const Arguments&) { return json::array{}; }

json::value FakeEngine::inspect_image(const Arguments& arguments)
{
    auto reference = arguments.path.at(0);
    for (std::size_t i = 1; i < arguments.path.size(); ++i) reference += "/" + arguments.path[i];
    if (std::ranges::find(missing_images_, reference) != missing_images_.end())
        throw Refusal{404, "No such image: " + reference};
    return json::object{{"Id", "sha256:" + reference}};
}

} // namespace berth
