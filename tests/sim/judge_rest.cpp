// What holds when the trouble is over and everything has settled.

#include "tests/sim/judge.hpp"

#include "node/file_copy.hpp"
#include "node/sync_parts.hpp"
#include "reconcilers/workspace_service.hpp"

#include <algorithm>

namespace berth::sim {

namespace {

std::string label(const docker::StringMap& labels, std::string_view name)
{
    const auto found = labels.find(std::string(name));
    return found == labels.end() ? "" : found->second;
}

} // namespace

bool Judge::exists(const std::string& uid) const
{
    const auto all = world_.controller->store()->list<Workspace>();
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.metadata.uid == uid; });
}

/// I5: nothing of ours is left without its object, in the engine or in the store.
void Judge::nothing_is_left_over() const
{
    const auto orphan = [&](const docker::StringMap& labels) {
        return label(labels, kInstallLabel) == kInstall && !exists(label(labels, kUidLabel));
    };
    for (const auto& service : world_.engine.services())
        if (orphan(service.Spec.Labels))
            throw Violation("I5 no-orphans", "service " + service.Spec.Name + " has no object");
    for (const auto& [name, volume] : world_.engine.volumes())
        if (orphan(volume.Labels)) throw Violation("I5 no-orphans", "volume " + name + " has no object");
    for (const auto& report : world_.controller->store()->list<WorkspaceReport>())
        if (!exists(report.spec.workspaceUid))
            throw Violation("I5 no-orphans", "the report of " + report.metadata.name + " has no workspace");
}

/// P4: what was written is in S3 when a workspace rests, and on its volume when it runs.
void Judge::files_are_there() const
{
    for (const auto& [workspace, promise] : users_.promises) {
        const bool runs = promise.want == Promise::Want::Running;
        const auto folder = world_.volume_folder(files_volume_name(workspace)) + "/";
        for (const auto& [name, text] : promise.files) {
            if (!runs && !saved(promise, name, text))
                throw Violation("P4 files-are-saved", workspace + " is at rest, but S3 has not " + name);
            const bool here = runs && std::filesystem::exists(folder + name);
            if (runs && (!here || read_file(folder + name) != text))
                throw Violation("P4 files-are-restored", workspace + " runs, but without its " + name);
        }
    }
}

/// P4: the receipt of a stop is for a manifest that is in S3.
void Judge::receipts_are_true() const
{
    for (const auto& [workspace, promise] : users_.promises) {
        const auto stored = world_.controller->store()->get<Workspace>({"default", workspace});
        if (!stored || promise.want != Promise::Want::Stopped) continue;
        const auto* safe = find_condition(stored->status.conditions, condition::kFilesSafe);
        const auto& receipt = stored->status.sync.receipt;
        if (!safe || safe->reason != "FinalSync" || !receipt) continue;
        const auto& objects = world_.buckets["demo/" + promise.prefix].objects;
        const auto manifest = objects.find(manifest_path(workspace));
        if (manifest == objects.end() || sha256_hex(manifest->second.content) != receipt->manifestHash)
            throw Violation(
                "P4 receipts-are-true", "S3 has not the manifest that " + workspace + " was receipted for");
    }
}

/// P6: one Idempotency-Key makes one workspace; each start has a prefix of its own.
void Judge::one_for_each_start() const
{
    std::map<std::string, std::string> of_prefix;
    for (const auto& workspace : world_.controller->store()->list<Workspace>()) {
        const auto& prefix = workspace.spec.s3.prefix;
        const auto [found, fresh] = of_prefix.emplace(prefix, workspace.metadata.name);
        if (!prefix.empty() && !fresh)
            throw Violation("P6 one-result-per-key",
                found->second + " and " + workspace.metadata.name + " were made by one start");
    }
}

/// P2: the service of a workspace that runs is as it was made, of the present settings, and open to its user.
void Judge::services_are_as_wanted() const
{
    for (const auto& [workspace, promise] : users_.promises) {
        if (promise.want != Promise::Want::Running) continue;
        const auto stored = world_.controller->store()->get<Workspace>({"default", workspace});
        const auto* service = world_.engine.service(service_name(workspace));
        if (!stored || !service) continue;
        const auto facts = facts_of(*service, std::string(kInstall));
        if (facts.altered) throw Violation("P2 no-drift", workspace + "'s service is not as it was made");
        if (facts.request_hash != request_hash(*stored))
            throw Violation("P2 no-drift", workspace + "'s service is of other settings");
        if (facts.guarded) throw Violation("I7 open-to-its-user", workspace + "'s route asks for a key");
    }
}

/// P1: who was told that a change was made finds it, whoever else made one.
void Judge::no_edit_is_lost() const
{
    for (const auto& [workspace, promise] : users_.promises) {
        const auto stored = world_.controller->store()->get<Workspace>({"default", workspace});
        if (stored && edits_in(*stored) < promise.edits)
            throw Violation("P1 no-change-is-lost", std::to_string(promise.edits) + " changes of " +
                                                        workspace + " were acknowledged, and " +
                                                        std::to_string(edits_in(*stored)) + " are there");
    }
}

/// I9.
void Judge::pool_is_full() const
{
    std::int64_t warm = 0;
    for (const auto& workspace : world_.controller->store()->list<Workspace>())
        warm += workspace.status.phase == Phase::warm ? 1 : 0;
    if (warm != std::int64_t(world_.pool_size))
        throw Violation(
            "I9 the-pool-is-full", std::to_string(warm) + " of " + std::to_string(world_.pool_size));
}

void Judge::at_rest() const
{
    nothing_is_left_over();
    files_are_there();
    receipts_are_true();
    one_for_each_start();
    services_are_as_wanted();
    no_edit_is_lost();
    pool_is_full();
}

} // namespace berth::sim
