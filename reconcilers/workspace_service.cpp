#include "reconcilers/workspace_service.hpp"

#include "api/types/warm_pool.hpp"
#include "api/types/workspace_environment.hpp"
#include "controller/base/planted.hpp"
#include "controller/base/random.hpp"
#include "reconcilers/workspace_labels.hpp"

#include <charconv>
#include <cmath>

namespace berth {

namespace {

std::string label(const docker::StringMap& labels, std::string_view name)
{
    const auto found = labels.find(std::string(name));
    return found == labels.end() ? "" : found->second;
}

std::int64_t number(const std::string& text)
{
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

docker::StringMap owner_labels(const Workspace& workspace, const std::string& install_id)
{
    return {{std::string(kInstallLabel), install_id},
        {std::string(kKindLabel), std::string(Workspace::kind().kind)},
        {std::string(kOrgLabel), workspace.metadata.org}, {std::string(kNameLabel), workspace.metadata.name},
        {std::string(kUidLabel), workspace.metadata.uid}};
}

docker::Mount volume(std::string source, std::string target, bool read_only, const docker::StringMap& labels)
{
    docker::Mount mount;
    mount.Type = "volume";
    mount.Source = std::move(source);
    mount.Target = std::move(target);
    mount.ReadOnly = read_only;
    mount.VolumeOptions.emplace().Labels = labels;
    return mount;
}

docker::Strings environment(
    const Workspace& workspace, const Flavor& flavor, const WorkspaceSettings& settings)
{
    auto env = flavor.env;
    for (const auto& [name, value] : workspace_environment(workspace, settings.platform_key))
        if (!is_for_shells_only(name)) env[name] = value;
    env["BERTH_ISOLATION"] = settings.isolation ? "on" : "off"; // the image waits for its filter
    docker::Strings lines;
    for (const auto& [name, value] : env) lines.push_back(name + "=" + value);
    return lines;
}

docker::ContainerSpec container(const Workspace& workspace, const Flavor& flavor,
    const WorkspaceSettings& settings, docker::StringMap labels)
{
    const auto& name = workspace.metadata.name;
    const auto owner = owner_labels(workspace, settings.install_id);
    docker::ContainerSpec spec;
    spec.Image = flavor.image;
    spec.Labels = std::move(labels);
    spec.Hostname = name;
    spec.Env = environment(workspace, flavor, settings);
    spec.Privileges.emplace().NoNewPrivileges = true;
    spec.Mounts = {volume(files_volume_name(name), "/workspace", false, owner),
        volume(control_volume_name(name), "/run/berth", true, owner)};
    spec.StopGracePeriod = std::chrono::nanoseconds{settings.stop_grace}.count();
    spec.Init = true;
    spec.CapabilityDrop = {"ALL"};
    return spec;
}

docker::Resources resources(const Flavor& flavor, const WorkspaceSettings& settings)
{
    docker::Resources resources;
    auto& limits = resources.Limits.emplace();
    limits.NanoCPUs = std::llround(flavor.limits.cpuLimit * 1e9);
    limits.MemoryBytes = flavor.limits.memoryLimit;
    limits.Pids = flavor.pids_limit;
    auto& reserved = resources.Reservations.emplace();
    reserved.NanoCPUs = std::llround(std::min(settings.reserved_cpu, flavor.limits.cpuLimit) * 1e9);
    reserved.MemoryBytes = std::min(settings.reserved_memory, flavor.limits.memoryLimit);
    return resources;
}

json::array mounts_json(const std::vector<docker::Mount>& mounts)
{
    json::array out;
    for (const auto& mount : mounts)
        out.push_back(json::array{mount.Type, mount.Source, mount.Target, mount.ReadOnly});
    return out;
}

/// A slot's container keeps the environment that it was made with; what a claim brings reaches it by
/// /run/berth.
bool keeps_slot_environment(const Workspace& workspace)
{
    const auto& status = workspace.status;
    const bool claimed = status.claimedIncarnation > 0 && status.incarnation == status.claimedIncarnation;
    return is_slot(workspace) || status.phase == Phase::warm || claimed;
}

std::string hash_of(const json::value& value) { return sha256_hex(json::serialize(value)).substr(0, 32); }

} // namespace

Flavor flavor_of(const std::optional<WorkspaceTemplate>& chosen, const WorkspaceSettings& settings)
{
    if (chosen) return {chosen->spec.image, chosen->spec.limits, chosen->spec.pidsLimit, chosen->spec.env};
    return {settings.image, settings.limits, settings.pids_limit, {}};
}

docker::ServiceSpec desired_service(
    const Workspace& workspace, const Flavor& flavor, const WorkspaceSettings& settings)
{
    docker::ServiceSpec spec;
    spec.Name = service_name(workspace.metadata.name);
    if (planted("workspace.another-name-each-time")) spec.Name += "-" + random_text(4);
    spec.Labels = owner_labels(workspace, settings.install_id);
    spec.Labels[std::string(kIncarnationLabel)] = std::to_string(workspace.status.incarnation);
    auto& task = spec.TaskTemplate;
    task.ContainerSpec = container(workspace, flavor, settings, spec.Labels);
    task.Resources = resources(flavor, settings);
    task.RestartPolicy.emplace().Condition = "none";
    if (!workspace.status.nodeId.empty())
        task.Placement.emplace().Constraints = {"node.id==" + workspace.status.nodeId};
    task.Networks.push_back({settings.edge_network, {}, {}});
    task.LogDriver = docker::Driver{"json-file", {{"max-size", "10m"}, {"max-file", "3"}}};
    spec.Mode.emplace().Replicated.emplace().Replicas = 1;
    spec.EndpointSpec.emplace().Mode = "dnsrr";
    if (settings.route_labels) add_route_labels(spec.Labels, workspace, settings);
    spec.Labels[std::string(kRequestHashLabel)] = request_hash(workspace);
    spec.Labels[std::string(kSpecHashLabel)] = spec_hash(spec);
    return spec;
}

std::string request_hash(const Workspace& workspace)
{
    const auto& spec = workspace.spec;
    const auto env = keeps_slot_environment(workspace) ? decltype(spec.env){} : spec.env;
    json::array facts{json::value(spec.template_), encode(env)};
    if (spec.exposeS3Credentials && !keeps_slot_environment(workspace)) facts.emplace_back("s3-credentials");
    return hash_of(facts);
}

std::string settings_hash(const Workspace& workspace, const std::optional<WorkspaceTemplate>& chosen)
{
    const auto& spec = workspace.spec;
    json::array facts{json::value(spec.template_), encode(spec.env), encode(spec.s3, Secrets::Show)};
    if (chosen) facts.push_back(encode(chosen->spec));
    return hash_of(facts);
}

std::string spec_hash(const docker::ServiceSpec& spec)
{
    const auto& task = spec.TaskTemplate;
    const auto& box = task.ContainerSpec;
    auto labels = spec.Labels;
    labels.erase(std::string(kSpecHashLabel));
    json::object facts{{"name", spec.Name}, {"labels", encode(labels)}, {"image", box.Image},
        {"containerLabels", encode(box.Labels)}, {"env", encode(box.Env)},
        {"mounts", mounts_json(box.Mounts)}, {"command", encode(box.Command)}, {"args", encode(box.Args)}};
    if (task.Resources && task.Resources->Limits) {
        const auto& limits = *task.Resources->Limits;
        facts["limits"] = json::array{limits.NanoCPUs, limits.MemoryBytes, limits.Pids};
    }
    facts["constraints"] = task.Placement ? encode(task.Placement->Constraints) : json::array{};
    const bool replicated = spec.Mode && spec.Mode->Replicated;
    facts["replicas"] = replicated ? spec.Mode->Replicated->Replicas.value_or(1) : 0;
    return hash_of(facts);
}

bool open_route(docker::ServiceSpec& spec)
{
    const auto id = label(spec.Labels, kNameLabel);
    if (!has_route_guard(spec.Labels, id)) return false;
    remove_route_guard(spec.Labels, id);
    spec.Labels[std::string(kSpecHashLabel)] = spec_hash(spec);
    return true;
}

ServiceFacts facts_of(const docker::Service& service, const std::string& install_id)
{
    const auto& labels = service.Spec.Labels;
    ServiceFacts facts;
    facts.id = service.ID;
    facts.ours =
        label(labels, kInstallLabel) == install_id && label(labels, kKindLabel) == Workspace::kind().kind;
    facts.uid = label(labels, kUidLabel);
    facts.incarnation = number(label(labels, kIncarnationLabel));
    facts.request_hash = label(labels, kRequestHashLabel);
    facts.altered = label(labels, kSpecHashLabel) != spec_hash(service.Spec);
    facts.guarded = has_route_guard(labels, label(labels, kNameLabel));
    return facts;
}

TaskFacts facts_of(const docker::Task& task)
{
    const auto& state = task.Status.State;
    const auto& box = task.Status.ContainerStatus;
    const bool had_container = box && !box->ContainerID.empty();
    TaskFacts facts;
    facts.incarnation = number(label(task.Spec.ContainerSpec.Labels, kIncarnationLabel));
    facts.node_id = task.NodeID;
    facts.message = task.Status.Err;
    facts.exit_code = box ? box->ExitCode : 0;
    facts.at = parse_time(task.Status.Timestamp);
    if (state == "running")
        facts.stage = TaskStage::running;
    else if (state == "new" || state == "pending" || state == "allocated")
        facts.stage = TaskStage::waiting;
    else if (state == "rejected" || (state == "failed" && !had_container))
        facts.stage = TaskStage::refused;
    else if (docker::task_ended(state))
        facts.stage = TaskStage::ended;
    else
        facts.stage = TaskStage::placed; // assigned to starting, and whatever comes that we don't know
    return facts;
}

bool is_task_of(const docker::Task& task, const Workspace& workspace, const std::string& install_id)
{
    const auto& labels = task.Spec.ContainerSpec.Labels;
    return label(labels, kUidLabel) == workspace.metadata.uid && label(labels, kInstallLabel) == install_id;
}

} // namespace berth
