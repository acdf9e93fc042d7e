#pragma once
// What a transaction may do.

#include "storage/entry.hpp"
#include "storage/selector.hpp"

namespace berth {

namespace detail {
class Batch;
}

/// One line of the audit log: who did what to which object.
struct AuditEntry {
    std::string who;
    std::string verb; ///< create, update, delete, …
    std::string kind; ///< "Workspace"
    Key key;
    std::string detail; ///< a few words; never a secret
};

/// The answer that was given to a request with an Idempotency-Key. Forgotten after 24 hours.
struct IdempotencyRecord {
    std::string key; ///< scope and key, as the caller composes them
    std::string bodyHash;
    std::int64_t status = 0;
    std::string response;
    Time at{}; ///< set by the store
    bool operator==(const IdempotencyRecord&) const = default;
};
BOOST_DESCRIBE_STRUCT(IdempotencyRecord, (), (key, bodyHash, status, response, at))

/// Reads and writes inside Store::transact, on the database thread. Sees its own writes and those of every
/// transaction before it. All or nothing: a throw out of the body drops everything the body wrote.
class Txn {
public:
    Txn(const Txn&) = delete;
    Txn& operator=(const Txn&) = delete;

    template <Kind K> std::optional<K> get(const Key& key)
    {
        auto value = load(K::kind(), key);
        if (!value) return std::nullopt;
        return detail::decode_stored<K>(*value, key);
    }
    template <Kind K> std::vector<K> list(const Selector& selector = {})
    {
        std::vector<K> objects;
        for (const auto& entry : entries(K::kind().plural, selector))
            objects.push_back(decode_entry<K>(*entry));
        return objects;
    }

    /// Sets uid, generation 1, creationTimestamp and resourceVersion. An empty org becomes "default". Throws
    /// Error{Exists}, Error{Invalid} for a bad name, Error{NotFound} when an owner it names is gone.
    template <Kind K> void create(K& object)
    {
        begin_create(K::kind(), object.metadata);
        write(K::kind(), Op::Added, encode_object(object, Secrets::Show), object.metadata);
    }

    /// Writes spec, labels, annotations and ownerReferences; the rest of `object` is replaced by what is
    /// stored. generation + 1 when the spec changed; nothing is written when nothing changed. Throws
    /// Error{NotFound}; Error{Conflict} when metadata.resourceVersion or uid is set and not the present one.
    template <Kind K> void update(K& object)
    {
        const auto key = key_of(object);
        auto next = detail::decode_stored<K>(load_present(K::kind(), object.metadata), key);
        const bool changed = !(next.spec == object.spec);
        if (!take_metadata(next.metadata, object.metadata, changed)) {
            object = std::move(next);
            return;
        }
        next.spec = std::move(object.spec);
        write(K::kind(), Op::Modified, encode_object(next, Secrets::Show), next.metadata);
        object = std::move(next);
    }

    /// Writes the status and nothing else. Nothing happens when the object is gone (or is another one of the
    /// same name), or when the status is the stored one. Never conflicts with a write of the spec.
    template <Kind K> void put_status(const K& object)
    {
        const auto key = key_of(object);
        auto value = load(K::kind(), key);
        if (!value) return;
        auto next = detail::decode_stored<K>(*value, key);
        if (!object.metadata.uid.empty() && object.metadata.uid != next.metadata.uid) return;
        if (next.status == object.status) return;
        next.status = object.status;
        write(K::kind(), Op::Modified, encode_object(next, Secrets::Show), next.metadata);
    }

    /// False when the object is gone or is already being deleted: then it is not added.
    template <Kind K> bool add_finalizer(const Key& key, std::string_view finalizer)
    {
        return add_finalizer(K::kind(), key, finalizer);
    }
    /// Dropping the last one of an object that is being deleted removes the object.
    template <Kind K> void remove_finalizer(const Key& key, std::string_view finalizer)
    {
        remove_finalizer(K::kind(), key, finalizer);
    }
    /// While finalizers remain: sets deletionTimestamp. Else removes the object and what it owns, recursively
    /// (what has further owners only loses this one). False when there is no such object.
    template <Kind K> bool remove(const Key& key) { return remove(K::kind(), key); }

    /// The same for code that knows the kind only by name.
    EntryPtr find(std::string_view plural, const Key& key);
    std::vector<EntryPtr> entries(std::string_view plural, const Selector& selector = {});
    bool add_finalizer(const KindInfo& kind, const Key& key, std::string_view finalizer);
    void remove_finalizer(const KindInfo& kind, const Key& key, std::string_view finalizer);
    bool remove(const KindInfo& kind, const Key& key);

    /// The moment the transaction began.
    Time now() const noexcept;
    /// Of the last change of this transaction, or of the one before it.
    Revision revision() const noexcept;

    /// Written with the transaction or not at all.
    void audit(const AuditEntry& entry);
    std::optional<IdempotencyRecord> idempotency(std::string_view key);
    void put_idempotency(IdempotencyRecord record);
    /// Small named values of the install, as Store::meta.
    std::string meta(std::string_view name);
    void set_meta(std::string_view name, std::string_view value);

private:
    friend class detail::Batch;
    explicit Txn(detail::Batch& batch) : batch_(batch) {}

    std::optional<json::value> load(const KindInfo& kind, const Key& key);
    json::value load_present(const KindInfo& kind, const Meta& wanted);
    void begin_create(const KindInfo& kind, Meta& meta);
    bool take_metadata(Meta& into, const Meta& from, bool spec_changed);
    void write(const KindInfo& kind, Op op, json::object object, Meta& meta);

    detail::Batch& batch_;
};

} // namespace berth
