#include "api/actions/logs.hpp"

#include "api/actions/container_view.hpp"
#include "api/types/warm_pool.hpp"
#include "controller/base/random.hpp"

#include <algorithm>
#include <charconv>

namespace berth {

namespace {

constexpr const char* kOrg = "default";
constexpr std::size_t kPiece = 64 * 1024;
constexpr Duration kKeepAlive = std::chrono::seconds{15};
constexpr std::int64_t kDefaultTail = 200;

/// "10m" ago, or a moment.
Time since_of(const std::string& text, Time now)
{
    if (const auto ago = parse_duration(text)) return now - *ago;
    if (const auto at = parse_time(text)) return *at;
    throw Error{Problems{{"since", "expected a time like 2026-01-31T12:00:00Z or a duration like 10m"}}};
}

} // namespace

LineLevel level_of(const LogLine& line)
{
    if (line.stream == LogStreamName::berth) return LineLevel::warning; // lines are missing
    const auto has = [&line](std::string_view word) { return contains(line.text, word); };
    if (has("error") || has("fatal") || has("panic") || has("critical")) return LineLevel::error;
    return has("warn") ? LineLevel::warning : LineLevel::info;
}

struct Logs::Shared {
    Shared(WorkspaceCache& cache, const Executor& executor, Clock& the_clock, LogLimits limits)
        : workspaces(cache),
          clock(the_clock),
          book(executor, limits)
    {}
    WorkspaceCache& workspaces;
    Clock& clock;
    LogBook book;
    const std::string process = random_text(8); ///< sequences of another process mean nothing here
};

/// One reader.
struct Logs::Follower {
    static constexpr Duration kBreath{0};
    std::shared_ptr<Shared> shared;
    Key key;
    std::string uid;
    Form form = Form::text;
    bool timestamps = false;
    bool follow = false;
    std::uint64_t after = 0;
    std::optional<Time> since;

