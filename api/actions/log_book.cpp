#include "api/actions/log_book.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::size_t kPerLine = 128;  // what a line costs beside its text
constexpr std::size_t kContainers = 8; // of a workspace, whose newest line is remembered

std::size_t size_of(const LogLine& line) { return line.text.size() + kPerLine; }

} // namespace

bool LogBook::append(const Key& key, const std::string& uid, LogBatch batch)
{
    auto& ring = rings_[key];
    if (ring.uid != uid) {
        bytes_ -= ring.bytes;
        ring = Ring{};
        ring.uid = uid;
    }
    auto& last = last_of(ring, batch.container);
    if (!batch.after.empty() && last.empty()) return false;
    const auto fresh = std::find_if(
        batch.lines.begin(), batch.lines.end(), [&](const LogLine& line) { return line.at > last; });
    if (batch.dropped > 0 && (fresh != batch.lines.end() || batch.lines.empty())) {
        const auto at = batch.lines.empty() ? std::max(batch.after, last) : fresh->at;
        push(ring, batch.incarnation,
            {at, LogStreamName::berth, std::to_string(batch.dropped) + " lines were left out"});
    }
    for (auto line = fresh; line != batch.lines.end(); ++line) {
        if (line->at <= last) continue;
        last = line->at;
        push(ring, batch.incarnation, std::move(*line));
    }
    ring.touched = ++touches_;
    shrink(ring);
    changed_.notify_all();
    return true;
}

std::string& LogBook::last_of(Ring& ring, const std::string& container)
{
    const auto [found, fresh] = ring.last.try_emplace(container);
    if (fresh) ring.containers.push_back(container);
    if (ring.containers.size() > kContainers) {
        ring.last.erase(ring.containers.front());
        ring.containers.pop_front();
    }
    return found->second;
}

void LogBook::push(Ring& ring, std::int64_t incarnation, LogLine line)
{
    const auto size = size_of(line);
    ring.entries.push_back({++ring.sequence, incarnation, std::move(line)});
    ring.bytes += size;
    bytes_ += size;
    while (ring.entries.size() > limits_.lines || (ring.bytes > limits_.bytes && ring.entries.size() > 1))
        drop_oldest(ring);
}

void LogBook::drop_oldest(Ring& ring)
{
    const auto size = size_of(ring.entries.front().line);
    ring.entries.pop_front();
    ring.bytes -= size;
    bytes_ -= size;
}

void LogBook::shrink(const Ring& keep)
{
    while (bytes_ > limits_.total_bytes) {
        auto oldest = rings_.end();
        for (auto ring = rings_.begin(); ring != rings_.end(); ++ring) {
            const bool candidate = &ring->second != &keep && !ring->second.entries.empty();
            if (!candidate) continue;
            if (oldest == rings_.end() || ring->second.touched < oldest->second.touched) oldest = ring;
        }
        if (oldest == rings_.end()) return;
        auto& entries = oldest->second.entries;
        while (!entries.empty()) drop_oldest(oldest->second);
    }
}

std::string LogBook::last(const Key& key, const std::string& container) const
{
    const auto ring = rings_.find(key);
    if (ring == rings_.end()) return "";
    const auto found = ring->second.last.find(container);
    return found == ring->second.last.end() ? "" : found->second;
}

std::vector<LogEntry> LogBook::read(const Key& key, std::uint64_t after, std::size_t limit) const
{
    const auto found = rings_.find(key);
    if (found == rings_.end()) return {};
    const auto& entries = found->second.entries;
    auto begin = std::upper_bound(entries.begin(), entries.end(), after,
        [](std::uint64_t sequence, const LogEntry& entry) { return sequence < entry.sequence; });
    const auto count = std::min<std::size_t>(limit, std::size_t(entries.end() - begin));
    return {begin, begin + std::ptrdiff_t(count)};
}

std::uint64_t LogBook::newest(const Key& key) const
{
    const auto found = rings_.find(key);
    return found == rings_.end() ? 0 : found->second.sequence;
}

void LogBook::forget(const Key& key)
{
    const auto found = rings_.find(key);
    if (found == rings_.end()) return;
    bytes_ -= found->second.bytes;
    rings_.erase(found);
    changed_.notify_all();
}

} // namespace berth
