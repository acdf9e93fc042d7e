#include "api/actions/containers.hpp"

#include "api/actions/extend.hpp"
#include "controller/base/random.hpp"

#include <algorithm>

namespace berth {

namespace {

/// /api/containers is the view of the default org; /api/v1 shows them all.
constexpr const char* kOrg = "default";
constexpr std::string_view kTag = "Containers";

Key key_of_call(const Call& call) { return {kOrg, call.param("id")}; }

HttpError refused() { return HttpError{401, "AUTHENTICATION_FAILED", "authentication failed"}; }

AuditEntry audit(const std::string& who, std::string verb, const Key& key, std::string detail = {})
{
    return {who, std::move(verb), std::string(Workspace::kind().kind), key, std::move(detail)};
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
    if (!workspace || is_slot(*workspace)) throw container_not_found(key.name); // its pool decides about a slot
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

Containers::Containers(Store& store, const WorkspaceCache& workspaces, WorkspaceAdmission& admission,
    const Clock& clock, ContainerSettings settings)
    : store_(store),
      workspaces_(workspaces),
      admission_(admission),
      clock_(clock),
      settings_(std::move(settings)),
      slots_(store)
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
        "Takes over a container that runs already when a warm pool has one to give (status running); else "
        "records the wish and answers at once: ask for the container to see when it runs. With an "
        "Idempotency-Key a repeated request gets the first answer.";
    doc.errors = {409, 422, 503};
    doc.headers = {Param::text(
        "Idempotency-Key", "the same key and body get the same answer for 24 hours", 128, kToken)};
    doc.reply_headers = {
        {"Idempotent-Replayed", "`true` when it is the answer of an earlier request", false}};
    doc.makes = {"/api/containers/{id}", {{"id", "$response.body#/id"}}};
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
    list.description =
        "Newest first. Without a status: all that are not archived. pending: those that are recorded and "
        "nothing else yet, which are shown as starting.";
    list.query = {
        Param::choice("status", "only these",
            {"pending", "warm", "starting", "running", "stopping", "stopped", "failed", "archived"}),
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
    callback.description =
        "With the container's own token as bearer. Idempotent. A container that was extended, or is never "
        "stopped for inactivity, runs on.";
    callback.open = true;
    callback.scheme = "workspaceToken";
    router.post<CallbackRequest>(
        "/api/containers/{id}/callback", std::move(callback), &Containers::callback, this);
}

WorkspacePtr Containers::find(const Call& call) const
{
    auto workspace = workspaces_.get(key_of_call(call));
    const bool hidden = workspace && is_slot(*workspace) && call.principal.role != Role::admin;
    if (!workspace || hidden) throw container_not_found(call.param("id"));
    return workspace;
}

awaitable<Reply> Containers::start(Call call)
{
    const auto once = Idempotency::of(call);
    if (auto earlier = co_await once.replay(store_)) co_return std::move(*earlier);
    const auto request = decode<StartRequest>(call.json_body(), Unknown::Reject);
    auto draft = workspace_from(request, admission_.s3());
    const auto password = make_up(draft.spec).vnc_password;
    draft.metadata.org = kOrg;
    draft.metadata.labels[std::string(kOwnerLabel)] = owner_label(call.principal.name);
    admission_.check_template(kOrg, draft.spec.template_);
    co_await admission_.check_bucket(draft.spec.s3);
    // A warm slot has its memory already: there need not be room for one more.
    if (auto claimed = co_await claim(once, call.principal, draft, password)) co_return std::move(*claimed);
    admission_.capacity().require(kOrg, draft.spec.template_);

    auto work = [once, draft, password, address = settings_.address, who = call.principal,
                    rules = &admission_](Txn& txn) mutable -> Reply {
        if (auto earlier = once.earlier(txn)) return std::move(*earlier);
        rules->check_count(txn, who, nullptr);
        draft.metadata.name = free_id(txn);
        txn.create(draft);
        txn.audit(audit(who.name, "create", key_of(draft), "bucket " + draft.spec.s3.bucket));
        return once.keep(txn, Reply::json(201, encode(start_answer(draft, address, password))));
    };
    co_return co_await store_.transact(std::move(work));
}

/// What can be known before anything is recorded.
awaitable<> Containers::check_start(const Workspace& workspace)
{
    admission_.check_template(kOrg, workspace.spec.template_);
    admission_.capacity().require(kOrg, workspace.spec.template_);
    co_await admission_.check_bucket(workspace.spec.s3);
}

awaitable<ContainerList> Containers::list(Call call)
{
    const auto status = call.query("status");
    const auto search = lower(call.query("search").value_or(""));
    // Unclaimed slots are nobody's: shown to admins who ask for them.
    const bool slots = status == "warm" && call.principal.role == Role::admin;
    std::vector<std::pair<Time, WorkspacePtr>> found;
    for (const auto& [key, workspace] : workspaces_.all()) {
        if (key.org != kOrg) continue;
        const auto shown = container_status(*workspace);
        if (is_slot(*workspace) && !slots) continue;
        const bool fresh = status == "pending" && workspace.phase() == "pending";
        const bool wanted =
            status ? fresh || detail::enumerator_name(shown) == *status : shown != ContainerStatus::archived;
        if (wanted && (search.empty() || matches_search(*workspace, search)))
            found.emplace_back(created_at(*workspace), workspace);
    }
    const auto newer = [](const auto& left, const auto& right) {
        return left.first != right.first ? left.first > right.first
                                         : left.second->metadata.name < right.second->metadata.name;
    };
    std::sort(found.begin(), found.end(), newer);

    ContainerList page;
    page.total = std::int64_t(found.size());
    page.limit = call.query_int("limit");
    page.offset = call.query_int("offset");
    const auto end = std::min(page.total, page.offset + page.limit);
    for (auto i = page.offset; i < end; ++i)
        page.containers.push_back(
            container_view(*found[std::size_t(i)].second, settings_.address, clock_.now()));
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
        const auto phase = edited.workspace.status.phase;
        const bool rests = (phase == Phase::stopped || phase == Phase::archived) && !stop;
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
    auto work = [key = key_of_call(call), who = call.principal, rules = &admission_](Txn& txn) {
        Edited edited{load(txn, key), false};
        refuse_deleted(edited.workspace);
        auto& spec = edited.workspace.spec;
        const bool failed = edited.workspace.status.phase == Phase::failed;
        if (wants_running(edited.workspace) && !failed) return edited;
        if (!wants_running(edited.workspace)) rules->check_count(txn, who, &edited.workspace);
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

awaitable<Containers::View> Containers::remove(Call call)
{
    auto work = [key = key_of_call(call), who = call.principal.name](Txn& txn) {
        Edited edited{load(txn, key), false};
        if (edited.workspace.metadata.deletionTimestamp) return edited;
        txn.remove<Workspace>(key);
        txn.audit(audit(who, "delete", key));
        if (auto leaving = txn.get<Workspace>(key)) edited.workspace = std::move(*leaving);
        edited.changed = true;
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
        if (is_kept(edited.workspace, txn.now())) return edited;
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
