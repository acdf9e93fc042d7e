#pragma once
// A workspace as a Docker service, both ways: what is to be created, and what matters of what exists. Pure;
// any thread.

#include "api/types/workspace_template.hpp"
#include "docker/model.hpp"
#include "reconcilers/workspace_plan.hpp"

namespace berth {

/// Hash of what the workspace itself asked for (environment, template); a claim does not change it. A running
/// container is replaced when this changes; a new image or limit of the install or of the template counts
/// from the next start on.
inline constexpr std::string_view kRequestHashLabel = "dev.berth.request-hash";

/// Image, limits and environment of a workspace: its template's, else the install's.
struct Flavor {
    std::string image;
    ResourceLimits limits;
    std::int64_t pids_limit = 512;
    std::map<std::string, std::string> env;
};
/// `chosen` is the template that the spec names, unset for none.
Flavor flavor_of(const std::optional<WorkspaceTemplate>& chosen, const WorkspaceSettings& settings);

/// Deterministic: the same arguments give the same spec. Carries status.incarnation; pinned to status.nodeId
/// when set.
docker::ServiceSpec desired_service(
    const Workspace& workspace, const Flavor& flavor, const WorkspaceSettings& settings);

std::string request_hash(const Workspace& workspace);
/// Of everything that decides whether a start can succeed: what was asked for, where the files are, and the
/// template as it is. A failed workspace is tried again when this changes, and only then.
std::string settings_hash(const Workspace& workspace, const std::optional<WorkspaceTemplate>& chosen);
/// Over the parts that Docker gives back as they were sent, and without the hash itself.
std::string spec_hash(const docker::ServiceSpec& spec);

/// Takes the guard of a slot off its labels; what its task is made of stays as it is. False: it has none.
bool open_route(docker::ServiceSpec& spec);

ServiceFacts facts_of(const docker::Service& service, const std::string& install_id);
TaskFacts facts_of(const docker::Task& task);
/// Whether the task's container belongs to this workspace (by uid and install).
bool is_task_of(const docker::Task& task, const Workspace& workspace, const std::string& install_id);

} // namespace berth
