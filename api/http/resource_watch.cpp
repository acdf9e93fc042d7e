#include "api/http/resource_watch.hpp"

namespace berth::resource {

// ---------------------------------------------------------------------------------------------- texts

std::shared_ptr<ShownTexts> ShownTexts::make(Store& store, const ResourceKind& kind)
{
    std::shared_ptr<ShownTexts> texts{new ShownTexts(kind)};
    if (!kind.has_secrets()) return texts;
    store.on_commit([weak = std::weak_ptr(texts)](const Change& change) {
        const auto alive = weak.lock();
        if (alive && change.op == Op::Deleted && change.entry->plural == alive->kind_.info().plural)
            alive->shown_.erase(change.entry->key);
    });
    return texts;
}

std::shared_ptr<const std::string> ShownTexts::of(const EntryPtr& entry, bool secrets)
{
    if (secrets || !kind_.has_secrets()) return {entry, &entry->text};
    if (const auto found = shown_.find(entry->key);
        found != shown_.end() && found->second.revision == entry->revision)
        return found->second.text;
    auto text = std::make_shared<const std::string>(kind_.hide_secrets(entry->text, entry->key));
    auto& slot = shown_[entry->key];
    // A watcher that lags behind must not push out what readers of the present ask for.
    if (slot.revision < entry->revision) slot = {entry->revision, text};
    return text;
}

// ---------------------------------------------------------------------------------------------- selection

std::optional<Op> Selection::judge(const Change& change)
{
    const auto& entry = *change.entry;
    if (!selector_.org.empty() && entry.key.org != selector_.org) return std::nullopt;
    if (selector_.labels.empty()) return change.op;
    const auto found = inside_.find(entry.key);
    const bool was_inside = found != inside_.end() ? found->second : !knows_all_ && change.op != Op::Added;
    const bool certain = found != inside_.end() || knows_all_ || change.op == Op::Added;
    const bool is_inside = selector_.matches(entry);
    if (change.op == Op::Deleted) {
        inside_.erase(entry.key);
        return was_inside && (certain || is_inside) ? std::optional(Op::Deleted) : std::nullopt;
    }
    if (knows_all_ && !is_inside)
        inside_.erase(entry.key);
    else
        inside_[entry.key] = is_inside;
    if (is_inside) return was_inside ? Op::Modified : Op::Added;
    // A resumed watcher may or may not have seen it: a DELETED for something unknown does no harm.
    return was_inside ? std::optional(Op::Deleted) : std::nullopt;
}

// ---------------------------------------------------------------------------------------------- the stream

namespace {

constexpr std::size_t kPiece = 64 * 1024;

const char* event_name(Op op)
{
    switch (op) {
    case Op::Added:
        return "ADDED";
    case Op::Modified:
        return "MODIFIED";
    case Op::Deleted:
        return "DELETED";
    }
    return "ERROR";
}

struct Follower {
    Store& store;
    Clock& clock;
    const ResourceKind& kind;
    std::shared_ptr<ShownTexts> texts;
    WatchOptions options;
    Selection selection;
    std::unique_ptr<Watch> watch;
    std::optional<Change> pending; ///< taken before the reply began, to know whether the history reaches back
    std::vector<EntryPtr> present; ///< what an initial list shows

