#include "api/actions/container_files.hpp"

namespace berth {

namespace {

constexpr const char* kOrg = "default";
/// As long as the trash keeps what was overwritten or deleted.
constexpr auto kKept = std::chrono::days{30};

Doc doc_of(std::string summary, std::string description)
{
    Doc doc{.summary = std::move(summary), .tag = "Containers", .success = 202, .roles = kUsers};
    doc.description = std::move(description);
    doc.errors = {409};
    return doc;
}

void check_live(const Workspace& workspace)
{
    if (workspace.metadata.deletionTimestamp) throw Error{Errc::Conflict, "the container is being deleted"};
    if (workspace.spec.desiredState != DesiredState::running)
        throw Error{Errc::Conflict, "the container is stopped: start it first"};
}

} // namespace

ContainerFiles::ContainerFiles(Store& store, const WorkspaceCache& workspaces, const Clock& clock)
    : store_(store),
      workspaces_(workspaces),
      clock_(clock)
{}

void ContainerFiles::mount(Router& router)
{
    router.post<void>("/api/containers/{id}/sync",
        doc_of("Sync now", "Compares with S3, brings changes of others and uploads what changed."),
        &ContainerFiles::sync, this);
    router.post<void>("/api/containers/{id}/sync/confirm-deletes",
        doc_of("Let held deletes through",
            "Exactly those that sync.heldDeletes counts; what more is gone by then is held again."),
        &ContainerFiles::confirm_deletes, this);
    auto restore = doc_of("Bring back the files of an earlier time",
        "The present state is saved first, so it can be brought back the same way. At most 30 days back.");
    restore.errors = {400, 409};
    restore.query = {Param::text("at", "the time, as of RFC 3339: 2026-11-21T08:34:00Z", 40)};
    router.post<void>("/api/containers/{id}/restore", std::move(restore), &ContainerFiles::restore, this);
    Doc receipts{.summary = "List receipts of a container", .tag = "Containers", .roles = kReaders};
    receipts.description = "What was in S3, and when: number of files, bytes, SHA-256 of the manifest.";
    router.get("/api/containers/{id}/receipts", std::move(receipts), &ContainerFiles::receipts, this);
}

awaitable<FilesRequest> ContainerFiles::ask(
    Call call, std::string verb, std::int64_t SyncRequests::*counter, std::optional<Time> at)
{
    auto work = [key = Key{kOrg, call.param("id")}, who = call.principal.name, verb, counter, at](Txn& txn) {
        auto workspace = txn.get<Workspace>(key);
        if (!workspace) throw container_not_found(key.name);
        check_live(*workspace);
        auto& requests = workspace->spec.requests;
        ++(requests.*counter);
        if (at) requests.restoreAt = at;
        txn.update(*workspace);
        txn.audit({who, verb, std::string(Workspace::kind().kind), key, at ? "at " + format_time(*at) : ""});
        return FilesRequest{key.name, requests, workspace->status.observedRequests};
    };
    co_return co_await store_.transact(std::move(work));
}

awaitable<FilesRequest> ContainerFiles::sync(Call call)
{
    std::string verb = "sync";
    co_return co_await ask(std::move(call), std::move(verb), &SyncRequests::sync, std::nullopt);
}

awaitable<FilesRequest> ContainerFiles::confirm_deletes(Call call)
{
    std::string verb = "confirm-deletes";
    co_return co_await ask(std::move(call), std::move(verb), &SyncRequests::confirmDeletes, std::nullopt);
}

awaitable<FilesRequest> ContainerFiles::restore(Call call)
{
    const auto at = parse_time(call.query("at").value_or(""));
    if (!at) throw Error{Problems{{"/at", "expected a time such as 2026-11-21T08:34:00Z"}}};
    const auto now = clock_.now();
    if (*at > now) throw Error{Problems{{"/at", "is in the future"}}};
    if (*at < now - kKept) throw Error{Problems{{"/at", "is longer ago than the 30 days that are kept"}}};
    std::string verb = "restore";
    co_return co_await ask(std::move(call), std::move(verb), &SyncRequests::restore, at);
}

awaitable<ReceiptList> ContainerFiles::receipts(Call call)
{
    const Key key{kOrg, call.param("id")};
    const auto workspace = workspaces_.get(key);
    if (!workspace) throw container_not_found(key.name);
    co_return ReceiptList{workspace->status.receipts};
}

} // namespace berth
