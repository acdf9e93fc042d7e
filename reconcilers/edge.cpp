#include "reconcilers/edge.hpp"

#include "api/types/workspace.hpp"
#include "controller/base/ip_range.hpp"
#include "controller/runtime/missing.hpp"

#include <set>

namespace berth {

namespace {

constexpr const char* kOrg = "default";
constexpr Duration kSettleLook{500};
constexpr Duration kWatchFor = std::chrono::seconds{2};

std::string label(const docker::StringMap& labels, std::string_view name)
{
    const auto found = labels.find(std::string(name));
    return found == labels.end() ? "" : found->second;
}

/// "10.201.0.5" from "10.201.0.5/16". Loopback and "any" are nobody's address.
void add_address(std::set<std::string>& to, const std::string& text)
{
    const auto range = parse_ip_range(text.substr(0, text.find('/')));
    if (range && !range->address.is_loopback() && !range->address.is_unspecified())
        to.insert(range->address.to_string());
}

/// "10.0.0.5:2377", "[fd00::5]:2377": without the port.
std::string host_of(const std::string& address)
{
    if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
    return std::count(address.begin(), address.end(), ':') == 1 ? address.substr(0, address.find(':'))
                                                                : address;
}

std::vector<std::string> proxies_of(const EdgeLook& look, const std::string& network)
{
    std::set<std::string> found;
    for (const auto& task : look.tasks) {
        if (docker::task_ended(task->Status.State)) continue;
        for (const auto& attached : task->NetworksAttachments)
            if (attached.Network.Spec.Name == network)
                for (const auto& address : attached.Addresses) add_address(found, address);
    }
    return {found.begin(), found.end()};
}

std::vector<std::string> subnets_of(const EdgeLook& look)
{
    std::set<std::string> found;
    for (const auto& network : look.networks)
        for (const auto& config : network->IPAM.Config)
            if (const auto range = parse_ip_range(config.Subnet); range && !range->is_everything())
                found.insert(range->text());
    return {found.begin(), found.end()};
}

std::vector<std::string> nodes_of(const EdgeLook& look)
{
    std::set<std::string> found;
    for (const auto& node : look.nodes) {
        add_address(found, node->Status.Addr);
        if (node->ManagerStatus) add_address(found, host_of(node->ManagerStatus->Addr));
    }
    for (const auto& report : look.reports)
        for (const auto& address : report.spec.addresses) add_address(found, address);
    return {found.begin(), found.end()};
}

bool live(const docker::Task& task) { return task.DesiredState == "running" || task.DesiredState == "ready"; }

std::vector<Key> the_edge() { return {Key{kOrg, kEdgeName}}; }

} // namespace

bool is_proxy(const docker::Service& service, const EdgeSettings& settings)
{
    const auto& spec = service.Spec;
    if (!settings.proxy_service.empty() && spec.Name == settings.proxy_service) return true;
    return label(spec.Labels, kInstallLabel) == settings.install_id &&
           label(spec.Labels, kRoleLabel) == kProxyRole;
}

EdgeNetworkStatus edge_status(
    EdgeNetworkStatus status, const EdgeLook& look, const EdgeSettings& settings, Time now)
{
    status.proxies = proxies_of(look, settings.edge_network);
    status.subnets = subnets_of(look);
    status.nodes = nodes_of(look);
    Condition found{"ProxyFound", ConditionStatus::True, "TasksFound", "", {}, 0};
    if (status.proxies.empty()) {
        found.status = ConditionStatus::False;
        found.reason = look.services.empty() ? "NoService" : "NoTask";
        found.message = look.services.empty()
                            ? "no service carries " + std::string(kRoleLabel) + "=" +
                                  std::string(kProxyRole) +
                                  " (a Traefik of your own is named by PROXY_SERVICE)"
                            : "no task of the reverse proxy is on the network " + settings.edge_network;
    }
    set_condition(status.conditions, std::move(found), now);
    return status;
}

bool proxies_settle(const EdgeLook& look)
{
    std::map<std::string, bool> up;
    for (const auto& task : look.tasks) {
        if (!live(*task) || docker::task_ended(task->Status.State)) continue;
        if (task->Status.State != "running") return true;
        up[task->ServiceID] = true;
    }
    return std::ranges::any_of(look.services, [&up](const auto& service) {
        const auto& mode = service->Spec.Mode;
        const bool wanted = !mode || !mode->Replicated || mode->Replicated->Replicas.value_or(1) > 0;
        return wanted && !up.contains(service->ID);
    });
}

EdgeReconciler::EdgeReconciler(Store& store, docker::Observed& observed, Clock& clock, EdgeSettings settings)
    : store_(store),
      observed_(observed),
      clock_(clock),
      settings_(std::move(settings))
{}

/// Workspaces come and go all the time and change nothing here.
void EdgeReconciler::watch(Sources<EdgeNetwork>& on)
{
    on.self();
    const auto unless_workspace = [](const docker::ObservedChange& change) {
        return label(change.labels, kKindLabel) == Workspace::kind().kind ? std::vector<Key>{} : the_edge();
    };
    on.docker(docker::ObjectType::Service, unless_workspace);
    on.docker(docker::ObjectType::Task, unless_workspace);
    on.docker(docker::ObjectType::Network, [](const docker::ObservedChange&) { return the_edge(); });
    on.docker(docker::ObjectType::Node, [](const docker::ObservedChange&) { return the_edge(); });
    on.entries_of<NodeReport>([](const Entry&) { return the_edge(); });
}

EdgeLook EdgeReconciler::look() const
{
    EdgeLook look;
    for (const auto& service : observed_.services()) {
        if (!is_proxy(*service, settings_)) continue;
        look.services.push_back(service);
        for (const auto& task : observed_.tasks_of_service(service->ID)) look.tasks.push_back(task);
    }
    look.networks = observed_.networks();
    look.nodes = observed_.nodes();
    look.reports = store_.list<NodeReport>();
    return look;
}

awaitable<Action> EdgeReconciler::reconcile(EdgeNetwork& edge)
{
    const auto look = this->look();
    edge.status = edge_status(std::move(edge.status), look, settings_, clock_.now());
    if (!proxies_settle(look)) {
        settling_since_.reset();
        co_return Action::wait();
    }
    if (!settling_since_) settling_since_ = clock_.tick();
    if (clock_.tick() - *settling_since_ >= settings_.settle_for) co_return Action::wait();
    observed_.watch_closely(kWatchFor);
    co_return Action::again(kSettleLook);
}

awaitable<Action> EdgeReconciler::missing(Key key)
{
    if (key.org != kOrg || key.name != kEdgeName) co_return Action::wait();
    co_await make_missing<EdgeNetwork>(store_, std::move(key));
    co_return Action::again(Duration{0});
}

} // namespace berth
