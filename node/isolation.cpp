#include "node/isolation.hpp"

#include "controller/base/log.hpp"
#include "node/api_client.hpp"
#include "node/control_volume.hpp"
#include "node/host_facts.hpp"
#include "node/netns.hpp"
#include "node/reporter.hpp"

#include <filesystem>

namespace berth {

namespace {

constexpr Duration kFactsInterval = std::chrono::seconds{10};
/// A container that was seen to start may be missing in a list that was asked for before.
constexpr Duration kListIsOld = std::chrono::seconds{10};

/// Short at first: the namespace of a container that has just started may appear in a moment.
Duration retry_after(int failures) { return Duration{100} * (1 << std::min(failures, 7)); }

std::string run_of(const ContainerReport& container)
{
    return container.id + (container.startedAt ? "@" + format_time(*container.startedAt) : "");
}

void add(std::vector<IpRange>& to, const std::vector<std::string>& texts)
{
    for (const auto& text : texts)
        if (const auto range = parse_ip_range(text)) to.push_back(*range);
}

std::string attribute(const docker::Event& event, std::string_view name)
{
    const auto found = event.Actor.Attributes.find(std::string(name));
    return found == event.Actor.Attributes.end() ? "" : found->second;
}

} // namespace

FilterFacts filter_facts(const NodeConfig& config, const EdgeNetworkStatus& edge,
    const std::vector<std::string>& subnets, const std::vector<std::string>& addresses,
    const std::vector<std::string>& resolvers)
{
    FilterFacts facts;
    facts.open = config.isolation == Switch::off;
    add(facts.proxies, edge.proxies);
    for (const auto* texts : {&edge.subnets, &edge.nodes, &subnets, &addresses}) add(facts.own, *texts);
    facts.denied = parse_ip_ranges(config.isolation_deny).value_or(std::vector<IpRange>{});
    facts.allowed = parse_ip_ranges(config.isolation_allow).value_or(std::vector<IpRange>{});
    add(facts.resolvers, resolvers);
    return facts;
}

Isolation::Isolation(Executor io, Executor filters, Clock& clock, docker::Client& docker,
    const NodeConfig& config, Inventory& inventory)
    : clock_(clock),
      filters_(std::move(filters)),
      docker_(docker),
      config_(config),
      inventory_(inventory),
      wake_(io),
      addresses_(machine_addresses(config.host_net_dir))
{
    if (addresses_.empty())
        log::warning("this machine's own addresses can't be read: only what Docker tells of it is closed to "
                     "workspaces",
            {{"HOST_NET_DIR", config.host_net_dir}});
}

void Isolation::start(TaskGroup& group)
{
    group_ = &group;
    group.spawn("filters", run());
    group.spawn("filter facts", facts_loop());
}

void Isolation::update(const EdgeNetwork& edge)
{
    edge_ = edge.status;
    rebuild();
}

void Isolation::rebuild()
{
    if (!edge_ || !subnets_) return;
    const auto resolvers = config_.isolation_resolvers.empty() ? machine_resolvers(config_.resolv_conf)
                                                               : std::vector<std::string>{};
    auto facts = filter_facts(config_, *edge_, *subnets_, addresses_, resolvers);
    for (auto& range : parse_ip_ranges(config_.isolation_resolvers).value_or(std::vector<IpRange>{}))
        facts.resolvers.push_back(range);
    auto text = filter_text(facts);
    if (ready_ && text == text_) return;
    text_ = std::move(text);
    log::info("the filters' rules", {{"proxies", int(edge_->proxies.size())}, {"first", !ready_}});
    ready_ = true;
    for (auto& [key, wall] : walls_) wall.due = clock_.tick();
    wake_.notify_all();
}

awaitable<> Isolation::facts_loop()
{
    while (true) {
        try {
            subnets_ = co_await engine_subnets(docker_);
        } catch (const Error& error) {
            log::debug("the engine's networks can't be listed", {{"error", error.what()}});
        }
        addresses_ = machine_addresses(config_.host_net_dir);
        rebuild();
        co_await clock_.sleep(subnets_ ? kFactsInterval : Duration{500});
    }
}

void Isolation::add(const LocalParts& parts)
{
    if (parts.container.state != ContainerState::running || parts.sandbox.empty()) return;
    const auto [found, fresh] = walls_.try_emplace(run_of(parts.container));
    if (!fresh) return;
    auto& wall = found->second;
    wall.uid = parts.uid;
    wall.workspace = parts.key.name;
    wall.netns = netns_path(config_, parts.sandbox);
    wall.control_folder = inventory_.control_folder(wall.workspace);
    wall.started = parts.container.startedAt;
    wall.known_since = wall.due = clock_.tick();
    wake_.notify_all();
}

void Isolation::look()
{
    std::set<std::string> present;
    for (const auto& [uid, parts] : inventory_.all()) {
        add(parts);
        present.insert(run_of(parts.container));
    }
    std::erase_if(walls_, [&](const auto& item) {
        return !present.contains(item.first) && clock_.tick() - item.second.known_since > kListIsOld;
    });
}

void Isolation::seen(const docker::Event& event)
{
    if (event.Action != "start" || attribute(event, kKindLabel) != "Workspace" || !group_) return;
    if (!config_.install_id.empty() && attribute(event, kInstallLabel) != config_.install_id) return;
    group_->spawn("isolate", adopt(event.Actor.ID));
}

/// Asks the engine itself: the inventory's next look comes tens of milliseconds later.
awaitable<> Isolation::adopt(std::string id)
{
    std::optional<docker::Container> container;
    try {
        container = co_await docker_.inspect_container(std::move(id));
    } catch (const Error& error) {
        log::debug("a started container can't be looked at", {{"error", error.what()}});
    }
    if (!container) co_return;
    const auto& labels = container->Config.Labels;
    const auto uid = labels.find(std::string(kUidLabel));
    const auto name = labels.find(std::string(kNameLabel));
    if (uid == labels.end() || name == labels.end()) co_return;
    LocalParts parts;
    parts.uid = uid->second;
    parts.key.name = name->second;
    parts.container = to_report(*container, config_.edge_network);
    parts.sandbox = container->NetworkSettings.SandboxKey;
    add(parts);
}

std::optional<std::string> Isolation::next_due() const
{
    if (!ready_) return std::nullopt;
    const auto now = clock_.tick();
    const std::string* checked = nullptr;
    for (const auto& [key, wall] : walls_) {
        if (wall.due > now) continue;
        if (needs_load(wall)) return key; // before any check of one that stands
        checked = &key;
    }
    return checked ? std::optional(*checked) : std::nullopt;
}

Tick Isolation::earliest() const
{
    auto first = clock_.tick() + config_.isolation_check_interval;
    if (ready_)
        for (const auto& [key, wall] : walls_) first = std::min(first, wall.due);
    return first;
}

awaitable<> Isolation::run()
{
    while (true) {
        const auto key = next_due();
        if (key)
            co_await treat(*key);
        else
            co_await wait_until(clock_, wake_, earliest());
    }
}

/// On the filters' thread. Tells the workspace's first process, which waits for it, that its namespace has a
/// filter. Images that don't wait have no use for it, and their volumes may be gone already.
void Isolation::mark_ready(const Wall& wall) const
{
    if (!std::filesystem::exists(wall.control_folder)) return;
    put_control_file(wall.control_folder, kReadyFile, namespace_mark(wall.netns) + "\n");
}

/// On the filters' thread. Loads when the rules changed or somebody has changed them; gives the fingerprint.
std::string Isolation::load(const Wall& wall, const FilterText& text)
{
    const bool stands = wall.loaded && *wall.loaded == text;
    if (stands && firewall_.fingerprint(wall.netns) == wall.fingerprint) return wall.fingerprint;
    if (stands)
        log::warning("a filter was changed by somebody: loading it again", {{"workspace", wall.workspace}});
    auto fingerprint = firewall_.load(wall.netns, text);
    if (!wall.loaded) mark_ready(wall);
    return fingerprint;
}

awaitable<> Isolation::treat(std::string key)
{
    const auto wall = walls_.at(key);
    const auto text = text_;
    std::string fingerprint;
    std::string problem;
    auto body = [this, wall, text] { return load(wall, text); };
    try {
        fingerprint = co_await offload(filters_, body);
    } catch (const Error& error) {
        problem = error.what();
    }
    const auto found = walls_.find(key);
    if (found == walls_.end()) co_return; // it has ended meanwhile
    auto& now = found->second;
    const bool told = now.loaded.has_value() != problem.empty() || now.problem != problem;
    now.problem = problem;
    now.failures = problem.empty() ? 0 : now.failures + 1;
    now.fingerprint = fingerprint;
    now.loaded = problem.empty() ? std::optional(text) : std::nullopt;
    now.due = clock_.tick() +
              with_jitter(problem.empty() ? config_.isolation_check_interval : retry_after(now.failures));
    if (now.loaded && !(text == text_)) now.due = clock_.tick(); // the rules changed meanwhile
    if (!told) co_return;
    if (!problem.empty())
        log::warning("a filter can't be loaded", {{"workspace", now.workspace}, {"error", problem}});
    else if (now.started)
        log::info("isolated",
            {{"workspace", now.workspace}, {"ms_after_start", (clock_.now() - *now.started).count()}});
    if (on_change) on_change(now.uid);
}

IsolationState Isolation::of(const ContainerReport& container) const
{
    if (container.state != ContainerState::running) return {};
    if (config_.isolation == Switch::off) return {false, "ISOLATION is off on this node"};
    const auto found = walls_.find(run_of(container));
    if (found == walls_.end()) return {};
    return {found->second.loaded.has_value(), found->second.problem};
}

} // namespace berth