    void append(std::string& out, const LogEntry& entry) const;
    std::string next();
    bool gone() const;
};

/// Whatever a line holds, it can't end the record that it is sent in: JSON escapes control characters, and a
/// line has no end of line in it.
void Logs::Follower::append(std::string& out, const LogEntry& entry) const
{
    const auto& line = entry.line;
    if (form == Form::text) {
        if (timestamps) out.append(line.at).append(" ");
        if (line.stream == LogStreamName::berth) out += "-- ";
        out.append(line.text).append("\n");
        return;
    }
    const json::object object{{"at", line.at}, {"stream", wire_name(detail::enumerator_name(line.stream))},
        {"incarnation", entry.incarnation}, {"text", line.text}};
    if (form == Form::events)
        out.append("id: ")
            .append(shared->process)
            .append("-")
            .append(std::to_string(entry.sequence))
            .append("\ndata: ");
    out.append(json::serialize(object)).append(form == Form::events ? "\n\n" : "\n");
}

/// The lines that are there and were not given yet, up to a piece.
std::string Logs::Follower::next()
{
    std::string piece;
    while (piece.size() < kPiece) {
        const auto entries = shared->book.read(key, after, 64);
        if (entries.empty()) break;
        for (const auto& entry : entries) {
            after = entry.sequence;
            const auto at = since ? parse_time(entry.line.at) : std::nullopt;
            if (!since || (at && *at >= *since)) append(piece, entry);
        }
    }
    return piece;
}

bool Logs::Follower::gone() const
{
    const auto workspace = shared->workspaces.get(key);
    return !workspace || workspace->metadata.uid != uid;
}

Logs::Logs(WorkspaceCache& workspaces, const Executor& executor, Clock& clock, LogLimits limits)
    : shared_(std::make_shared<Shared>(workspaces, executor, clock, limits))
{
    workspaces.on_change([shared = shared_](const Key& key, const WorkspacePtr& workspace) {
        if (!workspace) shared->book.forget(key);
    });
}

void Logs::mount(Router& router)
{
    Doc take{.summary = "Lines of a workspace's output, from its node", .tag = "Logs"};
    take.description =
        "Lines that are known already are skipped. 409 when `after` names a line that is not known here: "
        "send the last lines again, without it.";
    take.roles = {Role::node};
    take.errors = {409};
    take.max_body = 4 << 20;
    router.post<LogBatch>("/api/v1/orgs/{org}/workspaces/{name}/logs", std::move(take), &Logs::take, this);
    mount_read(router);
    mount_feed(router);
}

void Logs::mount_read(Router& router)
{
    Doc doc{.summary = "The output of a container", .tag = "Logs", .roles = kReaders};
    doc.description =
        "The last lines, also of a container that has ended: up to 1,000 lines or 256 KiB are kept. Text, or "
        "with Accept one JSON object per line (application/x-ndjson) or server-sent events, which resume "
        "with Last-Event-ID.";
    doc.query = {
        Param::integer("tail", "so many of the last lines", 0, std::int64_t(kMaxLogLines), kDefaultTail),
        Param::flag("follow", "go on with what comes"),
        Param::flag("timestamps", "in front of lines of text"),
        Param::text("since", "only lines from this time on, or from so long ago: 10m", 64)};
    doc.headers = {Param::text("Last-Event-ID", "go on after this event", 64)};
    doc.content_type = "text/plain";
    doc.other_content = {"application/x-ndjson", "text/event-stream"};
    router.get("/api/containers/{id}/logs", std::move(doc), &Logs::read, this);
}

awaitable<LogTaken> Logs::take(Call call, LogBatch batch)
{
    const Key key{call.param("org"), call.param("name")};
    const auto workspace = shared_->workspaces.get(key);
    if (!workspace) throw Error{Errc::NotFound, "there is no workspace " + to_string(key)};
    const auto container = batch.container;
    if (!shared_->book.append(key, workspace->metadata.uid, std::move(batch)))
        throw Error{Errc::Conflict, "the lines before these are not known here: send the last lines again"};
    co_return LogTaken{shared_->book.last(key, container)};
}

std::shared_ptr<Logs::Follower> Logs::follower(const Call& call) const
{
    const Key key{kOrg, call.param("id")};
    const auto workspace = shared_->workspaces.get(key);
    if (!workspace) throw container_not_found(key.name);
    auto self = std::make_shared<Follower>();
    self->shared = shared_;
    self->key = key;
    self->uid = workspace->metadata.uid;
    const auto accept = call.header("Accept");
    if (accept.find("text/event-stream") != std::string_view::npos)
        self->form = Form::events;
    else if (accept.find("json") != std::string_view::npos)
        self->form = Form::lines;
    self->timestamps = call.query_flag("timestamps");
    self->follow = call.query_flag("follow");
    if (const auto since = call.query("since")) self->since = since_of(*since, shared_->clock.now());
    const auto newest = shared_->book.newest(key);
    const auto tail = std::uint64_t(call.query_int("tail"));
    self->after = newest > tail ? newest - tail : 0;
    const auto last = call.header("Last-Event-ID");
    if (last.starts_with(shared_->process + "-")) {
        const auto digits = last.substr(shared_->process.size() + 1);
        std::from_chars(digits.data(), digits.data() + digits.size(), self->after);
    }
    return self;
}

awaitable<Reply> Logs::read(Call call)
{
    const auto self = follower(call);
    const char* type = self->form == Form::events  ? "text/event-stream"
                       : self->form == Form::lines ? "application/x-ndjson"
                                                   : "text/plain; charset=utf-8";
    if (!self->follow) {
        std::string text;
        for (auto piece = self->next(); !piece.empty(); piece = self->next()) text += piece;
        co_return Reply::text(200, std::move(text), type);
    }
    auto producer = [self](Stream& out) { return follow(self, out); };
    co_return Reply::streaming(type, std::move(producer));
}

template <class Source> awaitable<> Logs::follow(std::shared_ptr<Source> self, Stream& out)
{
    auto& shared = *self->shared;
    auto quiet_since = shared.clock.tick();
    while (!self->gone()) {
        auto piece = self->next();
        if (piece.empty() && self->form == Form::events && shared.clock.tick() - quiet_since >= kKeepAlive)
            piece = ": still here\n\n";
        if (!piece.empty()) {
            quiet_since = shared.clock.tick();
            co_await out.write(std::move(piece));
            continue;
        }
        try {
            co_await with_timeout(shared.clock, kKeepAlive, shared.book.changed().wait(), "log");
        } catch (const Error& error) {
            if (error.code() != Errc::Timeout) throw;
        }
        if (Source::kBreath > Duration{0}) co_await shared.clock.sleep(Source::kBreath);
    }
}

/// One reader of many workspaces' lines.
struct Logs::Feed {
    static constexpr Duration kBreath{250}; ///< a look goes through all workspaces, whoever said something
    std::shared_ptr<Shared> shared;
    Form form = Form::events;
    std::string container; ///< empty: all
    std::string node;      ///< id or name; empty: all
    std::string search;    ///< in lower case
    LineLevel level = LineLevel::info;
    std::map<Key, std::uint64_t> after; ///< the last line of each that was given
    std::deque<std::string> ready;      ///< records of lines that were found and not given yet

