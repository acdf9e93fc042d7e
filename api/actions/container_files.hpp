#pragma once
// What a person asks of the files of a workspace: a sync now, held deletes let through, the tree of an
// earlier time; and the receipts. Each only raises a counter in the spec; the agent that has the files acts
// on it once.

#include "api/actions/container_view.hpp"
#include "api/actions/workspace_cache.hpp"
#include "api/http/router.hpp"

namespace berth {

struct ReceiptList {
    std::vector<Receipt> receipts;
    static constexpr std::array docs{std::pair{"receipts", "the last 10, oldest first"}};
};
BOOST_DESCRIBE_STRUCT(ReceiptList, (), (receipts))

struct FilesRequest {
    std::string id;
    SyncRequests requested;
    SyncRequests observed;
    static constexpr std::array docs{
        std::pair{"requested", "how often each was asked for, this time included"},
        std::pair{"observed", "what the agent has done of it; equal numbers: all"}};
};
BOOST_DESCRIBE_STRUCT(FilesRequest, (), (id, requested, observed))

/// Owned by main, outlives the server; I/O thread. Everything that it refers to outlives it.
class ContainerFiles {
public:
    ContainerFiles(Store& store, const WorkspaceCache& workspaces, const Clock& clock);
    void mount(Router& router);

private:
    awaitable<FilesRequest> sync(Call call);
    awaitable<FilesRequest> confirm_deletes(Call call);
    awaitable<FilesRequest> restore(Call call);
    awaitable<ReceiptList> receipts(Call call);
    awaitable<FilesRequest> ask(
        Call call, std::string verb, std::int64_t SyncRequests::*counter, std::optional<Time> at);

    Store& store_;
    const WorkspaceCache& workspaces_;
    const Clock& clock_;
};

} // namespace berth
