#pragma once
// The route table for Traefik's HTTP provider: a pure function of the workspaces, answered as a long poll
// (W42).

#include "api/actions/route_fragment.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"
#include "controller/base/async.hpp"

namespace berth {

/// GET /api/v1/traefik/config, role proxy. The first request of a connection is answered at once; later ones
/// when the table differs from what that connection got last, or after `hold`. The table is encoded once per
/// change, whoever asks. Owned by main, outlives the server; I/O thread; the cache outlives it.
class RouteTable {
public:
    RouteTable(WorkspaceCache& workspaces, Executor executor, Clock& clock, RouteSettings settings);
    RouteTable(const RouteTable&) = delete;
    RouteTable& operator=(const RouteTable&) = delete;

    void mount(Router& router);
    awaitable<Reply> poll(Call call);

    /// Called when a proxy asks on a fresh connection: one may have come up, at another address.
    std::function<void()> on_connect;

    std::uint64_t version() const noexcept { return table_->version; }
    std::size_t workspaces() const noexcept { return table_->fragments.size(); }
    /// The table as it is now.
    const std::string& text() { return table_->text(); }

private:
    struct Table {
        Table(const Executor& executor, RouteSettings wanted)
            : settings(std::move(wanted)),
              constant(constant_routes(settings)),
              changed(executor)
        {}
        void update(const Key& key, const WorkspacePtr& workspace);
        const std::string& text();

        RouteSettings settings;
        RouteFragment constant;
        std::map<Key, RouteFragment> fragments;
        std::uint64_t version = 1;
        std::uint64_t encoded_version = 0;
        std::string encoded;
        Signal changed;
    };
    awaitable<> wait_for_change(std::uint64_t version);

    Clock& clock_;
    std::shared_ptr<Table> table_; ///< shared with the cache's listener, whichever lives longer
};

} // namespace berth
