#include "node/log_lines.hpp"

#include "node/filters.hpp"

#include <algorithm>

namespace berth {

namespace {

constexpr std::size_t kTimeLength = 30; // 2026-01-31T12:00:00.123456789Z
constexpr std::size_t kPerLine = 64;

std::size_t size_of(const LogLine& line) { return line.text.size() + kPerLine; }

} // namespace

std::string clean_utf8(std::string_view text)
{
    if (is_utf8(text)) return std::string(text);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t length = 1;
        while (length <= 4 && at + length <= text.size() && !is_utf8(text.substr(at, length))) ++length;
        const bool good = length <= 4 && at + length <= text.size();
        out += good ? text.substr(at, length) : std::string_view("\xef\xbf\xbd");
        at += good ? length : 1;
    }
    return out;
}

std::optional<LogLine> log_line(const docker::LogChunk& chunk)
{
    const std::string_view text = chunk.text;
    if (text.size() < kTimeLength || !is_log_time(text.substr(0, kTimeLength))) return std::nullopt;
    LogLine line;
    line.at = text.substr(0, kTimeLength);
    line.stream =
        chunk.from == docker::LogChunk::From::Stderr ? LogStreamName::stderr_ : LogStreamName::stdout_;
    auto rest = text.substr(kTimeLength);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    while (rest.ends_with('\n') || rest.ends_with('\r')) rest.remove_suffix(1);
    line.text = clean_utf8(rest.substr(0, kMaxLogLine));
    std::replace(line.text.begin(), line.text.end(), '\n', ' ');
    if (line.text.size() > kMaxLogLine)
        line.text = clean_utf8(std::string_view(line.text).substr(0, kMaxLogLine - 2));
    return line;
}

std::string engine_since(const std::string& at)
{
    const auto time = is_log_time(at) ? parse_time(at) : std::nullopt;
    if (!time) return "";
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count();
    return std::to_string(seconds) + "." + at.substr(20, 9);
}

void LogQueue::add(LogLine line)
{
    bytes_ += size_of(line);
    lines_.push_back(std::move(line));
    trim();
}

void LogQueue::trim()
{
    while (lines_.size() > kMaxLines || (bytes_ > kMaxBytes && lines_.size() > 1)) {
        bytes_ -= size_of(lines_.front());
        lines_.pop_front();
        ++dropped_;
    }
}

LogBatch LogQueue::take(std::size_t most)
{
    LogBatch batch;
    batch.after = sent_;
    batch.dropped = std::exchange(dropped_, 0);
    const auto count = std::min(most, lines_.size());
    for (std::size_t i = 0; i < count; ++i) {
        bytes_ -= size_of(lines_.front());
        batch.lines.push_back(std::move(lines_.front()));
        lines_.pop_front();
    }
    return batch;
}

void LogQueue::sent(const LogBatch& batch)
{
    if (!batch.lines.empty()) sent_ = batch.lines.back().at;
}

void LogQueue::put_back(LogBatch batch)
{
    // What was dropped meanwhile is younger than these: then they would have been dropped first.
    if (dropped_ > 0) {
        dropped_ += batch.dropped + std::int64_t(batch.lines.size());
        return;
    }
    dropped_ = batch.dropped;
    for (auto line = batch.lines.rbegin(); line != batch.lines.rend(); ++line) {
        bytes_ += size_of(*line);
        lines_.push_front(std::move(*line));
    }
    trim();
}

void LogQueue::restart(std::deque<LogLine> lines)
{
    for (auto& line : lines_)
        if (lines.empty() || line.at > lines.back().at) lines.push_back(std::move(line));
    lines_ = std::move(lines);
    bytes_ = 0;
    for (const auto& line : lines_) bytes_ += size_of(line);
    dropped_ = 0;
    sent_.clear();
    trim();
}

} // namespace berth
