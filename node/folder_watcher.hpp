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
    std::atomic<std::int64_t> last_ms{0}; ///< of the newest event that counts as use, ms since 1970; 0 = none
    /// Events until then are from our own writing: worth a look, but no use. ms since 1970.
    std::atomic<std::int64_t> own_until_ms{0};
    std::string last_source; ///< what the newest event was about: "src/main.py"; I/O thread only
};

/// While this lives, and a little longer, what changes in the folder is our own doing.
class OwnWrites {
public:
    OwnWrites(std::shared_ptr<FolderActivity> activity, const Clock& clock);
    OwnWrites(const OwnWrites&) = delete;
    OwnWrites& operator=(const OwnWrites&) = delete;
    ~OwnWrites();

private:
    std::shared_ptr<FolderActivity> activity_;
    const Clock& clock_;
};

/// Whether a change of this name tells of somebody's work: git rewrites its index whenever an editor asks for the
/// status, and fetches by itself. Pure.
bool is_sign_of_use(std::string_view folder, std::string_view name);

/// One inotify instance for all folders of the node. Spawn run() on the I/O thread; watch() may be called
/// from any.
class FolderWatcher {
public:
    FolderWatcher(Executor executor, Clock& clock);
    /// Watches the folder that `descriptor` refers to. Doing it again is cheap and changes nothing.
    void watch(int descriptor, const std::shared_ptr<FolderActivity>& activity);
    awaitable<> run();

private:
    struct Watched {
        std::weak_ptr<FolderActivity> activity;
        std::string folder; ///< its own name, without the path
    };
    void drain();
    void one(int watch, std::uint32_t mask, std::string_view name);

    Clock& clock_;
    asio::posix::stream_descriptor notifier_;
    std::mutex mutex_;
    std::map<int, Watched> watches_;
};

} // namespace berth
