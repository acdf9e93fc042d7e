#include "node/log_shipper.hpp"

#include "controller/base/log.hpp"
#include "node/api_client.hpp"

namespace berth {

namespace {

constexpr Duration kGather{200}; ///< after a line, for the others of a burst
constexpr Duration kFirstRetry{500};
constexpr Duration kLongestRetry = std::chrono::seconds{10};
constexpr Duration kDeadline = std::chrono::seconds{10};
constexpr Duration kAskPeriod = std::chrono::seconds{10};
constexpr std::size_t kReadAhead = 1 << 20; ///< bytes read without anything being sent

} // namespace

LogShipper::LogShipper(Executor executor, Clock& clock, docker::Client& docker, Transport& api)
    : executor_(std::move(executor)),
      clock_(clock),
      docker_(docker),
      api_(api)
{}

void LogShipper::start(TaskGroup& group)
{
    group_ = &group;
    group.spawn("log check", watch_berthd());
}

void LogShipper::look(const std::map<std::string, LocalParts>& all)
{
    std::set<std::string> present;
    for (const auto& [uid, parts] : all) {
        const auto& container = parts.container;
        const bool has_output =
            container.state == ContainerState::running || container.state == ContainerState::exited;
        if (container.id.empty() || !has_output) continue;
        present.insert(container.id);
        if (!tails_.contains(container.id) && !done_.contains(container.id)) add(parts);
    }
    std::erase_if(done_, [&](const std::string& id) { return !present.contains(id); });
}

void LogShipper::add(const LocalParts& parts)
{
    if (!group_ || group_->cancelled()) return;
    auto tail = std::make_shared<Tail>(executor_);
    tail->target = object_target(parts.key.org, "workspaces", parts.key.name) + "/logs";
    tail->container = parts.container.id;
    tail->incarnation = parts.container.incarnation;
    tails_[tail->container] = tail;
    group_->spawn("log of " + parts.key.name, read(tail));
    group_->spawn("log to berthd", send(tail));
}

// ---------------------------------------------------------------------------------------------- reading

/// Until the container's output has ended.
awaitable<> LogShipper::read(TailPtr tail)
{
    auto delay = kFirstRetry;
    while (!tail->refused) {
        std::optional<Error> failure;
        try {
            co_await read_stream(tail);
        } catch (const Error& error) {
            failure = error;
        }
        if (!failure || failure->code() == Errc::NotFound) break;
        log::debug("a log can't be read", {{"container", tail->container}, {"error", failure->what()}});
        co_await clock_.sleep(with_jitter(delay));
        delay = std::min(delay * 2, kLongestRetry);
    }
    tail->ended = true;
    tail->wake.notify_all();
}

awaitable<> LogShipper::read_stream(TailPtr tail)
{
    docker::LogOptions options;
    options.follow = options.timestamps = true;
    options.since = engine_since(tail->read_until);
    if (options.since.empty()) options.tail = std::to_string(kMaxLogLines);
    auto stream = co_await docker_.container_logs(tail->container, options);
    while (const auto chunk = co_await stream.next()) {
        auto line = log_line(*chunk);
        if (!line || line->at <= tail->read_until) continue;
        tail->read_until = line->at;
        tail->unsent += chunk->text.size();
        tail->queue.add(std::move(*line));
        tail->wake.notify_all();
        while (tail->unsent >= kReadAhead && !tail->refused) co_await tail->room.wait();
        if (tail->refused) co_return;
    }
}

// ---------------------------------------------------------------------------------------------- sending

/// Until the output has ended and berthd has it, or wants nothing of it.
awaitable<> LogShipper::send(TailPtr tail)
{
    auto delay = kFirstRetry;
    while (!tail->refused) {
        if (tail->queue.empty() && !tail->ask) {
            if (tail->ended) break;
            co_await tail->wake.wait();
            continue;
        }
        if (!tail->ended) co_await clock_.sleep(kGather);
        const bool taken = co_await send_batch(tail);
        if (taken) {
            delay = kFirstRetry;
            tail->unsent = 0;
            tail->room.notify_all();
            continue;
        }
        co_await clock_.sleep(with_jitter(delay));
        delay = std::min(delay * 2, kLongestRetry);
    }
    tail->room.notify_all();
    done_.insert(tail->container);
    tails_.erase(tail->container);
}

/// False: not now.
awaitable<bool> LogShipper::send_batch(TailPtr tail)
{
    tail->ask = false;
    auto batch = tail->queue.take(LogQueue::kMaxLines / 2);
    batch.container = tail->container;
    batch.incarnation = tail->incarnation;
    std::optional<Error> failure;
    try {
        co_await post(tail, batch);
    } catch (const Error& error) {
        failure = error;
    }
    if (!failure) {
        tail->queue.sent(batch);
        co_return true;
    }
    switch (failure->code()) {
    case Errc::NotFound: // the workspace is gone
    case Errc::Denied:
    case Errc::Invalid:
        log::debug("a log is not wanted", {{"target", tail->target}, {"error", failure->what()}});
        tail->refused = true;
        co_return false;
    case Errc::Conflict:
        tail->queue.put_back(std::move(batch));
        co_await again(tail);
        co_return false;
    default:
        tail->queue.put_back(std::move(batch));
        tail->ask = true;
        co_return false;
    }
}

/// berthd has lost what it was sent: the last lines anew, as the engine has them.
awaitable<> LogShipper::again(TailPtr tail)
{
    docker::LogOptions options;
    options.timestamps = true;
    options.tail = std::to_string(kMaxLogLines);
    std::deque<LogLine> lines;
    const auto until = tail->read_until;
    std::optional<Error> failure;
    try {
        auto stream = co_await docker_.container_logs(tail->container, options);
        while (const auto chunk = co_await stream.next())
            if (auto line = log_line(*chunk); line && line->at <= until) lines.push_back(std::move(*line));
    } catch (const Error& error) {
        failure = error;
    }
    if (failure && failure->code() != Errc::NotFound) co_return; // the next batch is refused again
    tail->queue.restart(std::move(lines));
}

awaitable<> LogShipper::post(TailPtr tail, const LogBatch& batch)
{
    HttpRequest request;
    request.method = "POST";
    request.target = tail->target;
    request.headers.set("Content-Type", "application/json");
    request.body = json::serialize(encode(batch));
    request.deadline = kDeadline;
    const auto response = co_await api_.send(std::move(request));
    if (response.status < 300) co_return;
    throw Error{api_error(response.status),
        "berthd answered " + std::to_string(response.status) + ": " + response.body.substr(0, 300)};
}

// ---------------------------------------------------------------------------------------------- berthd

/// A berthd that was started again knows no lines; who writes nothing would never find out.
awaitable<> LogShipper::watch_berthd()
{
    std::int64_t before = 0;
    while (true) {
        co_await clock_.sleep(with_jitter(kAskPeriod));
        const auto now = co_await uptime();
        if (now < 0) continue;
        if (now < before)
            for (auto& [container, tail] : tails_) {
                tail->ask = !tail->queue.sent_until().empty();
                tail->wake.notify_all();
            }
        before = now;
    }
}

/// Seconds; -1 when berthd does not answer.
awaitable<std::int64_t> LogShipper::uptime()
{
    HttpRequest request;
    request.target = "/api/health";
    request.deadline = kDeadline;
    try {
        const auto response = co_await api_.send(std::move(request));
        if (response.status != 200) co_return -1;
        const auto health = parse_json(response.body);
        if (health.is_object() && health.get_object().contains("uptime"))
            co_return health.get_object().at("uptime").to_number<std::int64_t>();
    } catch (const Error& error) {
        log::debug("berthd does not answer", {{"error", error.what()}});
    }
    co_return -1;
}

} // namespace berth
