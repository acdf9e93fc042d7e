#pragma once
// /api/containers (W1 to W4, W6): the verbs of a workspace. Each only edits a spec; reconcilers do the rest.

#include "api/actions/admission.hpp"
#include "api/actions/claim.hpp"
#include "api/actions/container_view.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/idempotency.hpp"
#include "api/http/router.hpp"

namespace berth {

/// Owned by main, outlives the server; I/O thread. Everything that it refers to outlives it.
class Containers {
public:
    Containers(Store& store, const WorkspaceCache& workspaces, WorkspaceAdmission& admission,
        const Clock& clock, ContainerSettings settings);

    void mount(Router& router);

    using View = Answer<ContainerView>;
    /// The verbs, each about the path's {id}.
    awaitable<View> stop(Call call);
    awaitable<View> start_again(Call call);
    awaitable<View> restart(Call call);
    /// Stops it first; when its files are in S3, the object goes too.
    awaitable<View> remove(Call call);

private:
    /// What an edit did: the answer's status depends on whether there was anything to do.
    struct Edited {
        Workspace workspace;
        bool changed = false;
    };

    awaitable<Reply> start(Call call);
    awaitable<std::optional<Reply>> claim(
        Idempotency once, Principal who, Workspace draft, std::optional<std::string> vnc_password);
    awaitable<ContainerList> list(Call call);
    awaitable<ContainerView> show(Call call);
    awaitable<View> callback(Call call, CallbackRequest request);

    void mount_start(Router& router);
    void mount_reads(Router& router);
    void mount_verbs(Router& router);
    WorkspacePtr find(const Call& call) const;
    awaitable<> check_start(const Workspace& workspace);
    View answer(const Edited& edited) const;

    Store& store_;
    const WorkspaceCache& workspaces_;
    WorkspaceAdmission& admission_;
    const Clock& clock_;
    ContainerSettings settings_;
    WarmSlots slots_;
};

} // namespace berth
