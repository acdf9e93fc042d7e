#include "api/http/resource_docs.hpp"

namespace berth::resource {

namespace {

constexpr std::int64_t kMaxPage = 1000;
/// Nobody is listened to for ever: what a watcher does after a cut is so exercised all the time.
constexpr std::int64_t kWatchSeconds = 30 * 60;
constexpr const char* kAnyOrg = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|-)$";
constexpr const char* kTagPattern = R"(^$|^\*$|^(W/)?"[^"]+"$)";

Param dry_run()
{
    return Param::flag("dryRun", "check everything and answer what would be stored, but store nothing");
}

Param header(const char* name, const char* description, std::string_view pattern)
{
    return {name, description, {{"type", "string"}, {"pattern", pattern}}};
}

Param if_match()
{
    return header("If-Match", "the ETag that must still be the present one: 409 when it is not", kTagPattern);
}

ReplyHeader etag() { return {"ETag", "names the state that was stored; not when nothing is left", false}; }

std::vector<Param> list_parameters()
{
    return {Param::text("labelSelector", "as in Kubernetes: a=b,c!=d,e in (x,y),!f", 1024),
        Param::integer("limit", "objects per page", 1, kMaxPage, 500),
        Param::text("continue", "from metadata.continue of the page before", 4096),
        Param::flag("watch",
            "follow changes instead: a JSON document per line, or server-sent events when asked for"),
        Param::text("resourceVersion", "watch from after this revision", 19, kRevision),
        Param::flag(
            "sendInitialEvents", "begin a watch with what there is; default: only without resourceVersion"),
        Param::integer("timeoutSeconds", "end a watch after so long; it is resumed from its last revision", 1,
            86'400, kWatchSeconds)};
}

} // namespace

std::string path_of(const KindInfo& kind, bool one)
{
    return "/api/v1/orgs/{org}/" + std::string(kind.plural) + (one ? "/{name}" : "");
}

Doc Docs::start(const char* verb, const std::string& summary, const Roles& roles) const
{
    Doc doc;
    doc.summary = summary;
    doc.tag = name();
    doc.operation_id = verb + name();
    doc.roles = roles;
    return doc;
}

std::vector<unsigned> Docs::refusals() const
{
    return options_.rules ? std::vector<unsigned>{409, 503} : std::vector<unsigned>{409};
}

Doc Docs::list() const
{
    auto list = start("list", "List or watch " + name() + " objects", options_.read);
    list.query = list_parameters();
    list.path = {{"org", "the tenant, or `-` for all", {{"type", "string"}, {"pattern", kAnyOrg}}, true}};
    list.headers = {header("Last-Event-ID", "resumes a watch by server-sent events", kRevision.pattern)};
    list.errors = {410};
    list.other_content = {"application/x-ndjson", "text/event-stream"};
    list.stream_item = [kind = &kind_](SchemaRegistry& schemas) { return event_schema(schemas, *kind); };
    return list;
}

Doc Docs::get() const
{
    auto get = start("get", "Read one " + name(), options_.read);
    get.conditional = true;
    get.headers = {
        header("If-None-Match", "ETags: 304 when one of them is the present one", kCleanText.pattern)};
    return get;
}

Doc Docs::post() const
{
    auto post = start("create", "Create a " + name(), options_.write);
    post.success = 201;
    post.errors = refusals();
    post.query = {dry_run()};
    post.reply_headers = {etag(), {"Location", "path of the object"}};
    post.makes = {path_of(kind_.info(), true),
        {{"org", "$response.body#/metadata/org"}, {"name", "$response.body#/metadata/name"}}};
    return post;
}

Doc Docs::put() const
{
    auto put = start("replace", "Create or replace a " + name(), options_.write);
    put.more_success = {201};
    put.errors = refusals();
    put.query = {dry_run()};
    put.headers = {if_match(), header("If-None-Match", "`*`: create only", kCleanText.pattern)};
    put.reply_headers = {etag()};
    return put;
}

Doc Docs::patch() const
{
    auto patch = start("patch", "Change parts of a " + name(), options_.write);
    patch.description = "JSON merge patch (RFC 7396) of metadata.labels, metadata.annotations and spec.";
    patch.errors = refusals();
    patch.accepts = {"application/merge-patch+json", "application/json"};
    patch.query = {dry_run()};
    patch.headers = {if_match()};
    patch.reply_headers = {etag()};
    return patch;
}

Doc Docs::remove() const
{
    auto remove = start("delete", "Delete a " + name(), options_.write);
    remove.description = "202: it is marked, and gone as soon as what belongs to it has been cleaned up.";
    remove.more_success = {202};
    remove.errors = {409};
    remove.query = {dry_run()};
    remove.headers = {if_match()};
    remove.reply_headers = {etag()};
    return remove;
}

} // namespace berth::resource
