#pragma once
// Notices that something changed in the workspaces' folders, so that an untouched one is not walked every few
// seconds. Says only "look": what changed is found by the walk, which also puts the watches on new folders,
// before it reads them, so nothing falls between.

#include "controller/base/async.hpp"
#include "node/fd.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include <boost/asio/posix/stream_descriptor.hpp>

namespace berth {

/// What the watcher knows of one workspace's folder. Shared; any thread.
struct FolderActivity {
    std::atomic<bool> dirty{true};
    std::atomic<bool> blind{false};       ///< no more watches were to be had: walk without being told
    std::atomic<std::int64_t> last_ms{0}; ///< of the newest event, ms since 1970; 0 = none
};

/// One inotify instance for all folders of the node. Spawn run() on the I/O thread; watch() may be called
/// from any.
class FolderWatcher {
public:
    FolderWatcher(Executor executor, Clock& clock);
    /// Watches the folder that `descriptor` refers to. Doing it again is cheap and changes nothing.
    void watch(int descriptor, const std::shared_ptr<FolderActivity>& activity);
    awaitable<> run();

private:
    void drain();
    void one(int watch, std::uint32_t mask, std::string_view name);

    Clock& clock_;
    asio::posix::stream_descriptor notifier_;
    std::mutex mutex_;
    std::map<int, std::weak_ptr<FolderActivity>> watches_;
};

} // namespace berth
