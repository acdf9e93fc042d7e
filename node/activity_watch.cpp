#include "node/activity_watch.hpp"

#include "api/types/warm_pool.hpp"
#include "controller/base/log.hpp"
#include "controller/base/random.hpp"
#include "node/control_volume.hpp"
#include "node/display_idle.hpp"
#include "node/workspace_agent.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr Duration kLook = std::chrono::seconds{10};
constexpr Duration kCloseLook = std::chrono::seconds{2}; ///< while its end is near
constexpr Duration kShortestLook = std::chrono::seconds{1};
constexpr Duration kDisplayLimit = std::chrono::seconds{2};
/// A sign after so long without one is told at once: it moves the end that people see.
constexpr Duration kNews = std::chrono::seconds{60};
constexpr Duration kNearEnd = std::chrono::seconds{90};
/// Events of the X server's own start are no input.
constexpr Duration kDisplaySettles = std::chrono::seconds{2};
constexpr Duration kRelayRound = std::chrono::seconds{10};
constexpr int kFailuresAllowed = 3;

std::string per_cent(double cores)
{
    return std::to_string(static_cast<int>(std::min(cores * 100, 100000.0))) + "% of a processor";
}

std::string clock_time(Time at) { return format_time(at).substr(11, 8) + " UTC"; }

} // namespace

/// What one look into the container found.
struct ActivityWatch::Outside {
    std::string problem; ///< why nothing was found
    std::vector<Terminal> terminals;
    std::optional<Time> editor;
    std::optional<DisplaySocket> display;
};

std::string idle_notice(const Workspace& workspace, IdleMode install, Time stops_at, Time now)
{
    const auto left = std::max<Duration>(stops_at - now, Duration{0});
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left).count();
    const auto time = seconds >= 90 ? std::to_string((seconds + 30) / 60) + " minutes"
                                    : std::to_string(std::max<std::int64_t>(seconds, 1)) + " seconds";
    const bool files_only = workspace.spec.idle.mode.value_or(install) == IdleMode::filesOnly;
    return "Berth: nobody uses this workspace: it will be stopped in " + time + ", at " +
           clock_time(stops_at) + " (files are saved). " +
           (files_only ? "Save a file" : "Press a key or save a file") +
           " to keep it, or extend it: POST /api/containers/" + workspace.metadata.name + "/extend";
}

ActivityWatch::ActivityWatch(NodeParts& parts, ActivityView view)
    : parts_(parts),
      view_(std::move(view)),
      wake_(parts.io)
{
    // An agent that restarted goes on from what berthd knows.
    const auto& known = view_.workspace.status.activity;
    if (!known) return;
    for (const auto& signal : known->signals)
        if (signal.at) log_.note(signal.kind, *signal.at, signal.source, parts_.clock.now());
}

bool ActivityWatch::watched() const
{
    return view_.local.container.state == ContainerState::running && !is_slot(view_.workspace);
}

bool ActivityWatch::warned() const
{
    const auto& activity = view_.workspace.status.activity;
    return watched() && activity && activity->state == IdleState::warning && activity->stopsAt;
}

std::optional<Time> ActivityWatch::stops_at() const
{
    const auto& activity = view_.workspace.status.activity;
    return activity ? activity->stopsAt : std::nullopt;
}

Duration ActivityWatch::interval() const
{
    const std::chrono::seconds own{view_.workspace.spec.idle.timeoutSeconds};
    Duration next = own.count() > 0 ? std::clamp<Duration>(own / 8, kShortestLook, kLook) : kLook;
    if (warned()) next = std::min(next, kCloseLook);
    // Only a report from the end itself can tell that nothing had happened until then.
    const auto end = stops_at();
    const auto left = end ? *end - parts_.clock.now() : next;
    return left > Duration{0} ? std::min<Duration>(next, left) : next;
}

void ActivityWatch::update()
{
    const auto& activity = view_.workspace.status.activity;
    const auto state = activity ? activity->state : IdleState::active;
    const std::pair now{state, state == IdleState::warning ? activity->stopsAt : std::nullopt};
    if (std::exchange(known_, now) == now) return;
    look_now_ = true; // a notification is not kept when nobody waits
    wake_.notify_all();
}

awaitable<> ActivityWatch::run()
{
    while (true) {
        look_now_ = false;
        if (watched()) {
            co_await look();
            report_if_worth();
        }
        co_await show();
        if (!look_now_) co_await wait_until(parts_.clock, wake_, parts_.clock.tick() + interval());
    }
}

