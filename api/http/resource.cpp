#include "api/http/resource.hpp"

#include "api/http/continue_token.hpp"
#include "api/http/etag.hpp"
#include "api/http/resource_watch.hpp"
#include "controller/base/random.hpp"

namespace berth {

namespace {

using resource::ContinueToken;
using resource::has_tag;
using resource::revision_in;
using resource::ShownTexts;

constexpr Duration kContinueLife{10 * 60'000};
constexpr std::int64_t kMaxPage = 1000;

/// A write that is thrown away again: out of a transaction only a throw does that.
struct DryRun : std::exception {
    explicit DryRun(Written result) : written(std::move(result)) {}
    Written written;
};

/// The five methods of one kind. Shared by the router's handlers.
class Resource : public std::enable_shared_from_this<Resource> {
public:
    Resource(Store& store, Clock& clock, const ResourceKind& kind, ResourceOptions options)
        : store_(store),
          clock_(clock),
          kind_(kind),
          options_(std::move(options)),
          texts_(ShownTexts::make(store, kind))
    {}
    void mount(Router& router)
    {
        const std::string kind(kind_.info().kind);
        router.describe_tag(kind, options_.description.empty() ? kind + " objects." : options_.description);
        mount_list(router, kind);
        mount_get(router, kind);
        if (options_.write.empty()) return; // a reconciler makes these objects
        mount_writes(router, kind);
        mount_delete(router, kind);
    }

private:
    void mount_list(Router& router, const std::string& kind);
    void mount_get(Router& router, const std::string& kind);
    void mount_writes(Router& router, const std::string& kind);
    void mount_delete(Router& router, const std::string& kind);

    using Operation = Written (ResourceKind::*)(Txn&, const WriteRequest&) const;
    enum class Body { None, Object, Patch };
    Doc doc(const char* verb, std::string summary, const Roles& roles) const;
    Route::SchemaOf object_schema() const;
    Route::SchemaOf list_schema() const;
    void add(Router& router, const char* method, bool one, Doc doc,
        awaitable<Reply> (Resource::*handler)(Call), Body body, bool list = false);

    awaitable<Reply> list(Call call);
    awaitable<Reply> get(Call call);
    awaitable<Reply> post(Call call);
    awaitable<Reply> put(Call call);
    awaitable<Reply> patch(Call call);
    awaitable<Reply> remove(Call call);

    Reply list_page(const Call& call, Selector selector) const;
    Reply watch(const Call& call, Selector selector);
    awaitable<Written> write(const Call& call, const char* verb, Operation operation, WriteRequest request);
    Reply written_reply(const Call& call, const Written& written, unsigned status) const;
    bool sees_secrets(const Principal& principal) const;
    Key key_of(const Call& call) const;
    Error not_found(const Key& key) const;
    Store& store_;
    Clock& clock_;
    const ResourceKind& kind_;
    ResourceOptions options_;
    std::shared_ptr<ShownTexts> texts_;
};

// ---------------------------------------------------------------------------------------------- reading

bool Resource::sees_secrets(const Principal& principal) const
{
    return std::find(options_.secrets.begin(), options_.secrets.end(), principal.role) !=
           options_.secrets.end();
}

Error Resource::not_found(const Key& key) const
{
    return {Errc::NotFound, "no " + std::string(kind_.info().kind) + " named " + to_string(key)};
}

Key Resource::key_of(const Call& call) const
{
    Key key{call.param("org"), call.param("name")};
    // What can't be a name names nothing; it must not get as far as the store's keys.
    if (!is_dns_label(key.org) || !is_dns_label(key.name)) throw not_found(key);
    return key;
}

awaitable<Reply> Resource::get(Call call)
{
    const auto key = key_of(call);
    const auto entry = store_.find(kind_.info().plural, key);
    if (!entry) throw not_found(key);
    const auto tag = '"' + std::to_string(entry->revision) + '"';
    auto reply = has_tag(call.header("If-None-Match"), tag)
                     ? Reply::empty(304)
                     : Reply::json_text(200, *texts_->of(entry, sees_secrets(call.principal)));
    reply.headers = {{"ETag", tag}, {"Cache-Control", "private, no-cache"}};
    co_return reply;
}

awaitable<Reply> Resource::list(Call call)
{
    auto selector = Selector::parse(call.query("labelSelector").value_or(""));
    const auto& org = call.param("org");
    if (org != "-") {
        if (!is_dns_label(org)) throw Error{Errc::NotFound, "no org of that name"};
        selector.org = org;
    }
    co_return call.query_flag("watch") ? watch(call, std::move(selector))
                                       : list_page(call, std::move(selector));
}

Reply Resource::list_page(const Call& call, Selector selector) const
{
    const auto about =
        sha256_hex(call.query("labelSelector").value_or("") + "\n" + call.param("org")).substr(0, 16);
    const auto now = clock_.now().time_since_epoch().count();
    auto revision = store_.revision();
    std::optional<Key> after;
    if (const auto text = call.query("continue").value_or(""); !text.empty()) {
        const auto token = resource::to_token(text);
        if (token.about != about) throw Error{Problems{{"continue", "belongs to another list"}}};
        if (now - token.issued > kContinueLife.count() || static_cast<Revision>(token.revision) > revision)
            throw Error{Errc::Gone, "the continue token is too old: list again"};
        revision = static_cast<Revision>(token.revision);
        after = Key{token.org, token.name};
    }
    const auto limit = static_cast<std::size_t>(call.query_int("limit"));
    auto entries = store_.entries_after(kind_.info().plural, selector, after, limit + 1);
    json::object metadata{{"resourceVersion", std::to_string(revision)}};
    if (entries.size() > limit) {
        entries.pop_back();
        const auto& last = entries.back()->key;
        metadata["continue"] = resource::to_text(
            ContinueToken{static_cast<std::int64_t>(revision), last.org, last.name, about, now});
    }
    std::string body = R"({"apiVersion":")" + std::string(kApiVersion) + R"(","kind":")" +
                       std::string(kind_.info().kind) + R"(List","metadata":)" + json::serialize(metadata) +
                       R"(,"items":[)";
    const bool secrets = sees_secrets(call.principal);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i > 0) body += ',';
        body += *texts_->of(entries[i], secrets);
    }
    body += "]}";
    return Reply::json_text(200, std::move(body));
}

