#include "node/inventory.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "node/reporter.hpp"

#include <charconv>
#include <filesystem>

namespace berth {

namespace {

constexpr Duration kDebounce{30};
constexpr Duration kSecondOpinion = std::chrono::seconds{2};

std::string label(const docker::StringMap& labels, std::string_view name)
{
    const auto found = labels.find(std::string(name));
    return found == labels.end() ? std::string() : found->second;
}

ContainerState state_of(const docker::ContainerState& state)
{
    if (state.Running || state.Restarting) return ContainerState::running;
    return state.Status == "created" ? ContainerState::created : ContainerState::exited;
}

/// The engine writes year 1 for "never".
std::optional<Time> engine_time(const std::string& text)
{
    const auto time = parse_time(text);
    return time && time->time_since_epoch().count() > 0 ? time : std::nullopt;
}

docker::EventStreamOptions event_options()
{
    docker::EventStreamOptions options;
    options.filters = docker::with_labels({{std::string(kKindLabel), "Workspace"}});
    options.filters["type"] = {"container"};
    return options;
}

/// Whether `fresh` says more about the workspace than `old`.
bool newer(const ContainerReport& fresh, const ContainerReport& old)
{
    if (old.state == ContainerState::absent || planted("inventory.last-listed-counts")) return true;
    if (fresh.incarnation != old.incarnation) return fresh.incarnation > old.incarnation;
    return fresh.state == ContainerState::running && old.state != ContainerState::running;
}

} // namespace

ContainerReport to_report(const docker::Container& container, const std::string& edge_network)
{
    ContainerReport report;
    report.state = state_of(container.State);
    report.id = container.Id;
    const auto incarnation = label(container.Config.Labels, kIncarnationLabel);
    std::from_chars(incarnation.data(), incarnation.data() + incarnation.size(), report.incarnation);
    report.exitCode = container.State.ExitCode;
    report.oomKilled = container.State.OOMKilled;
    report.startedAt = engine_time(container.State.StartedAt);
    if (report.state == ContainerState::exited) report.finishedAt = engine_time(container.State.FinishedAt);
    for (const auto& [name, network] : container.NetworkSettings.Networks) {
        if (network.IPAddress.empty() || report.state != ContainerState::running) continue;
        if (name == edge_network || report.address.empty()) report.address = network.IPAddress;
        if (name == edge_network) break;
    }
    return report;
}

Inventory::Inventory(Executor executor, Clock& clock, docker::Client& client, InventoryOptions options)
    : clock_(clock),
      client_(client),
      options_(std::move(options)),
      events_(executor, clock, client, event_options()),
      wake_(executor)
{}

std::string Inventory::files_folder(const std::string& workspace) const
{
    return options_.volumes_dir + "/" + files_volume_name(workspace) + "/_data";
}
std::string Inventory::control_folder(const std::string& workspace) const
{
    return options_.volumes_dir + "/" + control_volume_name(workspace) + "/_data";
}

void Inventory::poke()
{
    poked_ = true;
    wake_.notify_all();
}

std::uint64_t Inventory::ask()
{
    poke();
    return begun_ + 1;
}

void Inventory::count_oom(const docker::Event& event)
{
    if (event.Action != "oom") return;
    auto& kills = oom_[event.Actor.ID];
    ++kills.count;
    kills.last = clock_.now();
    log::warning("the memory limit of a container was reached", {{"container", event.Actor.ID.substr(0, 12)}});
}

void Inventory::volume_removed(const std::string& uid, const std::string& name)
{
    removed_[name] = clock_.tick();
    const auto found = parts_.find(uid);
    if (found == parts_.end()) return;
    auto& parts = found->second;
    if (name == files_volume_name(parts.key.name)) parts.files_volume = false;
    if (name == control_volume_name(parts.key.name)) parts.control_volume = false;
}

LocalParts Inventory::parts(const std::string& uid, const Key& key) const
{
    const auto found = parts_.find(uid);
    LocalParts parts = found == parts_.end() ? LocalParts{} : found->second;
    parts.key = key;
    parts.uid = uid;
    std::error_code ignored;
    parts.files_volume = parts.files_volume || std::filesystem::exists(files_folder(key.name), ignored);
    parts.control_volume = parts.control_volume || std::filesystem::exists(control_folder(key.name), ignored);
    return parts;
}

awaitable<> Inventory::listen()
{
    while (true) {
        const auto hint = co_await events_.next();
        if (!hint.resync) stale_.insert(hint.event.Actor.ID);
        if (!hint.resync && on_event) on_event(hint.event);
        if (!hint.resync) count_oom(hint.event);
        poke();
    }
}

void Inventory::start(TaskGroup& group)
{
    group.spawn("engine events", events_.run());
    group.spawn("engine hints", listen());
    group.spawn("inventory", run());
}

awaitable<> Inventory::run()
{
    while (true) {
        if (!poked_) co_await wait_until(clock_, wake_, clock_.tick() + options_.relist);
        co_await clock_.sleep(kDebounce);
        poked_ = false;
        co_await look();
    }
}

awaitable<> Inventory::look()
{
    Found found;
    const auto number = ++begun_;
    std::optional<Error> failure;
    try {
        found = co_await list();
    } catch (const Error& error) {
        failure = error;
    }
    if (failure) {
        log::warning("the engine can't be listed", {{"error", failure->what()}});
        co_await clock_.sleep(std::chrono::seconds{1});
        poked_ = true;
        co_return;
    }
    // An engine that just came back may have nothing to show yet.
    if (found.empty() && !parts_.empty() && !doubted_ && !planted("inventory.believes-empty-lists")) {
        doubted_ = true;
        co_await clock_.sleep(kSecondOpinion);
        poked_ = true;
        co_return;
    }
    doubted_ = false;
    parts_ = std::move(found);
    synced_ = true;
    believed_ = number;
    if (on_look) on_look();
}

LocalParts* Inventory::place(Found& found, const docker::StringMap& labels) const
{
    const auto uid = label(labels, kUidLabel);
    const auto name = label(labels, kNameLabel);
    if (uid.empty() || !is_dns_label(name)) return nullptr;
    if (!options_.install_id.empty() && label(labels, kInstallLabel) != options_.install_id) return nullptr;
    auto& parts = found[uid];
    parts.uid = uid;
    parts.key = {label(labels, kOrgLabel), name};
    return &parts;
}

awaitable<docker::Container> Inventory::details(const docker::ContainerSummary& summary)
{
    const auto known = details_.find(summary.Id);
    if (known != details_.end() && known->second.first == summary.State) co_return known->second.second;
    auto container = co_await client_.inspect_container(summary.Id);
    if (!container) throw Error{Errc::Conflict, "a container went away while it was looked at"};
    details_[summary.Id] = {summary.State, *container};
    co_return std::move(*container);
}

awaitable<Inventory::Found> Inventory::list()
{
    Found found;
    const auto since = clock_.tick();
    std::erase_if(removed_, [since](const auto& item) { return item.second < since; });
    const auto filters = docker::with_labels({{std::string(kKindLabel), "Workspace"}});
    std::set<std::string> seen;
    std::size_t running = 0;
    // What an event names while this runs is for the next look.
    for (const auto& id : std::exchange(stale_, {})) details_.erase(id);
    for (const auto& summary : co_await client_.list_containers(filters, true)) {
        seen.insert(summary.Id);
        auto* parts = place(found, summary.Labels);
        if (!parts) continue;
        const auto container = co_await details(summary);
        auto report = to_report(container, options_.edge_network);
        if (const auto kills = oom_.find(summary.Id); kills != oom_.end()) {
            report.oomKills = kills->second.count;
            report.lastOomAt = kills->second.last;
        }
        running += report.state == ContainerState::running ? 1 : 0;
        if (!newer(report, parts->container)) continue;
        parts->container = report;
        parts->sandbox = container.NetworkSettings.SandboxKey;
        parts->pid = container.State.Pid;
    }
    const auto gone = [&](const auto& item) { return !seen.contains(item.first); };
    std::erase_if(details_, gone);
    std::erase_if(oom_, gone);
    for (const auto& volume : co_await client_.list_volumes(filters)) {
        if (removed_.contains(volume.Name)) continue; // removed while the list was on its way
        auto* parts = place(found, volume.Labels);
        if (!parts) continue;
        if (volume.Name == files_volume_name(parts->key.name)) parts->files_volume = true;
        if (volume.Name == control_volume_name(parts->key.name)) parts->control_volume = true;
    }
    running_ = running;
    co_return found;
}

} // namespace berth