awaitable<> ActivityWatch::look()
{
    const auto now = parts_.clock.now();
    look_at_files(now);
    const auto hold = view_.workspace.spec.idle.holdCpuPercent;
    if (hold > 0 && view_.usage && view_.usage->cpu * 100 >= static_cast<double>(hold))
        log_.note(ActivityKind::cpu, now, per_cent(view_.usage->cpu), now);
    co_await look_outside();
}

void ActivityWatch::look_at_files(Time now)
{
    if (const auto last = view_.files->last_ms.load(); last > 0)
        log_.note(ActivityKind::files, Time{Duration{last}}, view_.files->last_source, now);
    // Without watches only the sync sees that something has changed.
    const auto manifest = view_.sync.receipt ? view_.sync.receipt->manifestHash : std::string();
    const auto before = std::exchange(manifest_, manifest);
    if (view_.files->blind && !before.empty() && !manifest.empty() && before != manifest)
        log_.note(ActivityKind::files, now, "changed files", now);
}

awaitable<> ActivityWatch::look_outside()
{
    const auto& config = parts_.config;
    auto body = [proc = config.proc_dir, pid = view_.local.pid,
                    netns = netns_path(config, view_.local.sandbox)] {
        Outside outside;
        try {
            const ContainerRoot root(proc, pid, netns);
            outside.terminals = terminals(root);
            outside.editor = editor_use(root);
            outside.display = display_socket(root);
        } catch (const Error& error) {
            outside.problem = error.what();
        }
        return outside;
    };
    auto outside = co_await offload(parts_.work, std::move(body));
    take(outside);
    co_await look_at_display(std::move(outside.display));
}

void ActivityWatch::take(const Outside& outside)
{
    // A container that is just ending can't be looked into; one that goes on can.
    failures_ = outside.problem.empty() ? 0 : failures_ + 1;
    if (failures_ == kFailuresAllowed) {
        log::warning("a container can't be looked into",
            {{"workspace", view_.workspace.metadata.name}, {"error", outside.problem}});
        log_.missing(ActivityKind::terminal, outside.problem);
        view_.changed();
    }
    if (!outside.problem.empty()) return;
    log_.present(ActivityKind::terminal);
    const auto now = parts_.clock.now();
    for (const auto& terminal : outside.terminals) {
        log_.note(ActivityKind::terminal, terminal.input, terminal.name, now);
        const auto own = own_output_.find(terminal.name);
        if (own == own_output_.end() || own->second != terminal.output)
            log_.note(ActivityKind::terminal, terminal.output, terminal.name, now);
    }
    last_terminals_ = outside.terminals;
    if (outside.editor) log_.note(ActivityKind::editor, *outside.editor, "code-server", now);
}

awaitable<> ActivityWatch::look_at_display(std::optional<DisplaySocket> display)
{
    if (!display) co_return;
    const auto since = display->since;
    try {
        const auto idle = co_await display_idle(parts_.clock, std::move(display->socket), kDisplayLimit);
        const auto now = parts_.clock.now();
        const Time last = now - idle;
        // Reckoned back from how long it is ago, the same input is a few milliseconds later each time.
        if (last <= std::max(since, desktop_.value_or(since)) + kDisplaySettles) co_return;
        desktop_ = last;
        log_.note(ActivityKind::vnc, last, "desktop", now);
    } catch (const Error& error) {
        log::debug("a desktop does not tell its last input",
            {{"workspace", view_.workspace.metadata.name}, {"error", error.what()}});
    }
}

void ActivityWatch::report_if_worth()
{
    const auto now = parts_.clock.now();
    const auto end = stops_at();
    const auto newest = log_.newest();
    const bool news = newest && (!told_ || *newest > *told_);
    const bool long_silence = news && (!told_ || *newest - *told_ >= kNews);
    const bool near = end && *end - now < kNearEnd;
    const bool end_reached = end && now >= *end && (!told_at_ || *told_at_ < *end);
    if (long_silence || (news && near) || end_reached) view_.changed();
}

void ActivityWatch::told()
{
    told_ = log_.newest();
    told_at_ = parts_.clock.now();
}

std::string ActivityWatch::notice() const
{
    if (!warned()) return "";
    return idle_notice(view_.workspace, parts_.config.inactivity_mode, *stops_at(), parts_.clock.now());
}

