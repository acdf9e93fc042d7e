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
    void add(R& reconciler, ResourceOptions access, ControllerOptions options = {}, Admission<K>* rules = nullptr)
    {
        manager_.add<K>(reconciler, std::move(options));
        mount<K>(std::move(access), rules);
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
    void mount(ResourceOptions access, Admission<K>* rules = nullptr)
    {
        access.orgs = {"default"}; // single-tenant until org is part of every Docker name
        mount_resource<K>(router_, store_, clock_, std::move(access), rules);
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

void register_kinds(Manager& manager, Router& router, Store& store, Clock& clock, Reconcilers reconcilers, Rules rules)
{
    ResourceOptions keys = writable_by(kAdmins, "Who may call; only the hash of a key is kept.");
    keys.read = kAdmins;

    ResourceOptions edge = writable_by({}, "Where the reverse proxies, the networks and the nodes are, for filters.");
    edge.read = {Role::admin, Role::node};

    Registry kinds{manager, router, store, clock};
    kinds.add<Workspace>(
        reconcilers.workspace, writable_by(kUsers, "An IDE environment with its files in S3."), {}, &rules.workspace);
    kinds.add<WorkspaceReport>(report("What a node sees of a workspace."));
    kinds.add<WorkspaceTemplate>(writable_by(kAdmins, "Image and limits that workspaces are made with."));
    ControllerOptions one_at_a_time; // pools share the memory that they look at
    one_at_a_time.workers = 1;
    kinds.add<WarmPool>(reconcilers.warm_pool, writable_by(kAdmins, "Workspaces that run before anybody asks."),
        std::move(one_at_a_time));
    kinds.add<Node>(reconcilers.node, writable_by({}, "A machine of the Swarm."));
    kinds.add<EdgeNetwork>(reconcilers.edge, std::move(edge));
    kinds.add<NodeReport>(report("What a node's agent measures of its machine."));
    kinds.add<ApiKey>(std::move(keys));
}

} // namespace berth
