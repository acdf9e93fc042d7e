// What the engine says: streams in pieces of any size, events, lists.

#include "docker/client.hpp"
#include "node/filters.hpp"
#include "node/log_lines.hpp"
#include "tests/fakes/piece_stream.hpp"
#include "tests/fakes/run.hpp"
#include "tests/fuzz/fuzz.hpp"

#include <boost/asio/io_context.hpp>

namespace berth::fuzz {

namespace {

using Pieces = std::deque<std::string>;

constexpr std::size_t kMaxLine = 512;

/// As one piece, and cut at the lengths that `cuts` says, over and over.
Pieces cut(std::string_view bytes, std::string_view cuts)
{
    Pieces pieces;
    for (std::size_t i = 0; !bytes.empty(); ++i) {
        const auto length =
            cuts.empty() ? bytes.size() : 1 + static_cast<unsigned char>(cuts[i % cuts.size()]) % 64;
        pieces.emplace_back(bytes.substr(0, length));
        bytes.remove_prefix(std::min(length, bytes.size()));
    }
    return pieces;
}

std::unique_ptr<PieceStream> body_of(Pieces pieces)
{
    auto body = std::make_unique<PieceStream>(std::move(pieces));
    body->max_line = kMaxLine;
    return body;
}

/// What a reader got, and how it ended.
struct Outcome {
    std::vector<std::string> items;
    std::string end;
};

awaitable<Outcome> read_lines(Pieces pieces)
{
    const auto stream = body_of(std::move(pieces));
    Outcome outcome;
    try {
        while (auto line = co_await stream->read_line()) outcome.items.push_back(std::move(*line));
    } catch (const Error& error) {
        outcome.end = error.what();
    }
    co_return outcome;
}

void check_log_line(const docker::LogChunk& chunk)
{
    const auto line = log_line(chunk);
    if (!line) return;
    require(is_log_time(line->at), "a line without a time");
    require(line->text.size() <= kMaxLogLine && is_utf8(line->text), "a line that can't be sent");
    require(line->text.find('\n') == std::string::npos, "a line with an end of line in it");
    (void)engine_since(line->at);
}

awaitable<Outcome> read_frames(Pieces pieces)
{
    docker::LogStream stream{body_of(std::move(pieces)), true};
    Outcome outcome;
    try {
        while (auto chunk = co_await stream.next()) {
            check_log_line(*chunk);
            const char* from = chunk->from == docker::LogChunk::From::Stderr ? "e" : "o";
            outcome.items.push_back(from + chunk->text);
        }
    } catch (const Error& error) {
        outcome.end = error.what();
    }
    co_return outcome;
}

template <class Reader>
std::vector<std::string> check_pieces(Reader reader, std::string_view cuts, std::string_view bytes)
{
    static boost::asio::io_context io; // making one takes longer than using it
    const auto whole = run_to_end(io, reader(cut(bytes, {})));
    const auto pieces = run_to_end(io, reader(cut(bytes, cuts)));
    require(whole.items == pieces.items, "pieces of another size give another content");
    require_same(whole.end, pieces.end, "pieces of another size end in another way");
    return whole.items;
}

/// The first line says how the stream is cut, the rest are events.
void check_events(Input input)
{
    const auto cuts = input.until('\n');
    for (const auto& line : check_pieces(read_lines, cuts, input.rest())) {
        const auto event = unless_refused([&] { return docker::parse_event(line); });
        if (!event) continue;
        require(docker::parse_event(json::serialize(encode(*event))) == *event, "another event: " + line);
    }
}

void check_logs(Input input)
{
    const auto cuts = input.until('\n');
    (void)check_pieces(read_frames, cuts, input.rest());
    const auto clean = clean_utf8(input.rest());
    require(is_utf8(clean), "made clean, and not UTF-8");
    require(clean == input.rest() || !is_utf8(input.rest()), "clean text is changed");
    require_same(clean_utf8(clean), clean, "clean text is changed");
}

template <class T> void check_items(const json::array& items)
{
    for (const auto& item : items) {
        const auto object = unless_refused([&] { return decode<T>(item, Unknown::Ignore); });
        if (!object) continue;
        const auto again = unless_refused([&] { return decode<T>(encode(*object), Unknown::Ignore); });
        require(again && *again == *object, "another object: " + json::serialize(encode(*object)));
    }
}

/// What is asked of the engine, read as the engine would: a member that is left out means the same.
void check_request(const json::array& items)
{
    for (const auto& item : items) {
        const auto spec = unless_refused([&] { return decode<docker::ServiceSpec>(item, Unknown::Ignore); });
        if (!spec) continue;
        const auto sent = docker::encode_request(*spec);
        require(
            decode<docker::ServiceSpec>(sent, Unknown::Ignore) == *spec, "sent as " + json::serialize(sent));
    }
}

/// "services", "tasks", "nodes", "networks", "containers" or "specs" and a line end; then a list.
void check_lists(Input input)
{
    const std::string plural(input.until('\n'));
    const std::string text(input.rest());
    const bool spec = plural == "specs";
    const auto items = unless_refused(
        [&] {
            return docker::Client::parse_list(spec || plural == "containers" ? "services" : plural, text);
        },
        {Errc::Internal, Errc::Invalid});
    if (!items) return;
    if (plural == "services") check_items<docker::Service>(*items);
    if (plural == "tasks") check_items<docker::Task>(*items);
    if (plural == "nodes") check_items<docker::Node>(*items);
    if (plural == "networks") check_items<docker::Network>(*items);
    if (plural == "containers") check_items<docker::ContainerSummary>(*items);
    if (spec) check_request(*items);
}

const Registration events_fuzzer{"events", check_events};
const Registration logs_fuzzer{"logs", check_logs};
const Registration lists_fuzzer{"lists", check_lists};

} // namespace

} // namespace berth::fuzz
