#include "api/actions/containers.hpp"

#include "api/types/node.hpp"
#include "api/types/workspace_template.hpp"
#include "controller/base/log.hpp"
#include "controller/base/random.hpp"

#include <algorithm>

namespace berth {

namespace {

/// /api/containers is the view of the default org; /api/v1 shows them all.
constexpr const char* kOrg = "default";
constexpr std::size_t kVncPasswordLength = 8; // the protocol looks at no more
constexpr std::string_view kTag = "Containers";

Key key_of_call(const Call& call) { return {kOrg, call.param("id")}; }

Error not_found(const std::string& id)
{
    return Error{Errc::NotFound, "there is no container " + id}.as("CONTAINER_NOT_FOUND");
}

HttpError refused() { return HttpError{401, "AUTHENTICATION_FAILED", "authentication failed"}; }

std::string lower(std::string text)
{
    std::transform(
        text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return text;
}

AuditEntry audit(const std::string& who, std::string verb, const Key& key, std::string detail = {})
{
    return {who, std::move(verb), std::string(Workspace::kind().kind), key, std::move(detail)};
}

/// The name of a key as the value of a label; what does not fit as it is, is named by its hash.
std::string owner_label(const std::string& name)
{
    const bool fits = is_dns_label(name);
    return fits ? name : "sha256-" + sha256_hex(name).substr(0, 32);
}

/// Live workspaces that this key has made; those that rest do not count.
std::int64_t count_owned(Txn& txn, const std::string& owner)
{
    const auto entries =
        txn.entries(Workspace::kind().plural, Selector::label(std::string(kOwnerLabel), owner_label(owner)));
    return std::count_if(entries.begin(), entries.end(), [](const EntryPtr& entry) {
        return !entry->deleting && entry->phase != "stopped" && entry->phase != "archived";
    });
}

void check_quota(Txn& txn, const std::string& owner, std::int64_t limit)
{
    if (limit > 0 && count_owned(txn, owner) >= limit)
        throw Error{
            Errc::Quota, "this key may have " + std::to_string(limit) + " containers at the same time"}
            .as("RESOURCE_LIMIT_EXCEEDED");
}

/// W20: a name that nobody has, found in the transaction that takes it.
std::string free_id(Txn& txn)
{
    for (std::size_t attempt = 0; attempt < 16; ++attempt) {
        auto id = random_text(attempt < 4 ? 8 : 10);
        if (!txn.find(Workspace::kind().plural, {kOrg, id})) return id;
    }
    throw Error{Errc::Internal, "no free id was found"}.as("CONTAINER_START_FAILED");
}

Workspace load(Txn& txn, const Key& key)
{
    auto workspace = txn.get<Workspace>(key);
    if (!workspace) throw not_found(key.name);
    return std::move(*workspace);
}

bool wants_running(const Workspace& workspace)
{
    return workspace.spec.desiredState == DesiredState::running && !workspace.metadata.deletionTimestamp;
}

void refuse_deleted(const Workspace& workspace)
{
    if (workspace.metadata.deletionTimestamp) throw Error{Errc::Conflict, "the container is being deleted"};
}

} // namespace

Containers::Containers(Store& store, const WorkspaceCache& workspaces, BucketCheck& buckets,
    const Clock& clock, ContainerSettings settings)
    : store_(store),
      workspaces_(workspaces),
      buckets_(buckets),
      clock_(clock),
      settings_(std::move(settings))
{}

void Containers::mount(Router& router)
{
    mount_start(router);
    mount_reads(router);
    mount_verbs(router);
}

void Containers::mount_start(Router& router)
{
    Doc doc{.summary = "Start a container", .tag = std::string(kTag), .success = 201, .roles = kUsers};
    doc.description =
        "Records the wish and answers at once; ask for the container to see when it runs. With an "
        "Idempotency-Key a repeated request gets the first answer.";
    doc.errors = {409, 422, 503};
    doc.headers = {
        Param::text("Idempotency-Key", "the same key and body get the same answer for 24 hours", 128)};
    doc.max_body = 8 << 20; // 128 variables of 32 KiB
    doc.example_request = json::object{{"s3Bucket", "demo"}};
    auto handler = [this](Call call) { return start(std::move(call)); };
    auto request = [](SchemaRegistry& schemas) { return schemas.of<StartRequest>(); };
    auto response = [](SchemaRegistry& schemas) { return schemas.of<StartAnswer>(); };
    router.add({"POST", "/api/containers/start", std::move(doc), std::move(handler), std::move(request),
        std::move(response), {}});
}

void Containers::mount_reads(Router& router)
{
    Doc list{.summary = "List containers", .tag = std::string(kTag), .roles = kReaders};
    list.description = "Newest first. Without a status: all that are not archived.";
    list.query = {Param::choice("status", "only these",
                      {"warm", "starting", "running", "stopping", "stopped", "failed", "archived"}),
        Param::integer("limit", "of the page", 1, 500, 50),
        Param::integer("offset", "of the page", 0, 1'000'000'000, 0),
        Param::text("search", "part of an id, bucket, prefix or node name", 128)};
    router.get("/api/containers", std::move(list), &Containers::list, this);
    Doc show{.summary = "Show a container", .tag = std::string(kTag), .roles = kReaders};
    router.get("/api/containers/{id}", std::move(show), &Containers::show, this);
}

void Containers::mount_verbs(Router& router)
{
    Doc stop{.summary = "Stop a container", .tag = std::string(kTag), .success = 202, .roles = kUsers};
    stop.description =
        "The files go to S3 once more, then everything on the node is removed. 200 when it was "
        "stopped already. force=1 gives up files that can't be saved.";
    stop.more_success = {200};
    stop.query = {Param::flag("force", "give up unsaved files")};
    router.del("/api/containers/{id}", std::move(stop), &Containers::stop, this);

    Doc again{.summary = "Start a stopped container again",
        .tag = std::string(kTag),
        .success = 202,
        .roles = kUsers};
    again.description = "The same id and URLs. 200 when it is wanted running already.";
    again.more_success = {200};
    again.errors = {409, 503};
    router.post<void>("/api/containers/{id}/start", std::move(again), &Containers::start_again, this);

    Doc restart{.summary = "Restart a container", .tag = std::string(kTag), .success = 202, .roles = kUsers};
    restart.description = "A new container on the same node with the same files.";
    restart.errors = {409, 503};
    router.post<void>("/api/containers/{id}/restart", std::move(restart), &Containers::restart, this);

    Doc callback{.summary = "Report inactivity from inside a container", .tag = std::string(kTag)};
    callback.description = "With the container's own token as bearer. Idempotent.";
    callback.open = true;
    callback.errors = {401};
    router.post<CallbackRequest>(
        "/api/containers/{id}/callback", std::move(callback), &Containers::callback, this);
}

WorkspacePtr Containers::find(const Call& call) const
{
    auto workspace = workspaces_.get(key_of_call(call));
    if (!workspace) throw not_found(call.param("id"));
    return workspace;
}

awaitable<Reply> Containers::start(Call call)
{
    const auto once = Idempotency::of(call);
    if (auto earlier = co_await once.replay(store_)) co_return std::move(*earlier);
    const auto request = decode<StartRequest>(call.json_body(), Unknown::Reject);
    auto draft = workspace_from(request, settings_.s3);
    StartAnswer answer;
    if (draft.spec.vncPassword.empty()) {
        answer.vncPassword = random_text(kVncPasswordLength);
        draft.spec.vncPassword = Secret{*answer.vncPassword};
    }
    draft.spec.callbackToken = Secret{random_text(40)};
    draft.metadata.org = kOrg;
    draft.metadata.labels[std::string(kOwnerLabel)] = owner_label(call.principal.name);
    co_await check_start(draft);

    auto work = [once, draft, answer, address = settings_.address, who = call.principal](
                    Txn& txn) mutable -> Reply {
        if (auto earlier = once.earlier(txn)) return std::move(*earlier);
        check_quota(txn, who.name, who.max_containers);
        draft.metadata.name = free_id(txn);
        txn.create(draft);
        txn.audit(audit(who.name, "create", key_of(draft), "bucket " + draft.spec.s3.bucket));
        answer.id = draft.metadata.name;
        answer.serviceName = service_name(answer.id);
        answer.status = container_status(draft);
        answer.urls = workspace_urls(address, answer.id);
        answer.message = "the container is starting";
        return once.keep(txn, Reply::json(201, encode(answer)));
    };
    co_return co_await store_.transact(std::move(work));
}

/// What can be known before anything is recorded.
awaitable<> Containers::check_start(const Workspace& workspace)
{
    const auto& wanted = workspace.spec.template_;
    if (!wanted.empty() && !store_.find(WorkspaceTemplate::kind().plural, {kOrg, wanted}))
        throw Error{Problems{{"/template", "there is no template of this name"}}};
    admit();
    co_await buckets_.check(workspace.spec.s3);
}

void Containers::admit() const
{
    std::size_t candidates = 0;
    std::size_t full = 0;
    for (const auto& node : store_.list<Node>()) {
        const auto& status = node.status;
        if (status.state != "ready" || status.availability != NodeAvailability::active) continue;
        ++candidates;
        if (!status.usage || status.usage->memoryTotal <= 0) continue;
        const auto& usage = *status.usage;
        const double memory = 100.0 * double(usage.memoryUsed) / double(usage.memoryTotal);
        const double cpu = usage.cpuCores > 0 ? 100.0 * usage.cpuUsed / usage.cpuCores : 0;
        if (memory >= settings_.max_memory_percent) ++full;
        if (cpu >= settings_.warn_cpu_percent)
            log::warning("a node's processors are busy", {{"node", status.hostname}, {"percent", cpu}});
    }
    if (candidates > 0 && full == candidates)
        throw Error{Errc::Quota, "no node has memory to spare; try again later"}.as(
            "RESOURCE_LIMIT_EXCEEDED");
}

awaitable<ContainerList> Containers::list(Call call)
{
    const auto status = call.query("status");
    const auto search = lower(call.query("search").value_or(""));
    std::vector<WorkspacePtr> found;
    for (const auto& [key, workspace] : workspaces_.all()) {
        if (key.org != kOrg) continue;
        const auto shown = container_status(*workspace);
        const bool wanted =
            status ? detail::enumerator_name(shown) == *status : shown != ContainerStatus::archived;
        if (wanted && (search.empty() || matches_search(*workspace, search))) found.push_back(workspace);
    }
    const auto newer = [](const WorkspacePtr& left, const WorkspacePtr& right) {
        const auto& a = left->metadata;
        const auto& b = right->metadata;
        return a.creationTimestamp != b.creationTimestamp ? a.creationTimestamp > b.creationTimestamp
                                                          : a.name < b.name;
    };
    std::sort(found.begin(), found.end(), newer);

    ContainerList page;
    page.total = std::int64_t(found.size());
    page.limit = call.query_int("limit");
    page.offset = call.query_int("offset");
    const auto end = std::min(page.total, page.offset + page.limit);
    for (auto i = page.offset; i < end; ++i)
        page.containers.push_back(container_view(*found[std::size_t(i)], settings_.address, clock_.now()));
    co_return page;
}

awaitable<ContainerView> Containers::show(Call call)
{
    co_return container_view(*find(call), settings_.address, clock_.now());
}

Containers::View Containers::answer(const Edited& edited) const
{
    return {
        container_view(edited.workspace, settings_.address, clock_.now()), edited.changed ? 202u : 200u, {}};
}

awaitable<Containers::View> Containers::stop(Call call)
{
    auto work = [key = key_of_call(call), force = call.query_flag("force"), who = call.principal.name](
                    Txn& txn) {
        Edited edited{load(txn, key), false};
        auto& spec = edited.workspace.spec;
        const bool stop = wants_running(edited.workspace);
        const bool rests = edited.workspace.status.phase == Phase::stopped && !stop;
        const bool give_up = force && !spec.forceStop && !rests;
        if (!stop && !give_up) return edited;
        if (stop) spec.stopReason = "manual";
        spec.desiredState = DesiredState::stopped;
        spec.forceStop = spec.forceStop || give_up;
        txn.update(edited.workspace);
        txn.audit(audit(who, give_up ? "force-stop" : "stop", key));
        edited.changed = true;
        return edited;
    };
    co_return answer(co_await store_.transact(std::move(work)));
}

awaitable<Containers::View> Containers::start_again(Call call)
{
    const auto present = find(call);
    const bool failed = present->status.phase == Phase::failed;
    if (!wants_running(*present) || failed) {
        refuse_deleted(*present);
        co_await check_start(*present);
    }
    auto work = [key = key_of_call(call), who = call.principal](Txn& txn) {
        Edited edited{load(txn, key), false};
        refuse_deleted(edited.workspace);
        auto& spec = edited.workspace.spec;
        const bool failed = edited.workspace.status.phase == Phase::failed;
        if (wants_running(edited.workspace) && !failed) return edited;
        if (!wants_running(edited.workspace)) check_quota(txn, who.name, who.max_containers);
        if (failed && spec.desiredState == DesiredState::running) request_restart(spec);
        spec.desiredState = DesiredState::running;
        spec.stopReason.clear();
        spec.forceStop = false;
        txn.update(edited.workspace);
        txn.audit(audit(who.name, "start", key));
        edited.changed = true;
        return edited;
    };
    co_return answer(co_await store_.transact(std::move(work)));
}

awaitable<Containers::View> Containers::restart(Call call)
{
    auto work = [key = key_of_call(call), who = call.principal.name](Txn& txn) {
        Edited edited{load(txn, key), true};
        refuse_deleted(edited.workspace);
        if (edited.workspace.spec.desiredState != DesiredState::running)
            throw Error{Errc::Conflict, "the container is stopped: start it instead"};
        request_restart(edited.workspace.spec);
        txn.update(edited.workspace);
        txn.audit(audit(who, "restart", key));
        return edited;
    };
    co_return answer(co_await store_.transact(std::move(work)));
}

/// Nobody learns from the answer whether a container exists: wrong token and wrong id look the same.
awaitable<Containers::View> Containers::callback(Call call, CallbackRequest request)
{
    const auto present = workspaces_.get(key_of_call(call));
    const auto token = Authenticator::bearer(call.header("Authorization"));
    const bool known = present && !token.empty() && !present->spec.callbackToken.empty() &&
                       equal_constant_time(token, present->spec.callbackToken.reveal());
    if (!known) throw refused();
    auto work = [key = key_of_call(call), uid = present->metadata.uid, reason = request.reason](Txn& txn) {
        Edited edited{load(txn, key), false};
        if (!wants_running(edited.workspace) || edited.workspace.metadata.uid != uid) return edited;
        edited.workspace.spec.desiredState = DesiredState::stopped;
        edited.workspace.spec.stopReason = "inactivity";
        txn.update(edited.workspace);
        txn.audit(audit("workspace " + key.name, "stop", key, "callback: " + reason));
        edited.changed = true;
        return edited;
    };
    auto view = answer(co_await store_.transact(std::move(work)));
    view.status = 200;
    co_return view;
}

} // namespace berth
