#include "api/actions/extend.hpp"

#include "api/types/warm_pool.hpp"
#include "storage/store.hpp"

namespace berth {

bool is_kept(const Workspace& workspace, Time now)
{
    const auto& keep = workspace.spec.keepUntil;
    const auto& activity = workspace.status.activity;
    return (keep && *keep > now) || workspace.spec.idle.mode == IdleMode::off ||
           (activity && activity->state == IdleState::off);
}

void ContainerExtend::mount(Router& router)
{
    Doc doc{.summary = "Keep a container from being stopped for inactivity", .tag = "Containers"};
    doc.roles = kUsers;
    doc.description = "For some minutes from now on, an hour when nothing is said. It never shortens what is "
                      "there; afterwards its use counts as before.";
    doc.errors = {409};
    doc.optional_body = true;
    doc.example_request = json::object{{"minutes", 60}};
    router.post<ExtendRequest>("/api/containers/{id}/extend", std::move(doc), &ContainerExtend::extend, this);
}

awaitable<ContainerView> ContainerExtend::extend(Call call, ExtendRequest request)
{
    auto work = [key = Key{"default", call.param("id")}, who = call.principal.name,
                    until = clock_.now() + std::chrono::minutes{request.minutes}](Txn& txn) {
        auto workspace = txn.get<Workspace>(key);
        if (!workspace || is_slot(*workspace)) throw container_not_found(key.name);
        auto& spec = workspace->spec;
        if (spec.desiredState != DesiredState::running || workspace->metadata.deletionTimestamp)
            throw Error{Errc::Conflict, "the container is stopped: start it instead"};
        if (spec.keepUntil && *spec.keepUntil >= until) return *workspace;
        spec.keepUntil = until;
        txn.update(*workspace);
        const auto detail = "until " + format_time(until);
        txn.audit({who, "extend", std::string(Workspace::kind().kind), key, detail});
        return *workspace;
    };
    const auto workspace = co_await store_.transact(std::move(work));
    co_return container_view(workspace, address_, clock_.now());
}

} // namespace berth