Reply Resource::watch(const Call& call, Selector selector)
{
    resource::WatchOptions options;
    options.selector = std::move(selector);
    options.secrets = sees_secrets(call.principal);
    options.sse = call.header("Accept").find("text/event-stream") != std::string_view::npos;
    options.bookmark = options_.bookmark;
    if (call.query("timeoutSeconds")) options.limit = std::chrono::seconds(call.query_int("timeoutSeconds"));
    auto from = std::string(call.header("Last-Event-ID"));
    if (from.empty()) from = call.query("resourceVersion").value_or("");
    options.initial = call.query("sendInitialEvents") ? call.query_flag("sendInitialEvents") : from.empty();
    auto after = store_.revision();
    if (!from.empty()) {
        const auto revision = parse_revision(from);
        if (!revision) throw Error{Problems{{"resourceVersion", "is not a revision of this server"}}};
        // With the initial events asked for, the state is at least as new as that revision.
        if (!options.initial || *revision > after) after = *revision;
    }
    return resource::watch_reply(store_, clock_, kind_, texts_, after, std::move(options));
}

// ---------------------------------------------------------------------------------------------- writing

awaitable<Written> Resource::write(
    const Call& call, const char* verb, Operation operation, WriteRequest request)
{
    const bool dry_run = call.query_flag("dryRun");
    const bool audited = options_.audit;
    auto work = [kind = &kind_, operation, request = std::move(request), dry_run, audited, verb,
                    who = call.principal.name](Txn& txn) {
        const auto before = txn.revision();
        auto written = (kind->*operation)(txn, request);
        if (dry_run) throw DryRun{std::move(written)};
        if (audited && txn.revision() != before)
            txn.audit(
                {who, written.created ? "create" : verb, std::string(kind->info().kind), request.key, ""});
        return written;
    };
    try {
        co_return co_await store_.transact(std::move(work));
    } catch (const DryRun& tried) {
        co_return tried.written;
    }
}

