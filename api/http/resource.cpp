#include "api/http/resource.hpp"

#include "api/http/continue_token.hpp"
#include "api/http/etag.hpp"
#include "api/http/resource_docs.hpp"
#include "api/http/resource_watch.hpp"
#include "controller/base/random.hpp"

namespace berth {

namespace {

using resource::ContinueToken;
using resource::has_tag;
using resource::revision_in;
using resource::ShownTexts;

constexpr Duration kContinueLife{10 * 60'000};

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
        const resource::Docs docs{kind_, options_};
        add(router, "GET", false, docs.list(), &Resource::list, Body::None, true);
        add(router, "GET", true, docs.get(), &Resource::get, Body::None);
        if (options_.write.empty()) return; // a reconciler makes these objects
        add(router, "POST", false, docs.post(), &Resource::post, Body::Object);
        add(router, "PUT", true, docs.put(), &Resource::put, Body::Object);
        add(router, "PATCH", true, docs.patch(), &Resource::patch, Body::Patch);
        add(router, "DELETE", true, docs.remove(), &Resource::remove, Body::None);
    }

private:
    using Operation = Written (ResourceKind::*)(Txn&, const WriteRequest&) const;
    enum class Body { None, Object, Patch };
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
    awaitable<Written> transact(
        const Call& call, const char* verb, Operation operation, WriteRequest request, bool dry_run);
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
    if (!is_revision(call.header("Last-Event-ID")))
        throw Error{Problems{{"Last-Event-ID", std::string(kRevision.expected)}}};
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
    options.limit = std::chrono::seconds(call.query_int("timeoutSeconds"));
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
    const bool reviewed = options_.rules && operation != &ResourceKind::remove;
    if (reviewed) {
        request.who = call.principal;
        request.rules = options_.rules;
        auto trial = co_await transact(call, verb, operation, request, true);
        request.reviewed = co_await kind_.review(options_.rules, trial);
        if (dry_run) co_return trial;
    }
    co_return co_await transact(call, verb, operation, std::move(request), dry_run);
}

awaitable<Written> Resource::transact(
    const Call& call, const char* verb, Operation operation, WriteRequest request, bool dry_run)
{
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
    const auto name = request.key.name = resource::name_in(request.body);
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

Route::SchemaOf Resource::object_schema() const
{
    return [kind = &kind_](SchemaRegistry& schemas) { return kind->schema(schemas); };
}

Route::SchemaOf Resource::list_schema() const
{
    return [kind = &kind_](SchemaRegistry& schemas) { return resource::list_schema(schemas, *kind); };
}

void Resource::add(Router& router, const char* method, bool one, Doc doc,
    awaitable<Reply> (Resource::*handler)(Call), Body body, bool list)
{
    auto run = [self = shared_from_this(), handler](
                   Call call) { return (self.get()->*handler)(std::move(call)); };
    Route route{method, resource::path_of(kind_.info(), one), std::move(doc), std::move(run), {},
        list ? list_schema() : object_schema(), {}};
    if (body == Body::Object)
        route.request = [kind = &kind_](
                            SchemaRegistry& schemas) { return resource::input_schema(schemas, *kind); };
    if (body == Body::Patch) route.request = &resource::patch_schema;
    router.add(std::move(route));
}

} // namespace

void mount_resource(
    Router& router, Store& store, Clock& clock, const ResourceKind& kind, ResourceOptions options)
{
    std::make_shared<Resource>(store, clock, kind, std::move(options))->mount(router);
}

} // namespace berth