/// Into the control volume, for new terminals (`notice`) and the monitor (`idle`), and once into each open
/// terminal.
awaitable<> ActivityWatch::show()
{
    if (!view_.local.control_volume || !watched()) co_return;
    const auto seconds = stops_at() ? stops_at()->time_since_epoch().count() / 1000 : 0;
    const auto idle = warned() ? "warning " + std::to_string(seconds) + "\n" : std::string("active\n");
    const auto showing = view_.local.container.id + " " + idle; // each container may have a volume of its own
    if (shown_ != showing) {
        const auto text = notice();
        const auto folder = parts_.inventory.control_folder(view_.workspace.metadata.name);
        auto body = [folder, idle, text] {
            try {
                put_control_file(folder, "notice", text.empty() ? "" : text + "\n");
                put_control_file(folder, "idle", idle);
                return true;
            } catch (const Error& error) {
                log::debug("the control volume can't be written", {{"error", error.what()}});
                return false;
            }
        };
        if (co_await offload(parts_.work, std::move(body))) shown_ = showing;
    }
    if (!warned()) warned_in_terminals_ = false;
    if (warned() && !std::exchange(warned_in_terminals_, true)) co_await show_in_terminals(notice());
}

awaitable<> ActivityWatch::show_in_terminals(std::string text)
{
    const auto& config = parts_.config;
    using Times = std::vector<Terminal>;
    auto body = [proc = config.proc_dir, pid = view_.local.pid,
                    netns = netns_path(config, view_.local.sandbox), which = last_terminals_,
                    words = "\r\n\a" + text + "\r\n"]() -> std::pair<std::size_t, Times> {
        try {
            const ContainerRoot root(proc, pid, netns);
            const auto taken = write_to_terminals(root, which, words);
            return {taken, terminals(root)};
        } catch (const Error& error) {
            log::debug("terminals can't be written to", {{"error", error.what()}});
            return {0, {}};
        }
    };
    const auto [taken, after] = co_await offload(parts_.work, std::move(body));
    own_output_.clear();
    for (const auto& terminal : after) own_output_[terminal.name] = terminal.output;
    log::info("warned before a stop for inactivity",
        {{"workspace", view_.workspace.metadata.name}, {"terminals", std::int64_t(taken)}});
}

awaitable<> ActivityWatch::relay()
{
    while (true) {
        const auto id = view_.local.container.id;
        std::string problem;
        try {
            if (watched() && view_.local.control_volume) {
                const auto folder = parts_.inventory.control_folder(view_.workspace.metadata.name);
                auto handler = [this](RelayRequest request) { return pass_on(std::move(request)); };
                CallbackRelay relay(parts_.io, parts_.clock, folder, handler);
                while (watched() && view_.local.container.id == id) co_await relay.serve(kRelayRound);
            }
        } catch (const Error& error) {
            problem = error.what();
        }
        if (!problem.empty())
            log::warning("the monitor inside can't be heard",
                {{"workspace", view_.workspace.metadata.name}, {"error", problem}});
        const bool other_container = watched() && view_.local.container.id != id;
        if (!other_container || !problem.empty()) co_await parts_.clock.sleep(kRelayRound);
    }
}

/// With the workspace's own token; the node's key is not used for it.
awaitable<RelayAnswer> ActivityWatch::pass_on(RelayRequest request)
{
    const auto& token = view_.workspace.spec.callbackToken;
    if (token.empty() || !equal_constant_time(request.token, token.reveal()))
        co_return RelayAnswer{401, R"({"error":"wrong token"})"};
    co_await look();
    if (const auto newest = log_.newest(); newest && (!told_ || *newest > *told_)) {
        view_.changed();
        co_return RelayAnswer{409, R"({"error":"the workspace is in use"})"};
    }
    const auto& name = view_.workspace.metadata.name;
    unsigned status = 503;
    try {
        status = co_await parts_.api.report_idle(name, std::move(request.token), std::move(request.body));
    } catch (const Error& error) {
        log::debug("a report from inside was not taken", {{"workspace", name}, {"error", error.what()}});
    }
    log::info("the monitor inside reports inactivity", {{"workspace", name}, {"status", int(status)}});
    if (status < 300) co_return RelayAnswer{200, R"({"status":"reported"})"};
    co_return RelayAnswer{
        status >= 500 || status == 429 ? 503 : status, R"({"error":"berthd did not take the report"})"};
}

} // namespace berth