Reply Resource::written_reply(const Call& call, const Written& written, unsigned status) const
{
    const Key key{call.param("org"), ""};
    auto reply = Reply::json_text(status, kind_.has_secrets() && !sees_secrets(call.principal)
                                              ? kind_.hide_secrets(written.text, key)
                                              : written.text);
    if (!written.revision.empty() && !written.removed)
        reply.headers.emplace_back("ETag", '"' + written.revision + '"');
    return reply;
}

awaitable<Reply> Resource::post(Call call)
{
    WriteRequest request{{call.param("org"), ""}, call.json_body(), "", true};
    resource::check_org(request.key.org, options_.orgs);
    if (const auto* metadata =
            request.body.is_object() ? request.body.get_object().if_contains("metadata") : nullptr)
        if (const auto* name = metadata->is_object() ? metadata->get_object().if_contains("name") : nullptr)
            if (name->is_string()) request.key.name = std::string(name->get_string());
    const auto name = request.key.name;
    const auto written = co_await write(call, "create", &ResourceKind::put, std::move(request));
    auto reply = written_reply(call, written, 201);
    reply.headers.emplace_back("Location", call.path + "/" + name);
    co_return reply;
}

awaitable<Reply> Resource::put(Call call)
{
    WriteRequest request{{call.param("org"), call.param("name")}, call.json_body(),
        revision_in(call.header("If-Match")), call.header("If-None-Match") == "*"};
    resource::check_org(request.key.org, options_.orgs);
    if (!is_dns_label(request.key.name)) throw Error{Problems{{"name", "expected a DNS label"}}};
    if (call.header("If-Match") == "*" && !store_.find(kind_.info().plural, request.key))
        throw Error{Errc::Conflict, to_string(request.key) + " does not exist"};
    const auto written = co_await write(call, "update", &ResourceKind::put, std::move(request));
    co_return written_reply(call, written, written.created ? 201 : 200);
}

awaitable<Reply> Resource::patch(Call call)
{
    WriteRequest request{key_of(call), call.json_body(), revision_in(call.header("If-Match")), false};
    resource::check_patch(request.body, request.key);
    if (const auto* metadata = request.body.get_object().if_contains("metadata");
        metadata && request.if_match.empty())
        if (const auto* version = metadata->get_object().if_contains("resourceVersion");
            version && version->is_string())
            request.if_match = std::string(version->get_string());
    const auto written = co_await write(call, "patch", &ResourceKind::patch, std::move(request));
    co_return written_reply(call, written, 200);
}

awaitable<Reply> Resource::remove(Call call)
{
    WriteRequest request{key_of(call), nullptr, revision_in(call.header("If-Match")), false};
    const auto written = co_await write(call, "delete", &ResourceKind::remove, std::move(request));
    co_return written_reply(call, written, written.removed ? 200 : 202);
}

// ---------------------------------------------------------------------------------------------- the table

Doc Resource::doc(const char* verb, std::string summary, const Roles& roles) const
{
    Doc doc;
    doc.summary = std::move(summary);
    doc.tag = std::string(kind_.info().kind);
    doc.operation_id = std::string(verb) + std::string(kind_.info().kind);
    doc.roles = roles;
    return doc;
}

Route::SchemaOf Resource::object_schema() const
{
    return [kind = &kind_](SchemaRegistry& schemas) { return kind->schema(schemas); };
}

Route::SchemaOf Resource::list_schema() const
{
    return [kind = &kind_](SchemaRegistry& schemas) {
        const auto name = std::string(kind->info().kind) + "List";
        json::object metadata{{"type", "object"}, {"required", {"resourceVersion"}},
            {"properties",
                {{"resourceVersion", {{"type", "string"}}},
                    {"continue",
                        {{"type", "string"}, {"description", "for the next page; missing on the last"}}}}}};
        schemas.add_component(name,
            {{"type", "object"}, {"required", {"apiVersion", "kind", "metadata", "items"}},
                {"properties",
                    {{"apiVersion", {{"type", "string"}, {"const", kApiVersion}}},
                        {"kind", {{"type", "string"}, {"const", name}}}, {"metadata", std::move(metadata)},
                        {"items", {{"type", "array"}, {"items", kind->schema(schemas)}}}}}});
        return SchemaRegistry::ref(name);
    };
}

