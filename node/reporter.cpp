#include "node/reporter.hpp"

#include "controller/base/log.hpp"
#include "controller/base/planted.hpp"
#include "node/decide.hpp"

namespace berth {

namespace {
/// Between two reports of the same thing: a restore that counts files would else send hundreds a second.
constexpr Duration kBreath{100};
} // namespace

awaitable<> wait_until(Clock& clock, Signal& signal, Tick until)
{
    const auto now = clock.tick();
    if (until <= now) co_return;
    try {
        co_await with_timeout(clock, until - now, signal.wait(), "waiting");
    } catch (const Error& error) {
        if (error.code() != Errc::Timeout) throw;
    }
}

Reporter::Reporter(Executor executor, ApiClient& api, Clock& clock, Duration interval)
    : api_(api),
      clock_(clock),
      interval_(interval),
      wake_(executor)
{}

void Reporter::add(std::string target, ReportSource source)
{
    entries_[std::move(target)] = Entry{.source = std::move(source), .id = ++added_, .due = clock_.tick()};
    wake_.notify_all();
}

void Reporter::remove(const std::string& target) { entries_.erase(target); }

void Reporter::changed(const std::string& target)
{
    const auto found = entries_.find(target);
    if (found == entries_.end()) return;
    ++found->second.version;
    if (found->second.failures == 0)
        found->second.due = std::min(found->second.due, clock_.tick() + kBreath / 4);
    wake_.notify_all();
}

bool Reporter::pending(const std::string& target) const
{
    const auto found = entries_.find(target);
    return found != entries_.end() && found->second.sent != found->second.version;
}

Tick Reporter::earliest() const
{
    auto tick = clock_.tick() + interval_;
    for (const auto& [target, entry] : entries_) tick = std::min(tick, entry.due);
    return tick;
}

std::optional<std::string> Reporter::next_due() const
{
    const auto now = clock_.tick();
    const std::pair<const std::string, Entry>* oldest = nullptr;
    for (const auto& item : entries_)
        if (item.second.due <= now && (!oldest || item.second.due < oldest->second.due)) oldest = &item;
    return oldest ? std::optional(oldest->first) : std::nullopt;
}

awaitable<> Reporter::run()
{
    while (true) {
        while (const auto target = next_due()) co_await send(*target);
        co_await wait_until(clock_, wake_, earliest());
    }
}

awaitable<> Reporter::send(std::string target)
{
    auto& entry = entries_.at(target);
    const auto version = entry.version;
    const auto id = entry.id;
    std::optional<Error> failure;
    bool sent = false;
    try {
        auto report = entry.source.make(entry.sent != version);
        sent = report.has_value();
        if (report) co_await api_.put(target, std::move(*report));
    } catch (const Error& error) {
        failure = error;
    }
    const auto found = entries_.find(target); // it may be gone by now
    if (found == entries_.end() || found->second.id != id) co_return;
    auto& now = found->second;
    if (failure && !planted("agent.failed-report-is-told")) {
        if (now.failures++ == 0)
            log::warning("a report was not taken", {{"target", target}, {"error", failure->what()}});
        now.due = clock_.tick() + with_jitter(retry_delay(std::min(now.failures, 3)) / 2);
        co_return;
    }
    now.failures = 0;
    now.sent = version;
    if (sent) now.source.taken();
    now.due = clock_.tick() + (now.version == version ? interval_ : kBreath);
}

} // namespace berth