    void append(
        std::string& out, std::string_view type, std::string_view object, std::optional<Revision> id) const;
    void append_bookmark(std::string& out, Revision revision, bool end_of_initial) const;
    void append_error(std::string& out, const Error& error) const;
    std::string next_initial();
    std::string take_ready();
};

void Follower::append(
    std::string& out, std::string_view type, std::string_view object, std::optional<Revision> id) const
{
    if (options.sse) {
        if (id) out.append("id: ").append(std::to_string(*id)).append("\n");
        out.append("event: ").append(type).append("\ndata: ");
    }
    out.append(R"({"type":")").append(type).append(R"(","object":)").append(object).append("}\n");
    if (options.sse) out.append("\n");
}

void Follower::append_bookmark(std::string& out, Revision revision, bool end_of_initial) const
{
    json::object metadata{{"resourceVersion", std::to_string(revision)}};
    if (end_of_initial) metadata["annotations"] = {{"berth.dev/initial-events-end", "true"}};
    const json::object object{
        {"apiVersion", kApiVersion}, {"kind", kind.info().kind}, {"metadata", std::move(metadata)}};
    append(out, "BOOKMARK", json::serialize(object), revision);
}

void Follower::append_error(std::string& out, const Error& error) const
{
    append(out, "ERROR", json::serialize(error_body(error, clock.now(), "")), std::nullopt);
}

/// A piece of the initial list; empty at its end. It has no ids: whoever breaks off here must begin again.
std::string Follower::next_initial()
{
    std::string piece;
    std::size_t taken = 0;
    for (; taken < present.size() && piece.size() < kPiece; ++taken) {
        selection.known(present[taken]->key);
        append(piece, "ADDED", *texts->of(present[taken], options.secrets), std::nullopt);
    }
    present.erase(present.begin(), present.begin() + static_cast<std::ptrdiff_t>(taken));
    return piece;
}

/// What there is to say now, without waiting. Throws Error{Gone} and Error{Unavailable} as Watch does.
std::string Follower::take_ready()
{
    std::string piece;
    while (piece.size() < kPiece) {
        auto change = pending ? std::exchange(pending, std::nullopt) : watch->try_next();
        if (!change) break;
        if (const auto op = selection.judge(*change))
            append(piece, event_name(*op), *texts->of(change->entry, options.secrets), change->revision);
    }
    return piece;
}

/// False when the time was up first.
awaitable<bool> wait_ready(Clock& clock, Watch& watch, Duration limit)
{
    try {
        co_await with_timeout(clock, limit, watch.ready());
    } catch (const Error& error) {
        if (error.code() != Errc::Timeout) throw;
        co_return false;
    }
    co_return true;
}

awaitable<> follow_changes(std::shared_ptr<Follower> self, Stream& out)
{
    const auto begun = self->clock.tick();
    auto bookmark_at = begun + self->options.bookmark;
    if (self->options.initial) {
        const auto revision = self->watch->revision();
        for (auto piece = self->next_initial(); !piece.empty(); piece = self->next_initial())
            co_await out.write(std::move(piece));
        std::string end;
        self->append_bookmark(end, revision, true);
        co_await out.write(std::move(end));
    }
    for (;;) {
        if (auto piece = self->take_ready(); !piece.empty()) {
            co_await out.write(std::move(piece));
            continue;
        }
        const auto now = self->clock.tick();
        const auto end_at = self->options.limit ? begun + *self->options.limit : Tick::max();
        if (now >= bookmark_at || now >= end_at) {
            std::string piece;
            self->append_bookmark(piece, self->watch->revision(), false);
            co_await out.write(std::move(piece));
            bookmark_at = now + self->options.bookmark;
            if (now >= end_at) co_return;
        }
        const auto wait = std::min(bookmark_at, end_at) - now;
        co_await wait_ready(self->clock, *self->watch, wait);
    }
}

awaitable<> follow(std::shared_ptr<Follower> self, Stream& out)
{
    std::string last;
    try {
        co_await follow_changes(self, out);
    } catch (const Error& error) {
        // Unavailable is a client that is gone or a store that is closed; for the former nothing more can be
        // said.
        self->append_error(last, error);
    }
    if (!last.empty()) co_await out.write(std::move(last));
}

} // namespace

Reply watch_reply(Store& store, Clock& clock, const ResourceKind& kind, std::shared_ptr<ShownTexts> texts,
    Revision after, WatchOptions options)
{
    if (after > store.revision())
        throw Error{
            Errc::Gone, "resourceVersion " + std::to_string(after) + " is not of this store: list again"};
    auto watch = store.watch(std::string(kind.info().plural), after);
    auto pending = watch->try_next();
    std::vector<EntryPtr> present;
    if (options.initial) present = store.entries(kind.info().plural, options.selector);
    Selection selection{options.selector, options.initial};
    const bool sse = options.sse;
    auto self = std::make_shared<Follower>(Follower{store, clock, kind, std::move(texts), std::move(options),
        std::move(selection), std::move(watch), std::move(pending), std::move(present)});
    auto producer = [self](Stream& out) { return follow(self, out); };
    return Reply::streaming(sse ? "text/event-stream" : "application/x-ndjson", std::move(producer));
}

} // namespace berth::resource
