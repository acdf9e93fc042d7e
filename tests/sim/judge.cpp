#include "tests/sim/judge.hpp"

#include <algorithm>

namespace berth::sim {

namespace {

/// "ws-<id>-files" of a workspace's files volume.
std::optional<std::string> workspace_of(const Users& users, const std::string& volume)
{
    for (const auto& [id, promise] : users.promises)
        if (files_volume_name(id) == volume) return id;
    return std::nullopt;
}

} // namespace

Judge::Judge(World& world, Users& users) : world_(world), users_(users)
{
    world_.inspect = [this] { safety(); };
    world_.volume_goes = [this](const std::string& volume) { nothing_is_lost_with(volume); };
}

Judge::~Judge()
{
    world_.inspect = [] {};
    world_.volume_goes = [](const std::string&) {};
}

void Judge::safety()
{
    at_most_one_container();
    foreign_things_stay();
}

/// I4: two containers of one workspace would write to S3 at the same time.
void Judge::at_most_one_container() const
{
    std::map<std::string, int> running;
    for (const auto& one : world_.engine.containers()) {
        const auto uid = one.Config.Labels.find(std::string(kUidLabel));
        if (uid == one.Config.Labels.end() || !one.State.Running) continue;
        if (++running[uid->second] > 1)
            world_.violated("I4 one-live-container", "two run for " + one.Config.Labels.at(std::string(kNameLabel)));
    }
}

/// I5: what does not carry our label is never touched.
void Judge::foreign_things_stay() const
{
    if (!world_.engine.service(kForeignThing))
        world_.violated("I5 foreign-things-stay", "a foreign service is gone");
    if (!world_.engine.volumes().contains(kForeignThing))
        world_.violated("I5 foreign-things-stay", "a foreign volume is gone");
}

bool Judge::saved(const Promise& promise, const std::string& name, const std::string& text) const
{
    const auto bucket = world_.buckets.find("demo/" + promise.prefix);
    if (bucket == world_.buckets.end()) return false;
    const auto found = bucket->second.objects.find(name);
    return found != bucket->second.objects.end() && found->second.content == text;
}

/// I6: a volume goes only when S3 has what was in it.
void Judge::nothing_is_lost_with(const std::string& volume) const
{
    const auto workspace = workspace_of(users_, volume);
    if (!workspace) return;
    const auto& promise = users_.promises.at(*workspace);
    for (const auto& [name, text] : promise.files)
        if (!saved(promise, name, text))
            world_.violated(
                "I6 no-removal-before-it-is-saved", volume + " went with " + name + " (" + text + ")");
}

bool Judge::is_where_wanted(const std::string& workspace, const Promise& promise, std::string& why) const
{
    const auto stored = world_.controller->store()->get<Workspace>({"default", workspace});
    const auto containers = world_.containers_of(workspace);
    const bool runs =
        std::any_of(containers.begin(), containers.end(), [](const auto& one) { return one.State.Running; });
    const bool volume = world_.engine.volumes().contains(files_volume_name(workspace));
    const auto phase = stored ? std::string(detail::enumerator_name(stored->status.phase)) : "gone";
    why = workspace + " is " + phase + (runs ? ", its container runs" : ", no container runs") +
          (volume ? ", its volume is there" : ", no volume");
    if (stored) {
        for (const auto& condition : stored->status.conditions)
            why += "; " + condition.type + "=" + detail::enumerator_name(condition.status) + " " +
                   condition.reason + " " + condition.message;
        if (stored->status.observedGeneration != stored->metadata.generation) return false;
    }
    if (promise.want == Promise::Want::Deleted) return !stored && !runs && !volume;
    if (!stored) return false;
    if (promise.want == Promise::Want::Running) return stored->status.phase == Phase::running && runs;
    const bool at_rest = stored->status.phase == Phase::stopped || stored->status.phase == Phase::archived;
    return at_rest && !runs && !volume;
}

bool Judge::converged(std::string& why) const
{
    if (!world_.serving()) {
        why = "berthd does not serve";
        return false;
    }
    for (const auto& [workspace, promise] : users_.promises)
        if (!is_where_wanted(workspace, promise, why)) return false;
    return true;
}

} // namespace berth::sim
