#pragma once
// Every kind as a plain resource (W9): /api/v1/orgs/{org}/{plural}[/{name}].
//
//   GET     list (limit, continue, labelSelector) or watch (watch=1, resourceVersion; JSON lines, or
//   server-sent
//           events when asked for by Accept, resumed by Last-Event-ID); of one object: ETag, If-None-Match →
//           304
//   POST    create: 201, 409 when it is there
//   PUT     create (201) or replace (200) spec, labels, annotations and owner references
//   PATCH   JSON merge patch (RFC 7396) of metadata.labels, metadata.annotations and spec; anything else is
//   refused DELETE  200 when it is gone, 202 when its finalizers have to run first
//
// Org "-" means all orgs, for list and watch. `dryRun=1` checks everything and answers what would be stored.
// If-Match or metadata.resourceVersion that is not the stored one: 409. `status`, uid, generation, finalizers
// and times in a body are ignored by POST and PUT: they are not the client's. Secrets are left out of
// answers, except for the roles of ResourceOptions::secrets; a secret left out of a PUT keeps its stored
// value.
//
// Watch events are {"type": ADDED | MODIFIED | DELETED | BOOKMARK | ERROR, "object": …}. Without
// resourceVersion every present object comes first as ADDED, ended by a BOOKMARK with the annotation
// berth.dev/initial-events-end. A BOOKMARK says up to which revision the watcher has seen everything. ERROR
// with code EXPIRED: list again.

#include "api/http/admission.hpp"
#include "api/http/router.hpp"
#include "api/types/meta.hpp"
#include "storage/store.hpp"

#include <optional>
#include <string>

