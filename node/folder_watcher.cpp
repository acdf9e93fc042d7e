#include "node/folder_watcher.hpp"

#include "controller/base/log.hpp"
#include "node/filters.hpp"

#include <sys/inotify.h>

namespace berth {

namespace {

constexpr std::uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR;
/// Between two looks at the queue: a tenant that writes all the time costs us a little and not more. The
/// kernel merges equal events meanwhile, and an overflow only means that everything is looked at.
constexpr Duration kPause{250};

constexpr std::string_view kVolumeRoot = "_data";
/// Our own last events may still be on their way.
constexpr Duration kEcho = std::chrono::seconds{1};

/// The last part of what a /proc/self/fd path leads to; empty when that can't be told.
std::string folder_name(const std::string& link)
{
    std::array<char, 4096> target{};
    const auto size = ::readlink(link.c_str(), target.data(), target.size());
    if (size <= 0) return "";
    const std::string_view path(target.data(), static_cast<std::size_t>(size));
    return std::string(path.substr(path.rfind('/') + 1));
}

int make_notifier()
{
    const int number = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (number < 0) throw system_error("start watching folders");
    return number;
}

} // namespace

bool is_sign_of_use(std::string_view folder, std::string_view name)
{
    return folder != ".git" || (name != "index" && name != "index.lock" && name != "FETCH_HEAD");
}

OwnWrites::OwnWrites(std::shared_ptr<FolderActivity> activity, const Clock& clock)
    : activity_(std::move(activity)),
      clock_(clock)
{
    activity_->own_until_ms = std::numeric_limits<std::int64_t>::max();
}

OwnWrites::~OwnWrites() { activity_->own_until_ms = (clock_.now() + kEcho).time_since_epoch().count(); }

FolderWatcher::FolderWatcher(Executor executor, Clock& clock)
    : clock_(clock),
      notifier_(executor, make_notifier())
{}

void FolderWatcher::watch(int descriptor, const std::shared_ptr<FolderActivity>& activity)
{
    // By descriptor: a path could have become another folder's.
    const auto path = "/proc/self/fd/" + std::to_string(descriptor);
    const std::lock_guard lock(mutex_);
    const int number = ::inotify_add_watch(notifier_.native_handle(), path.c_str(), kEvents);
    if (number >= 0) {
        auto& watched = watches_[number];
        if (watched.activity.lock() != activity) watched = {activity, folder_name(path)};
        return;
    }
    if (!activity->blind.exchange(true))
        log::warning("no more folder watches: walking instead", {{"error", std::strerror(errno)}});
}

awaitable<> FolderWatcher::run()
{
    while (true) {
        co_await notifier_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
        drain();
        co_await clock_.sleep(kPause);
    }
}

void FolderWatcher::drain()
{
    alignas(::inotify_event) std::array<char, 64 * 1024> buffer;
    while (true) {
        const auto size = ::read(notifier_.native_handle(), buffer.data(), buffer.size());
        if (size <= 0) return;
        const std::lock_guard lock(mutex_);
        for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
            const auto* event = reinterpret_cast<const ::inotify_event*>(buffer.data() + at);
            one(event->wd, event->mask, event->len > 0 ? event->name : "");
            at += sizeof(::inotify_event) + event->len;
        }
    }
}

void FolderWatcher::one(int watch, std::uint32_t mask, std::string_view name)
{
    const auto now = clock_.now().time_since_epoch().count();
    if (mask & IN_Q_OVERFLOW) {
        log::info("folder events were lost: looking at everything");
        for (auto& [number, watched] : watches_)
            if (const auto alive = watched.activity.lock()) alive->dirty = true;
        return;
    }
    const auto found = watches_.find(watch);
    if (found == watches_.end()) return;
    const auto activity = found->second.activity.lock();
    const auto folder = found->second.folder;
    if (mask & IN_IGNORED) watches_.erase(found);
    if (!activity || is_filtered_file(name) || is_filtered_folder(name)) return;
    activity->dirty = true;
    if ((mask & IN_IGNORED) || now <= activity->own_until_ms || !is_sign_of_use(folder, name)) return;
    activity->last_ms = now;
    const bool top = folder.empty() || folder == kVolumeRoot;
    const std::string own(name);
    activity->last_source = top ? own : own.empty() ? folder : folder + "/" + own;
}

} // namespace berth
