#pragma once
// What a container has written, on its way to berthd: taken apart, made clean, and kept within bounds while
// it waits. Pure; any thread.

#include "api/types/log_batch.hpp"
#include "docker/client.hpp"

#include <deque>

namespace berth {

/// One frame of an engine's log with time stamps, as a line; nothing when it is not one. The text becomes
/// valid UTF-8 and is cut at kMaxLogLine bytes.
std::optional<LogLine> log_line(const docker::LogChunk& chunk);

/// The engine's `since`: seconds with a fraction. Empty for an empty or malformed time.
std::string engine_since(const std::string& at);

/// Valid UTF-8: what is not, becomes U+FFFD.
std::string clean_utf8(std::string_view text);

/// Lines that wait to be sent. When they are too many, the oldest go and are counted.
class LogQueue {
public:
    static constexpr std::size_t kMaxLines = kMaxLogLines;
    static constexpr std::size_t kMaxBytes = 256 * 1024;

    void add(LogLine line);
    /// At most `most` lines, as a batch that goes on from the line that was sent before.
    LogBatch take(std::size_t most);
    /// berthd has it.
    void sent(const LogBatch& batch);
    /// It could not be sent: its lines wait again, in front of the others.
    void put_back(LogBatch batch);
    /// berthd knows nothing of what was sent before: begins anew with these lines, the newest that there are.
    void restart(std::deque<LogLine> lines);
    bool empty() const noexcept { return lines_.empty() && dropped_ == 0; }
    const std::string& sent_until() const noexcept { return sent_; }

private:
    void trim();
    std::deque<LogLine> lines_;
    std::size_t bytes_ = 0;
    std::int64_t dropped_ = 0;
    std::string sent_; ///< time of the last line that berthd has
};

} // namespace berth