namespace berth {

struct ResourceOptions {
    Roles read = {Role::admin, Role::user, Role::viewer, Role::node};
    Roles write = kUsers;         ///< empty: read only, a reconciler makes these objects
    Roles secrets = {Role::node}; ///< who sees and gets secrets
    Duration bookmark{10'000};    ///< so often in every watch
    bool audit = true;            ///< false for what machines write all the time (reports)
    std::string description = "";
    /// Where objects may be made; empty: anywhere. Names of Docker objects do not carry the org, so a second org must
    /// not exist before they do.
    std::vector<std::string> orgs = {};
    /// An Admission<K> of this kind; see mount_resource.
    AdmissionRules* rules = nullptr;
};

/// What an accepted write left in the store.
struct Written {
    std::string text; ///< the whole object, secrets shown
    std::string revision;
    std::string before; ///< what was stored, secrets shown; empty for a create. Only where there are rules
    bool created = false;
    bool removed = false;
};

/// A write as the typed half needs it. Runs on the db thread: holds no reference to a request.
struct WriteRequest {
    Key key;
    json::value body;
    std::string if_match;     ///< the revision asked for; empty = any
    bool create_only = false; ///< POST, or If-None-Match: *
    Principal who = {};
    const AdmissionRules* rules = nullptr;
    /// The generation that was reviewed (0: there was no object): another one is a conflict.
    std::optional<std::int64_t> reviewed = std::nullopt;
};

/// The half of a resource that knows the type: one stateless object per kind.
struct ResourceKind {
    virtual ~ResourceKind() = default;
    virtual const KindInfo& info() const = 0;
    /// Whether stored text can hold secrets at all; if not it is served as it is.
    virtual bool has_secrets() const = 0;
    virtual std::string hide_secrets(std::string_view stored, const Key& key) const = 0;
    virtual json::object schema(SchemaRegistry& schemas) const = 0;
    virtual Written put(Txn& txn, const WriteRequest& request) const = 0;
    virtual Written patch(Txn& txn, const WriteRequest& request) const = 0;
    virtual Written remove(Txn& txn, const WriteRequest& request) const = 0;
    /// Asks the rules about a write that has been tried; gives the generation it was based on.
    virtual awaitable<std::int64_t> review(AdmissionRules* rules, Written trial) const = 0;
};

/// Registers the five methods of one kind. `kind` and the others outlive the router.
void mount_resource(
    Router& router, Store& store, Clock& clock, const ResourceKind& kind, ResourceOptions options);

/// The parts of a body or patch that do not depend on the kind. Throw Error{Invalid} with pointers.
namespace resource {
/// Refuses a body without metadata or spec, or whose org or name is not the path's; takes out what is not the
/// client's (status, uid, …).
json::value prepare_body(const json::value& body, const Key& key);
/// metadata.name; empty when there is none.
std::string name_in(const json::value& body);
/// Refuses an org that is no name (Invalid) or is not among `known` (NotFound; empty = any is).
void check_org(const std::string& org, const std::vector<std::string>& known);
/// Refuses a patch that touches anything but labels, annotations and spec.
void check_patch(const json::value& patch, const Key& key);
/// The revision a client insists on, from If-Match or the body; empty = none. Error{Conflict} when it is not
/// `stored`.
void check_revision(const std::string& wanted, const std::string& stored, const Key& key);
/// RFC 7396.
void merge(json::value& target, const json::value& patch);
/// Set by the store or by controllers; what a client sends of it is what it read before, and is ignored.
inline constexpr std::array kNotTheClients{"generation", "creationTimestamp", "deletionTimestamp", "finalizers"};

/// Schemas (resource_schema.cpp). Adds to a kind's schema what the struct does not have: apiVersion and kind.
void complete_schema(SchemaRegistry& schemas, const KindInfo& kind);
/// A page of the kind; gives the reference to it, like those below.
json::object list_schema(SchemaRegistry& schemas, const ResourceKind& kind);
/// What POST and PUT take: the object without rules for what is ignored.
json::object input_schema(SchemaRegistry& schemas, const ResourceKind& kind);
/// What PATCH takes.
json::object patch_schema(SchemaRegistry& schemas);
/// One event of a watch.
json::object event_schema(SchemaRegistry& schemas, const ResourceKind& kind);
} // namespace resource

namespace detail {

template <class T> constexpr bool holds_secret()
{
    if constexpr (std::is_same_v<T, Secret>) {
        return true;
    } else if constexpr (is_optional<T>::value || is_vector<T>::value) {
        return holds_secret<typename T::value_type>();
    } else if constexpr (is_map<T>::value) {
        return holds_secret<typename T::mapped_type>();
    } else if constexpr (DescribedStruct<T>) {
        bool found = false;
        boost::mp11::mp_for_each<members<T>>([&](auto member) {
            found =
                found || holds_secret<std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>>();
        });
        return found;
    } else {
        return false;
    }
}

/// Gives empty secrets of `fresh` the value that `stored` has.
template <class T> void keep_secrets(const T& stored, T& fresh)
{
    if constexpr (std::is_same_v<T, Secret>) {
        if (fresh.empty()) fresh = stored;
    } else if constexpr (is_optional<T>::value) {
        if (stored && fresh) keep_secrets(*stored, *fresh);
    } else if constexpr (DescribedStruct<T> && holds_secret<T>()) {
        boost::mp11::mp_for_each<members<T>>(
            [&](auto member) { keep_secrets(stored.*member.pointer, fresh.*member.pointer); });
    }
}

template <Kind K> class TypedResource final : public ResourceKind {
public:
    const KindInfo& info() const override { return K::kind(); }
    bool has_secrets() const override
    {
        return holds_secret<typename K::Spec>() || holds_secret<typename K::Status>();
    }
    std::string hide_secrets(std::string_view stored, const Key& key) const override
    {
        const auto object = decode_stored<K>(json::parse(stored), key);
        return json::serialize(encode_object(object, Secrets::Hide));
    }
    json::object schema(SchemaRegistry& schemas) const override
    {
        auto reference = schemas.of<K>();
        resource::complete_schema(schemas, info());
        return reference;
    }

    Written put(Txn& txn, const WriteRequest& request) const override
    {
        auto fresh = decode_object<K>(resource::prepare_body(request.body, request.key), Unknown::Reject);
        const auto wanted = request.if_match.empty() ? fresh.metadata.resourceVersion : request.if_match;
        fresh.metadata.org = request.key.org;
        auto stored = txn.template get<K>(request.key);
        if (!stored) {
            if (!wanted.empty() && !request.create_only) resource::check_revision(wanted, "", request.key);
            fresh.metadata.resourceVersion.clear();
            fresh.metadata.uid.clear();
            admit(txn, request, nullptr, fresh);
            txn.create(fresh);
            return written(txn, fresh, true);
        }
        if (request.create_only)
            throw Error{
                Errc::Exists, std::string(info().kind) + " " + to_string(request.key) + " exists already"};
        resource::check_revision(wanted, stored->metadata.resourceVersion, request.key);
        if (!fresh.metadata.uid.empty() && fresh.metadata.uid != stored->metadata.uid)
            throw Error{Errc::Conflict, to_string(request.key) + " is another object now: its uid differs"};
        keep_secrets(stored->spec, fresh.spec);
        auto next = *stored;
        next.spec = std::move(fresh.spec);
        next.metadata.labels = std::move(fresh.metadata.labels);
        next.metadata.annotations = std::move(fresh.metadata.annotations);
        next.metadata.ownerReferences = std::move(fresh.metadata.ownerReferences);
        return update(txn, request, *stored, std::move(next));
    }

    Written patch(Txn& txn, const WriteRequest& request) const override
    {
        resource::check_patch(request.body, request.key);
        auto stored = txn.template get<K>(request.key);
        if (!stored) throw not_found(request.key);
        resource::check_revision(request.if_match, stored->metadata.resourceVersion, request.key);
        json::value merged = encode_object(*stored, Secrets::Show);
        resource::merge(merged, request.body);
        auto fresh = decode_object<K>(merged, Unknown::Reject);
        auto next = *stored;
        next.spec = std::move(fresh.spec);
        next.metadata.labels = std::move(fresh.metadata.labels);
        next.metadata.annotations = std::move(fresh.metadata.annotations);
        return update(txn, request, *stored, std::move(next));
    }

    Written remove(Txn& txn, const WriteRequest& request) const override
    {
        auto stored = txn.template get<K>(request.key);
        if (!stored) throw not_found(request.key);
        resource::check_revision(request.if_match, stored->metadata.resourceVersion, request.key);
        txn.template remove<K>(request.key);
        if (const auto left = txn.template get<K>(request.key)) return written(txn, *left, false);
        return {json::serialize(encode_object(*stored, Secrets::Show)), stored->metadata.resourceVersion, "",
            false, true};
    }
    awaitable<std::int64_t> review(AdmissionRules* rules, Written trial) const override
    {
        std::optional<K> before;
        if (!trial.before.empty()) before = decode_stored<K>(json::parse(trial.before), {});
        auto after = decode_stored<K>(json::parse(trial.text), {});
        const auto generation = before ? before->metadata.generation : 0;
        co_await static_cast<Admission<K>*>(rules)->review(std::move(before), std::move(after));
        co_return generation;
    }

private:
    static void admit(Txn& txn, const WriteRequest& request, const K* before, K& after)
    {
        if (!request.rules) return;
        if (request.reviewed && *request.reviewed != (before ? before->metadata.generation : 0))
            throw Error{Errc::Conflict, to_string(request.key) + " was changed at the same time: try again"};
        static_cast<const Admission<K>*>(request.rules)->admit(txn, request.who, before, after);
    }
    static Written update(Txn& txn, const WriteRequest& request, const K& before, K after)
    {
        admit(txn, request, &before, after);
        txn.update(after);
        auto result = written(txn, after, false);
        if (request.rules) result.before = json::serialize(encode_object(before, Secrets::Show));
        return result;
    }
    static Error not_found(const Key& key)
    {
        return {Errc::NotFound, "no " + std::string(K::kind().kind) + " named " + to_string(key)};
    }
    /// What the transaction has left of `object`: its text has been made already.
    static Written written(Txn& txn, const K& object, bool created)
    {
        const auto entry = txn.find(K::kind().plural, key_of(object));
        return {entry->text, object.metadata.resourceVersion, "", created, false};
    }
};

} // namespace detail

/// What the registry calls, one line per kind. `rules` outlives the router.
template <Kind K>
void mount_resource(
    Router& router, Store& store, Clock& clock, ResourceOptions options = {}, Admission<K>* rules = nullptr)
{
    options.rules = rules;
    static const detail::TypedResource<K> kind;
    mount_resource(router, store, clock, kind, std::move(options));
}

} // namespace berth