    bool wants(const Key& key, const Workspace& workspace) const;
    bool wants(const LogLine& line) const;
    std::string record(const Workspace& workspace, const LogLine& line) const;
    void start(std::size_t tail);
    std::string next();
    bool gone() const { return false; }
};

bool Logs::Feed::wants(const Key& key, const Workspace& workspace) const
{
    if (key.org != kOrg || is_slot(workspace)) return false;
    const auto& status = workspace.status;
    return (container.empty() || container == key.name) &&
           (node.empty() || node == status.nodeId || node == status.nodeName);
}

bool Logs::Feed::wants(const LogLine& line) const
{
    return level_of(line) <= level && (search.empty() || contains(line.text, search));
}

std::string Logs::Feed::record(const Workspace& workspace, const LogLine& line) const
{
    const auto name = [](auto value) { return wire_name(detail::enumerator_name(value)); };
    const json::object object{{"at", line.at}, {"container", workspace.metadata.name},
        {"node", workspace.status.nodeName}, {"stream", name(line.stream)}, {"level", name(level_of(line))},
        {"text", line.text}};
    return (form == Form::events ? "data: " : "") + json::serialize(object) +
           (form == Form::events ? "\n\n" : "\n");
}

/// The newest lines of all, in the order of their times; what comes later is in the order of its arrival.
void Logs::Feed::start(std::size_t tail)
{
    const bool all = search.empty() && level == LineLevel::info;
    std::vector<std::pair<WorkspacePtr, LogLine>> found;
    for (const auto& [key, workspace] : shared->workspaces.all()) {
        const auto newest = after[key] = shared->book.newest(key);
        if (!wants(key, *workspace)) continue;
        const auto from = all && newest > tail ? newest - tail : 0;
        for (auto& entry : shared->book.read(key, from, kMaxLogLines))
            if (wants(entry.line)) found.emplace_back(workspace, std::move(entry.line));
    }
    std::stable_sort(found.begin(), found.end(),
        [](const auto& left, const auto& right) { return left.second.at < right.second.at; });
    for (auto i = found.size() > tail ? found.size() - tail : 0; i < found.size(); ++i)
        ready.push_back(record(*found[i].first, found[i].second));
}

/// What is ready and what has come since, up to a piece.
std::string Logs::Feed::next()
{
    std::string piece;
    for (; !ready.empty() && piece.size() < kPiece; ready.pop_front()) piece += ready.front();
    for (const auto& [key, workspace] : shared->workspaces.all()) {
        if (piece.size() >= kPiece) break;
        auto& last = after[key];
        if (shared->book.newest(key) < last) last = 0; // another workspace of that name
        for (const auto& entry : shared->book.read(key, last, 64)) {
            last = entry.sequence;
            if (wants(key, *workspace) && wants(entry.line)) piece += record(*workspace, entry.line);
        }
    }
    return piece;
}

void Logs::mount_feed(Router& router)
{
    Doc doc{.summary = "The output of all containers", .tag = "Dashboard", .roles = kReaders};
    doc.description =
        "Server-sent events, or one JSON object per line with Accept: application/x-ndjson. The last lines of all "
        "in the order of their times, then, with follow=1, what comes. A reconnecting reader gets the last lines anew.";
    doc.query = {Param::text("container", "only this one's", 63), Param::text("node", "only on this node (id or name)", 255),
        Param::choice("level", "only lines that are so bad, by the words in them", {"error", "warning", "info"}),
        Param::text("search", "only lines with this text in them", 128),
        Param::integer("tail", "so many of the last lines", 0, std::int64_t(kMaxLogLines), 100),
        Param::flag("follow", "go on with what comes")};
    doc.content_type = "text/event-stream";
    doc.other_content = {"application/x-ndjson"};
    router.get("/api/dashboard/logs", std::move(doc), &Logs::feed, this);
}

awaitable<Reply> Logs::feed(Call call)
{
    auto self = std::make_shared<Feed>();
    self->shared = shared_;
    if (call.header("Accept").find("json") != std::string_view::npos) self->form = Form::lines;
    self->container = call.query("container").value_or("");
    self->node = call.query("node").value_or("");
    self->search = lower(call.query("search").value_or(""));
    const auto level = call.query("level").value_or("info");
    self->level = level == "error" ? LineLevel::error : level == "warning" ? LineLevel::warning : LineLevel::info;
    self->start(std::size_t(call.query_int("tail")));
    const char* type = self->form == Form::events ? "text/event-stream" : "application/x-ndjson";
    if (call.query_flag("follow")) {
        auto producer = [self](Stream& out) { return follow(self, out); };
        co_return Reply::streaming(type, std::move(producer));
    }
    std::string text;
    for (const auto& record : self->ready) text += record;
    co_return Reply::text(200, std::move(text), type);
}

} // namespace berth
