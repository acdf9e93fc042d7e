// What the agent sees beside the files: probes, usage, and the report made of everything.

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "node/news.hpp"
#include "node/prober.hpp"
#include "node/workspace_agent.hpp"

#include <sys/stat.h>

#include <fcntl.h>

namespace berth {

namespace {

constexpr Duration kProbeLimit = std::chrono::seconds{2};
constexpr Duration kEditorLimit = std::chrono::seconds{10};
/// While a workspace comes up every moment counts; one that doesn't come up must not cost much.
constexpr Duration kEagerProbe{50};
constexpr Duration kPatientProbe = std::chrono::seconds{1};
constexpr Duration kEagerFor = std::chrono::seconds{60};
constexpr Duration kUsageInterval = std::chrono::seconds{10};

} // namespace

S3Source complete_source(S3Source source, const NodeConfig& config)
{
    if (source.endpoint.empty()) source.endpoint = config.s3_endpoint;
    while (source.endpoint.ends_with('/')) source.endpoint.pop_back();
    // The install's own key goes to the install's own server only: anybody can name an endpoint.
    if (source.accessKeyId.empty() && source.endpoint == config.s3_endpoint) {
        source.accessKeyId = config.s3_access_key;
        source.secretAccessKey = config.s3_secret_key;
    }
    return source;
}

std::string source_identity(const S3Source& source)
{
    return source.endpoint + "|" + source.bucket + "|" + source.prefix;
}

std::string volume_identity(const std::string& folder)
{
    struct ::statx info {};
    const int flags = AT_SYMLINK_NOFOLLOW;
    if (::statx(AT_FDCWD, folder.c_str(), flags, STATX_BASIC_STATS | STATX_BTIME, &info) != 0) return "";
    std::string text = std::to_string(info.stx_ino);
    if (info.stx_mask & STATX_BTIME)
        text += "@" + std::to_string(info.stx_btime.tv_sec) + "." + std::to_string(info.stx_btime.tv_nsec);
    return text;
}

awaitable<> WorkspaceAgent::probe_loop()
{
    while (true) co_await wait_until(parts_.clock, probe_wake_, co_await probe_once());
}

/// Probes if there is something to probe; gives the time of the next look.
awaitable<Tick> WorkspaceAgent::probe_once()
{
    const auto container = local_.container;
    if (container.state != ContainerState::running || local_.sandbox.empty()) {
        health_ = Health{};
        probed_id_.clear();
        co_return parts_.clock.tick() + parts_.config.probe_interval;
    }
    const auto run = container.id + (container.startedAt ? format_time(*container.startedAt) : "");
    if (run != probed_id_) {
        health_ = Health{};
        probed_id_ = run;
        probing_since_ = parts_.clock.tick();
    }
    const auto netns = netns_path(parts_.config, local_.sandbox);
    const auto checks = co_await parts_.world.probe(netns, kProbeLimit);
    // A slot has the time that its user will not have: its editor has been opened once before it is warm.
    if (health_.status == HealthState::starting && checks.codeServer && checks.vnc &&
        !workspace_.spec.pool.empty())
        co_await parts_.world.open_editor(netns, kEditorLimit);
    if (local_.container.id != container.id || local_.container.state != ContainerState::running)
        co_return parts_.clock.tick();
    const auto before = health_;
    health_ = next_health(before, checks, parts_.clock.now());
    // The history alone can wait for the next regular report.
    if (before.status != health_.status || !(before.checks == health_.checks) ||
        before.misses != health_.misses) {
        log::info(
            "health", {{"workspace", workspace_.metadata.name}, {"codeServer", checks.codeServer},
                          {"vnc", checks.vnc}, {"webServer", checks.webServer}, {"misses", health_.misses}});
        changed();
    }
    const auto now = parts_.clock.tick();
    const bool young = now - probing_since_ < kEagerFor;
    if (health_.status == HealthState::starting) co_return now + (young ? kEagerProbe : kPatientProbe);
    // Eagerly only for the user's own server: a miss has the regular interval to mend itself in.
    if (young && !checks.webServer && health_.misses == 0) co_return now + kPatientProbe;
    co_return now + parts_.config.probe_interval;
}

awaitable<> WorkspaceAgent::usage_loop()
{
    std::optional<CpuSample> before;
    std::string sampled;
    while (true) {
        const auto id =
            local_.container.state == ContainerState::running ? local_.container.id : std::string();
        if (id != sampled) before.reset();
        sampled = id;
        if (!id.empty()) {
            try {
                auto netns = netns_path(parts_.config, local_.sandbox);
                const auto stats = co_await parts_.meter.measure(id, local_.pid, std::move(netns));
                const CpuSample now{stats.cpu_stats.cpu_usage.total_usage, parts_.clock.tick()};
                if (local_.container.id == id) usage_ = container_usage(stats, before, now);
                before = now;
            } catch (const Error& error) {
                log::debug("no usage", {{"workspace", workspace_.metadata.name}, {"error", error.what()}});
            }
        }
        co_await parts_.clock.sleep(kUsageInterval);
    }
}

/// The controller says that Docker has no task left of an incarnation. What the engine shows after that is
/// the last word about what it left here, and only that may be taken for "nothing".
void WorkspaceAgent::heed_end()
{
    const auto ended = workspace_.status.endedIncarnation;
    if (ended == 0 || ended == told_end_) return;
    told_end_ = ended;
    end_look_ = parts_.inventory.ask();
    if (planted("agent.earlier-list-is-the-last")) end_look_ = parts_.inventory.answered();
}

void WorkspaceAgent::note_list()
{
    if (listed_end_ == told_end_ || parts_.inventory.answered() < end_look_) return;
    listed_end_ = told_end_;
    changed();
    wake_.notify_all();
}

WorkspaceReportSpec WorkspaceAgent::present() const
{
    WorkspaceReportSpec spec;
    spec.workspaceUid = workspace_.metadata.uid;
    spec.nodeId = parts_.node_id;
    spec.nodeName = parts_.node_name;
    spec.reportedAt = parts_.clock.now();
    spec.container = local_.container;
    spec.filesVolume = local_.files_volume;
    spec.controlVolume = local_.control_volume;
    spec.listedEnd = listed_end_;
    spec.restored = restored_ || is_slot(workspace_); // a slot has nothing to wait for
    spec.observedClaim = observed_claim();
    spec.controlReady = local_.control_volume && !control_written_.empty();
    const auto wall = parts_.walls.of(local_.container);
    spec.isolated = wall.isolated;
    spec.isolationProblem = wall.problem;
    spec.health = health_;
    spec.sync = status_;
    spec.sync.s3Requests = earlier_requests_ + (store_ ? store_->requests() : 0);
    spec.observedRequests = observed_requests_;
    spec.resourceUsage = usage_;
    spec.activity = use_.signals();
    spec.lastActivity = use_.newest();
    return spec;
}

std::optional<json::object> WorkspaceAgent::report(bool news)
{
    if (!has_a_say()) return std::nullopt;
    auto spec = present();
    const auto now = parts_.clock.tick();
    if (!news && told_ && now < repeat_due_ && !worth_telling(*told_, spec)) return std::nullopt;
    repeat_due_ = now + with_jitter(parts_.config.report_interval * kRepeatEvery);
    use_.told();
    sent_ = spec;
    WorkspaceReport report;
    const auto& meta = workspace_.metadata;
    report.metadata.org = meta.org;
    report.metadata.name = meta.name;
    report.metadata.ownerReferences = {OwnerReference{"Workspace", meta.name, meta.uid}};
    report.spec = std::move(spec);
    return encode_object(report);
}

std::optional<Time> WorkspaceAgent::unchanged_since() const
{
    if (!told_ || !has_a_say() || !reported() || worth_telling(*told_, present())) return std::nullopt;
    return told_->reportedAt;
}

} // namespace berth
