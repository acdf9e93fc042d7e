#include "storage/txn.hpp"

#include "controller/base/planted.hpp"
#include "controller/base/random.hpp"
#include "storage/audit.hpp"
#include "storage/batch.hpp"
#include "storage/facts.hpp"
#include "storage/keys.hpp"

namespace berth {

using detail::Family;

namespace {

[[noreturn]] void throw_not_found(const KindInfo& kind, const Key& key)
{
    throw Error{Errc::NotFound, std::string(kind.kind) + " " + to_string(key) + " does not exist"};
}

/// Writes an object of any kind with its index and its change. Sets metadata.resourceVersion.
void put(detail::Batch& batch, std::string_view plural, Op op, json::object object, const EntryPtr& old)
{
    object.at("metadata").as_object()["resourceVersion"] = std::to_string(batch.next_revision());
    auto text = json::serialize(object);
    const auto entry = detail::make_entry(plural, object, std::move(text));
    batch.put_object(entry, old);
    batch.record(op, entry);
}

Meta meta_of(const json::object& object)
{
    Meta meta;
    Problems ignored; // what could not be read keeps its default
    decode_into(object.at("metadata"), meta, Unknown::Ignore, "", ignored);
    return meta;
}

/// Replaces the metadata of the stored object `old`.
void put_meta(detail::Batch& batch, const EntryPtr& old, const Meta& meta)
{
    auto object = json::parse(old->text).as_object();
    object["metadata"] = encode(meta);
    put(batch, old->plural, Op::Modified, std::move(object), old);
}

Meta meta_of(const EntryPtr& entry) { return meta_of(json::parse(entry->text).as_object()); }

void erase(detail::Batch& batch, const EntryPtr& old);

/// Owned objects go with their owner. Those that have another one only forget this one.
void release_owned(detail::Batch& batch, const std::string& uid)
{
    for (const auto& [index_key, unused] : batch.with_prefix(Family::Index, detail::owner_prefix(uid))) {
        const auto target = detail::index_target(index_key);
        const auto owned = batch.object(target.plural, target.key);
        if (!owned) continue; // went with another object of this cascade
        auto meta = meta_of(owned);
        std::erase_if(meta.ownerReferences, [&](const auto& owner) { return owner.uid == uid; });
        if (!meta.ownerReferences.empty()) {
            put_meta(batch, owned, meta);
        } else if (meta.finalizers.empty()) {
            erase(batch, owned);
        } else if (!meta.deletionTimestamp) {
            meta = meta_of(owned); // keeps naming its owner, so that one can see why it goes
            meta.deletionTimestamp = batch.now();
            put_meta(batch, owned, meta);
        }
    }
}

void erase(detail::Batch& batch, const EntryPtr& old)
{
    auto object = json::parse(old->text).as_object();
    object.at("metadata").as_object()["resourceVersion"] = std::to_string(batch.next_revision());
    auto text = json::serialize(object);
    batch.erase_object(old);
    batch.record(Op::Deleted, detail::make_entry(old->plural, object, std::move(text)));
    if (!planted("store.owned-objects-stay")) release_owned(batch, old->uid);
}

void check_owners(
    detail::Batch& batch, const std::vector<OwnerReference>& owners, const std::vector<OwnerReference>& known)
{
    for (const auto& owner : owners) {
        if (owner.uid.empty() || std::find(known.begin(), known.end(), owner) != known.end()) continue;
        if (batch.with_prefix(Family::Index, detail::uid_prefix(owner.uid)).empty())
            throw Error{Errc::NotFound, "the owner " + owner.kind + " " + owner.name + " is gone"};
    }
}

} // namespace

std::optional<json::value> Txn::load(const KindInfo& kind, const Key& key)
{
    const auto text = batch_.get(Family::Objects, detail::object_key(kind.plural, key));
    if (!text) return std::nullopt;
    return json::parse(*text);
}

json::value Txn::load_present(const KindInfo& kind, const Meta& wanted)
{
    const Key key{wanted.org, wanted.name};
    auto value = load(kind, key);
    if (!value) throw_not_found(kind, key);
    const auto meta = meta_of(value->as_object());
    const bool stale = !wanted.resourceVersion.empty() && wanted.resourceVersion != meta.resourceVersion;
    const bool another = !wanted.uid.empty() && wanted.uid != meta.uid;
    if (stale || another)
        throw Error{
            Errc::Conflict, std::string(kind.kind) + " " + to_string(key) +
                                (another ? " was deleted and made again" : " was changed by somebody else") +
                                ": read it again"};
    return std::move(*value);
}

void Txn::begin_create(const KindInfo& kind, Meta& meta)
{
    if (meta.org.empty()) meta.org = "default";
    Problems problems;
    check_rules(meta, "/metadata", problems);
    validate(meta, "/metadata", problems);
    if (!problems.empty()) throw Error{std::move(problems)};
    const Key key{meta.org, meta.name};
    if (batch_.get(Family::Objects, detail::object_key(kind.plural, key)))
        throw Error{Errc::Exists, std::string(kind.kind) + " " + to_string(key) + " exists already"};
    check_owners(batch_, meta.ownerReferences, {});
    meta.creationTimestamp = now();
    meta.uid = make_uuid(*meta.creationTimestamp);
    meta.generation = 1;
    meta.deletionTimestamp.reset();
}

bool Txn::take_metadata(Meta& into, const Meta& from, bool spec_changed)
{
    const bool same = into.labels == from.labels && into.annotations == from.annotations &&
                      into.ownerReferences == from.ownerReferences;
    if (same && !spec_changed) return false;
    check_owners(batch_, from.ownerReferences, into.ownerReferences);
    into.labels = from.labels;
    into.annotations = from.annotations;
    into.ownerReferences = from.ownerReferences;
    if (spec_changed) ++into.generation;
    return true;
}

void Txn::write(const KindInfo& kind, Op op, json::object object, Meta& meta)
{
    const Key key{meta.org, meta.name};
    const auto old = op == Op::Added ? nullptr : batch_.object(kind.plural, key);
    put(batch_, kind.plural, op, std::move(object), old);
    meta.resourceVersion = std::to_string(revision());
}

EntryPtr Txn::find(std::string_view plural, const Key& key) { return batch_.object(plural, key); }

std::vector<EntryPtr> Txn::entries(std::string_view plural, const Selector& selector)
{
    std::string index;
    if (!selector.owner.empty()) index = detail::owner_prefix(selector.owner, plural);
    for (const auto& rule : selector.labels)
        if (index.empty() && rule.op == Requirement::Op::In && rule.values.size() == 1)
            index = detail::label_prefix(rule.label, rule.values[0], plural);
    if (index.empty() && !selector.phase.empty()) index = detail::phase_prefix(selector.phase, plural);

    std::vector<EntryPtr> found;
    auto take = [&](EntryPtr entry) {
        if (entry && selector.matches(*entry)) found.push_back(std::move(entry));
    };
    if (index.empty()) {
        for (auto& [key, text] :
            batch_.with_prefix(Family::Objects, detail::object_prefix(plural, selector.org)))
            take(detail::make_entry(plural, std::move(text)));
    } else {
        for (const auto& [key, unused] : batch_.with_prefix(Family::Index, index))
            take(batch_.object(plural, detail::index_target(key).key));
    }
    return found;
}

bool Txn::add_finalizer(const KindInfo& kind, const Key& key, std::string_view finalizer)
{
    const auto old = batch_.object(kind.plural, key);
    if (!old || old->deleting) return false;
    auto meta = meta_of(old);
    if (std::find(meta.finalizers.begin(), meta.finalizers.end(), finalizer) != meta.finalizers.end())
        return true;
    meta.finalizers.emplace_back(finalizer);
    put_meta(batch_, old, meta);
    return true;
}

void Txn::remove_finalizer(const KindInfo& kind, const Key& key, std::string_view finalizer)
{
    const auto old = batch_.object(kind.plural, key);
    if (!old) return;
    auto meta = meta_of(old);
    if (std::erase(meta.finalizers, finalizer) == 0) return;
    if (meta.deletionTimestamp && meta.finalizers.empty())
        erase(batch_, old);
    else
        put_meta(batch_, old, meta);
}

bool Txn::remove(const KindInfo& kind, const Key& key)
{
    const auto old = batch_.object(kind.plural, key);
    if (!old) return false;
    auto meta = meta_of(old);
    if (meta.finalizers.empty() || planted("store.finalizers-ignored")) {
        erase(batch_, old);
    } else if (!meta.deletionTimestamp) {
        meta.deletionTimestamp = now();
        put_meta(batch_, old, meta);
    }
    return true;
}

Time Txn::now() const noexcept { return batch_.now(); }
Revision Txn::revision() const noexcept { return batch_.counters().revision; }

void Txn::audit(const AuditEntry& entry)
{
    batch_.put(Family::Audit, detail::number_key(batch_.next_audit()), detail::audit_text(entry, now()));
}

std::optional<IdempotencyRecord> Txn::idempotency(std::string_view key)
{
    const auto text = batch_.get(Family::Idempotency, key);
    if (!text) return std::nullopt;
    auto record = decode<IdempotencyRecord>(json::parse(*text), Unknown::Ignore);
    if (record.at + detail::kIdempotencyLife <= now()) return std::nullopt;
    return record;
}

void Txn::put_idempotency(IdempotencyRecord record)
{
    record.at = now();
    batch_.put(Family::Idempotency, record.key, json::serialize(encode(record)));
}

std::string Txn::meta(std::string_view name)
{
    return batch_.get(Family::Meta, std::string(detail::kValuePrefix).append(name)).value_or("");
}

void Txn::set_meta(std::string_view name, std::string_view value) { batch_.set_value(name, value); }

} // namespace berth
