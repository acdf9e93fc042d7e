#include "tests/sim/clients.hpp"

#include <algorithm>

namespace berth::sim {

namespace {

std::string key_of(const json::object& object)
{
    const auto& metadata = object.at("metadata").as_object();
    return std::string(metadata.at("org").as_string()) + "/" + std::string(metadata.at("name").as_string());
}

std::string version_of(const json::object& object)
{
    return std::string(object.at("metadata").at("resourceVersion").as_string());
}

/// The rest of the line that begins with `name`; empty when there is none.
std::string_view field(std::string_view block, std::string_view name)
{
    for (std::size_t at = 0; at < block.size();) {
        const auto end = std::min(block.find('\n', at), block.size());
        const auto line = block.substr(at, end - at);
        if (line.starts_with(name)) return line.substr(name.size());
        at = end + 1;
    }
    return "";
}

} // namespace

void CommitLog::add(const Change& change)
{
    lines_[std::string(change.entry->plural)][change.revision] = {
        change.revision, change.op, change.entry->key};
}

void CommitLog::opened(Revision told, Revision at)
{
    if (at > told) untold_.emplace_back(told + 1, at);
}

const CommitLog::Line* CommitLog::next(const std::string& plural, Revision after) const
{
    const auto kind = lines_.find(plural);
    if (kind == lines_.end()) return nullptr;
    const auto found = kind->second.upper_bound(after);
    return found == kind->second.end() ? nullptr : &found->second;
}

bool CommitLog::untold(Revision revision) const
{
    return std::any_of(untold_.begin(), untold_.end(),
        [revision](const auto& range) { return range.first <= revision && revision <= range.second; });
}

Watcher::Watcher(
    World& world, Program& program, const CommitLog& log, const Canaries& canaries, std::string plural)
    : world_(world),
      log_(log),
      canaries_(canaries),
      plural_(std::move(plural)),
      dice_(world.seed, "watcher of " + plural_),
      api_(world, program, std::string(kUserKey))
{}

awaitable<> Watcher::run()
{
    while (true) {
        try {
            co_await follow();
        } catch (const Error&) { // the connection broke
        }
        co_await world_.clock().sleep(dice_.between(Duration{100}, Duration{2'000}));
    }
}

awaitable<> Watcher::follow()
{
    HttpRequest request;
    request.target =
        "/api/v1/orgs/-/" + plural_ + "?watch=1&timeoutSeconds=" + std::to_string(5 + dice_.below(90));
    request.headers.set("Accept", "text/event-stream");
    if (last_) request.headers.set("Last-Event-ID", std::to_string(*last_));
    if (!last_) shown_.clear();
    request.idle = std::chrono::seconds{40};
    const auto stream = co_await api_.stream(std::move(request));
    if (stream->status() == 410) last_.reset();
    if (stream->status() != 200) co_return;
    std::string text;
    while (auto piece = co_await stream->read_some()) {
        text += *piece;
        for (auto end = text.find("\n\n"); end != std::string::npos; end = text.find("\n\n")) {
            const auto block = text.substr(0, end);
            text.erase(0, end + 2);
            if (!take(block)) co_return;
        }
    }
}

bool Watcher::take(std::string_view block)
{
    const auto event = field(block, "event: ");
    if (event.empty()) return true; // a comment
    canaries_.look("a watch of " + plural_, block);
    const auto data = json::parse(field(block, "data: ")).as_object();
    const auto& object = data.at("object").as_object();
    const auto revision = parse_revision(field(block, "id: "));
    if (event == "ERROR") {
        const auto* code = object.if_contains("status");
        if (code && code->is_number() && code->to_number<int>() == 410) last_.reset();
        return false;
    }
    if (event == "BOOKMARK")
        bookmark(revision.value_or(0), object);
    else if (revision)
        change(*revision, event, object);
    else if (last_)
        reject("an event of an initial list in the middle");
    else
        note_object(event, object);
    return true;
}

void Watcher::note_object(std::string_view event, const json::object& object)
{
    if (event == "DELETED")
        shown_.erase(key_of(object));
    else
        shown_[key_of(object)] = version_of(object);
}

void Watcher::reject(const std::string& why)
{
    world_.violated("P7 a-watcher-misses-nothing", plural_ + ": " + why);
}

void Watcher::change(Revision revision, std::string_view event, const json::object& object)
{
    const auto said = std::string(event) + " " + key_of(object) + " at " + std::to_string(revision);
    if (!last_) return reject(said + " before the list has ended");
    if (revision <= *last_) return reject(said + " after " + std::to_string(*last_));
    const auto* line = log_.next(plural_, *last_);
    if (line && line->revision < revision)
        return reject(said + ", but " + to_string(line->key) + " at " + std::to_string(line->revision) +
                      " was not told");
    const bool known = line && line->revision == revision;
    if (known && to_string(line->key) != key_of(object))
        reject(said + ", but it was " + to_string(line->key));
    if (known && (line->op == Op::Deleted) != (event == "DELETED"))
        reject(said + ", but it was " + to_string(line->op));
    if (!known && !log_.untold(revision)) reject(said + ", but nothing was committed");
    last_ = revision;
    note_object(event, object);
}

void Watcher::bookmark(Revision revision, const json::object& object)
{
    const auto& metadata = object.at("metadata").as_object();
    if (version_of(object) != std::to_string(revision))
        reject("a bookmark with another revision than its id");
    if (metadata.contains("annotations")) {
        last_ = revision; // the list is whole
        return;
    }
    if (!last_) return reject("a bookmark before the list has ended");
    const auto* line = log_.next(plural_, *last_);
    if (line && line->revision <= revision)
        reject("a bookmark at " + std::to_string(revision) + ", but " + to_string(line->key) + " at " +
               std::to_string(line->revision) + " was not told");
    last_ = std::max(*last_, revision);
}

void Watcher::at_rest() const
{
    const std::string promise = "P7 a-watcher-misses-nothing";
    if (!last_) throw Violation(promise, plural_ + ": it has seen no list");
    if (const auto* line = log_.next(plural_, *last_))
        throw Violation(promise, plural_ + ": " + to_string(line->key) + " at " +
                                     std::to_string(line->revision) + " was never told, only up to " +
                                     std::to_string(*last_));
    std::map<std::string, std::string> present;
    for (const auto& entry : world_.controller->store()->entries(plural_, Selector{}))
        present[to_string(entry->key)] = std::to_string(entry->revision);
    for (const auto& [key, version] : present) {
        const auto shown = shown_.find(key);
        if (shown == shown_.end() || shown->second != version)
            throw Violation(promise, plural_ + ": " + key + " is at " + version + ", and was told at " +
                                         (shown == shown_.end() ? "no revision" : shown->second));
    }
    for (const auto& [key, version] : shown_)
        if (!present.contains(key))
            throw Violation(promise, plural_ + ": that " + key + " is gone was not told");
}

} // namespace berth::sim
