#pragma once
// The output of workspaces over HTTP: written by the nodes' agents, read by people and programs (W51).

#include "api/actions/log_book.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"

namespace berth {

/// How bad a line is, by the words in it: programs agree on nothing better.
enum class LineLevel { error, warning, info };
BOOST_DESCRIBE_ENUM(LineLevel, error, warning, info)
LineLevel level_of(const LogLine& line);

/// POST /api/v1/orgs/{org}/workspaces/{name}/logs (role node), GET /api/containers/{id}/logs, and the lines of
/// all of them: GET /api/dashboard/logs (W7). Owned by main, outlives the server; I/O thread; the cache outlives it.
class Logs {
public:
    Logs(WorkspaceCache& workspaces, const Executor& executor, Clock& clock, LogLimits limits = {});

    void mount(Router& router);

private:
    struct Shared;
    struct Follower;
    struct Feed;
    enum class Form { text, lines, events };

    void mount_read(Router& router);
    void mount_feed(Router& router);
    awaitable<LogTaken> take(Call call, LogBatch batch);
    awaitable<Reply> read(Call call);
    std::shared_ptr<Follower> follower(const Call& call) const;
    awaitable<Reply> feed(Call call);
    template <class Source> static awaitable<> follow(std::shared_ptr<Source> self, Stream& out);

    std::shared_ptr<Shared> shared_; ///< with the cache's listener and with streams, whichever lives longest
};

} // namespace berth