void Resource::add(Router& router, const char* method, bool one, Doc doc,
    awaitable<Reply> (Resource::*handler)(Call), Body body, bool list)
{
    const auto path = "/api/v1/orgs/{org}/" + std::string(kind_.info().plural) + (one ? "/{name}" : "");
    auto run = [self = shared_from_this(), handler](
                   Call call) { return (self.get()->*handler)(std::move(call)); };
    Route route{method, path, std::move(doc), std::move(run), {}, list ? list_schema() : object_schema(), {}};
    if (body == Body::Object) route.request = object_schema();
    if (body == Body::Patch)
        route.request = [](SchemaRegistry&) {
            return json::object{{"type", "object"},
                {"properties", {{"metadata", {{"type", "object"}}}, {"spec", {{"type", "object"}}}}}};
        };
    router.add(std::move(route));
}

Param dry_run()
{
    return Param::flag("dryRun", "check everything and answer what would be stored, but store nothing");
}

Param header(const char* name, const char* description) { return {name, description, {{"type", "string"}}}; }

Param if_match() { return header("If-Match", "the ETag that must still be the present one"); }

void Resource::mount_list(Router& router, const std::string& kind)
{
    auto list = doc("list", "List or watch " + kind + " objects", options_.read);
    list.query = {Param::text("labelSelector", "as in Kubernetes: a=b,c!=d,e in (x,y),!f", 1024),
        Param::integer("limit", "objects per page", 1, kMaxPage, 500),
        Param::text("continue", "from metadata.continue of the page before", 4096),
        Param::flag("watch",
            "follow changes instead: a JSON document per line, or server-sent events when asked for"),
        Param::text("resourceVersion", "watch from after this revision", 32),
        Param::flag(
            "sendInitialEvents", "begin a watch with what there is; default: only without resourceVersion"),
        Param::integer("timeoutSeconds", "end a watch after so long", 1, 86'400)};
    list.path = {{"org", "the tenant, or `-` for all",
        {{"type", "string"}, {"pattern", "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|-)$"}, {"maxLength", 63}},
        true}};
    list.headers = {header("Last-Event-ID", "resumes a watch by server-sent events")};
    list.errors = {410};
    list.other_content = {"application/x-ndjson", "text/event-stream"};
    add(router, "GET", false, std::move(list), &Resource::list, Body::None, true);
}

void Resource::mount_get(Router& router, const std::string& kind)
{
    auto get = doc("get", "Read one " + kind, options_.read);
    get.conditional = true;
    get.headers = {header("If-None-Match", "an ETag: 304 when it is the present one")};
    add(router, "GET", true, std::move(get), &Resource::get, Body::None);
}

void Resource::mount_writes(Router& router, const std::string& kind)
{
    auto post = doc("create", "Create a " + kind, options_.write);
    post.success = 201;
    post.errors = {409};
    post.query = {dry_run()};
    add(router, "POST", false, std::move(post), &Resource::post, Body::Object);

    auto put = doc("replace", "Create or replace a " + kind, options_.write);
    put.more_success = {201};
    put.errors = {409};
    put.query = {dry_run()};
    put.headers = {if_match(), header("If-None-Match", "`*`: create only")};
    add(router, "PUT", true, std::move(put), &Resource::put, Body::Object);

    auto patch = doc("patch", "Change parts of a " + kind, options_.write);
    patch.description = "JSON merge patch (RFC 7396) of metadata.labels, metadata.annotations and spec.";
    patch.errors = {409};
    patch.accepts = {"application/merge-patch+json", "application/json"};
    patch.query = {dry_run()};
    patch.headers = {if_match()};
    add(router, "PATCH", true, std::move(patch), &Resource::patch, Body::Patch);
}

void Resource::mount_delete(Router& router, const std::string& kind)
{
    auto remove = doc("delete", "Delete a " + kind, options_.write);
    remove.description = "202: it is marked, and gone as soon as what belongs to it has been cleaned up.";
    remove.more_success = {202};
    remove.errors = {409};
    remove.query = {dry_run()};
    remove.headers = {if_match()};
    add(router, "DELETE", true, std::move(remove), &Resource::remove, Body::None);
}

} // namespace

void mount_resource(
    Router& router, Store& store, Clock& clock, const ResourceKind& kind, ResourceOptions options)
{
    std::make_shared<Resource>(store, clock, kind, std::move(options))->mount(router);
}

} // namespace berth
