// Event streams and logs.
#include "tests/fakes/fake_engine_parts.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::size_t kRemembered = 256; // as the real engine
constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t parse_stamp(const std::string& text, std::int64_t otherwise)
{
    if (text.empty()) return otherwise;
    const auto dot = text.find('.');
    auto fraction = dot == std::string::npos ? std::string() : text.substr(dot + 1);
    fraction.resize(9, '0');
    return std::stoll(text.substr(0, dot)) * kSecond + std::stoll(fraction);
}

std::int64_t nanoseconds(Time time)
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

} // namespace

std::string event_line(const docker::Event& event) { return json::serialize(encode(event)) + "\n"; }

bool event_matches(const docker::Event& event, const FakeFilters& filters)
{
    const auto& attributes = event.Actor.Attributes;
    const auto same_type = [&](const std::string& type) { return event.Type == type; };
    const auto same_action = [&](const std::string& action) {
        return event.Action == action || event.Action.starts_with(action + ":");
    };
    return passes(filters, "type", same_type) && passes(filters, "event", same_action) && has_labels(attributes, filters);
}

FakeEngine::Stream::Stream(FakeEngine* engine, Executor executor, Clock& clock)
    : engine_(engine), clock_(clock), arrived_(executor)
{
    if (engine_) engine_->streams_.push_back(this);
}

FakeEngine::Stream::~Stream()
{
    if (engine_) engine_->streams_.remove(this);
}

void FakeEngine::Stream::deliver(std::string text)
{
    waiting_ += text;
    arrived_.notify_all();
}

void FakeEngine::Stream::finish()
{
    finished_ = true;
    arrived_.notify_all();
}

void FakeEngine::Stream::cut()
{
    cut_ = true;
    arrived_.notify_all();
}

bool FakeEngine::Stream::wants(const docker::Event& event) const { return event_matches(event, filters); }

awaitable<> FakeEngine::Stream::more()
{
    while (waiting_.empty() && !finished_ && !cut_) co_await arrived_.wait();
}

awaitable<std::optional<std::string>> FakeEngine::Stream::receive()
{
    if (idle) co_await with_timeout(clock_, *idle, more(), "stream");
    else co_await more();
    if (!waiting_.empty()) co_return std::exchange(waiting_, {});
    if (cut_) throw Error{Errc::Timeout, "the connection broke"};
    co_return std::nullopt;
}

void FakeEngine::emit(docker::Event event)
{
    // Times are unique, as they practically are with the real engine's nanoseconds.
    last_event_ = std::max(last_event_ + 1, nanoseconds(clock_.now()));
    event.timeNano = last_event_;
    if (lose_events_) return;
    remembered_.push_back(event);
    if (remembered_.size() > kRemembered) remembered_.pop_front();
    if (drop_events_ || muted_) return;
    for (auto* stream : streams_)
        if (stream->wants(event)) stream->deliver(event_line(event));
}

void FakeEngine::cut_events()
{
    for (auto* stream : streams_) stream->cut();
}

std::size_t FakeEngine::event_streams() const
{
    return static_cast<std::size_t>(std::ranges::count_if(streams_, [](const Stream* stream) { return !stream->cut_; }));
}

std::unique_ptr<BodyStream> FakeEngine::open_events(const Arguments& arguments)
{
    const auto now = nanoseconds(clock_.now());
    const auto since = parse_stamp(arguments.get("since"), now + kSecond); // no since: nothing from the past
    const auto until = parse_stamp(arguments.get("until"), 0);
    if (until != 0 && !arguments.get("since").empty() && until < since)
        throw Refusal{400, "`since` time (" + arguments.get("since") + ") cannot be after `until` time (" +
                               arguments.get("until") + ")"};
    const bool only_past = until != 0 && until <= now;
    auto stream = std::make_unique<Stream>(only_past ? nullptr : this, executor_, clock_);
    stream->filters = arguments.filters;
    for (const auto& event : remembered_)
        if (event.timeNano >= since && (until == 0 || event.timeNano <= until) && stream->wants(event))
            stream->deliver(event_line(event));
    if (only_past) stream->finish();
    return stream;
}

std::unique_ptr<BodyStream> FakeEngine::open_logs(const Arguments& arguments)
{
    const auto& container = need_container(arguments.path.at(0));
    auto stream = std::make_unique<Stream>(nullptr, executor_, clock_);
    for (const auto& [from, text] : logs_[container.Id]) {
        if (!arguments.flag(from == 2 ? "stderr" : "stdout")) continue;
        std::string frame{static_cast<char>(from), 0, 0, 0};
        for (int shift : {24, 16, 8, 0}) frame += static_cast<char>(text.size() >> shift & 0xff);
        stream->deliver(frame + text);
    }
    stream->finish();
    return stream;
}

void FakeEngine::set_logs(const std::string& container_id, std::vector<std::pair<int, std::string>> chunks)
{
    logs_[need_container(container_id).Id] = std::move(chunks);
}

void FakeEngine::container_event(const std::string& action, const docker::Container& container)
{
    auto attributes = container.Config.Labels;
    attributes["name"] = container.Name.substr(1);
    attributes["image"] = container.Config.Image;
    if (action == "die") attributes["exitCode"] = std::to_string(container.State.ExitCode);
    emit({"container", action, {container.Id, std::move(attributes)}, "local", 0});
}

} // namespace berth
