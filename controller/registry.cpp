#include "controller/registry.hpp"

#include "api/types/api_key.hpp"
#include "api/types/workspace_report.hpp"
#include "api/types/workspace_template.hpp"

namespace berth {

namespace {

class Registry {
public:
    Registry(Manager& manager, Router& router, Store& store, Clock& clock)
        : manager_(manager), router_(router), store_(store), clock_(clock)
    {
    }
    /// A kind with a reconciler.
    template <Kind K, class R>
    void add(R& reconciler, ResourceOptions access)
    {
        manager_.add<K>(reconciler);
        mount<K>(std::move(access));
    }
    /// A kind that only records something.
    template <Kind K>
    void add(ResourceOptions access)
    {
        manager_.add<K>();
        mount<K>(std::move(access));
    }

private:
    template <Kind K>
    void mount(ResourceOptions access)
    {
        access.orgs = {"default"}; // single-tenant until org is part of every Docker name
        mount_resource<K>(router_, store_, clock_, std::move(access));
    }

    Manager& manager_;
    Router& router_;
    Store& store_;
    Clock& clock_;
};

ResourceOptions writable_by(Roles writers, std::string description)
{
    ResourceOptions options;
    options.write = std::move(writers);
    options.description = std::move(description);
    return options;
}

/// Reports come all the time and say nothing about what anybody wants: they are not audited.
ResourceOptions report(std::string description)
{
    auto options = writable_by({Role::node}, std::move(description));
    options.audit = false;
    return options;
}

} // namespace

void register_kinds(Manager& manager, Router& router, Store& store, Clock& clock, Reconcilers reconcilers)
{
    ResourceOptions keys = writable_by(kAdmins, "Who may call; only the hash of a key is kept.");
    keys.read = kAdmins;

    Registry kinds{manager, router, store, clock};
    kinds.add<Workspace>(reconcilers.workspace, writable_by(kUsers, "An IDE environment with its files in S3."));
    kinds.add<WorkspaceReport>(report("What a node sees of a workspace."));
    kinds.add<WorkspaceTemplate>(writable_by(kAdmins, "Image and limits that workspaces are made with."));
    kinds.add<Node>(reconcilers.node, writable_by({}, "A machine of the Swarm."));
    kinds.add<NodeReport>(report("What a node's agent measures of its machine."));
    kinds.add<ApiKey>(std::move(keys));
}

} // namespace berth
