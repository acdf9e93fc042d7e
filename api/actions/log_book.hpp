#pragma once
// The last lines of each workspace's output, in memory: they outlive the container and the node, not berthd
// (which gets them anew from the nodes of what still runs).

#include "api/types/log_batch.hpp"
#include "api/types/meta.hpp"
#include "controller/base/async.hpp"

#include <deque>
#include <map>

namespace berth {

struct LogLimits {
    std::size_t lines = kMaxLogLines;      ///< kept per workspace
    std::size_t bytes = 256 * 1024;        ///< kept per workspace
    std::size_t total_bytes = 64ULL << 20; ///< of all; those that were quiet for longest go first
};

struct LogEntry {
    std::uint64_t sequence = 0; ///< counts the lines of a workspace from 1
    std::int64_t incarnation = 0;
    LogLine line;
};

/// Lives on the I/O thread.
class LogBook {
public:
    LogBook(const Executor& executor, LogLimits limits) : changed_(executor), limits_(limits) {}

    /// Adds what is new of it: lines that are here already (by the container's time) are skipped, so a batch
    /// may be sent twice. Another `uid` than before begins anew. False, and nothing is taken, when the line
    /// that it goes on from is not known.
    bool append(const Key& key, const std::string& uid, LogBatch batch);
    /// The newest line's time of a container; empty when there is none.
    std::string last(const Key& key, const std::string& container) const;
    /// Lines with a higher sequence than `after`, oldest first, at most `limit`.
    std::vector<LogEntry> read(const Key& key, std::uint64_t after, std::size_t limit) const;
    /// Of the newest line; 0 when there is none.
    std::uint64_t newest(const Key& key) const;
    void forget(const Key& key);

    std::size_t bytes() const noexcept { return bytes_; }
    /// Something was added or forgotten.
    Signal& changed() noexcept { return changed_; }

private:
    struct Ring {
        std::string uid;
        std::deque<LogEntry> entries;
        std::size_t bytes = 0;
        std::uint64_t sequence = 0;
        std::uint64_t touched = 0;               ///< by touches_
        std::map<std::string, std::string> last; ///< container → time of its newest line
        std::deque<std::string> containers;      ///< of `last`, oldest first
    };
    void push(Ring& ring, std::int64_t incarnation, LogLine line);
    void drop_oldest(Ring& ring);
    void shrink(const Ring& keep);
    std::string& last_of(Ring& ring, const std::string& container);

    Signal changed_;
    LogLimits limits_;
    std::map<Key, Ring> rings_;
    std::size_t bytes_ = 0;
    std::uint64_t touches_ = 0;
};

} // namespace berth
