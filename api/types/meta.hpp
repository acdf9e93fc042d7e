#pragma once
// What every object has in common, in the terms of Kubernetes. Formats: the JSON of /api/v1 and of the store.

#include "api/types/formats.hpp"
#include "controller/base/json.hpp"

#include <compare>
#include <cstdint>

namespace berth {

using Labels = std::map<std::string, std::string>;

/// Names one object of a kind. `org` is the tenant, "default" in a single-tenant install.
struct Key {
    std::string org;
    std::string name;
    auto operator<=>(const Key&) const = default;
};
/// "org/name".
std::string to_string(const Key& key);

/// Which object made this one. When the owner is gone, so is this one.
struct OwnerReference {
    std::string kind;
    std::string name;
    std::string uid;
    bool operator==(const OwnerReference&) const = default;
    static constexpr std::array rules{Rule::text("kind", kCleanText, 63), Rule::text("name", kDnsLabel).or_empty(),
        Rule::text("uid", kCleanText, 63)};
};
BOOST_DESCRIBE_STRUCT(OwnerReference, (), (kind, name, uid))

struct Meta {
    std::string org;
    std::string name;
    std::string uid;             ///< never used again, unlike the name
    std::string resourceVersion; ///< opaque to clients; the revision of the last write
    std::int64_t generation = 0; ///< counts the changes of the spec
    Labels labels;
    Labels annotations;
    std::vector<OwnerReference> ownerReferences;
    std::vector<std::string> finalizers;
    std::optional<Time> creationTimestamp;
    std::optional<Time> deletionTimestamp; ///< set by a delete while finalizers remain
    bool operator==(const Meta&) const = default;
    static constexpr std::array required{"name"};
    static constexpr std::array rules{Rule::text("org", kDnsLabel).or_empty(), Rule::text("name", kDnsLabel),
        Rule::entries("labels", 64).keys(kLabelKey).of(kLabelValue), Rule::entries("annotations", 64).keys(kLabelKey),
        Rule::entries("ownerReferences", 16)};
};
BOOST_DESCRIBE_STRUCT(Meta, (),
    (org, name, uid, resourceVersion, generation, labels, annotations, ownerReferences, finalizers,
        creationTimestamp, deletionTimestamp))
/// Annotations are at most 64 KiB together.
void validate(const Meta& meta, const std::string& path, Problems& problems);

enum class ConditionStatus { True, False, Unknown };
BOOST_DESCRIBE_ENUM(ConditionStatus, True, False, Unknown)

/// One fact about an object, keyed by type. lastTransitionTime moves only when the status flips.
struct Condition {
    std::string type;
    ConditionStatus status = ConditionStatus::Unknown;
    std::string reason; ///< CamelCase, for programs
    std::string message;
    std::optional<Time> lastTransitionTime;
    std::int64_t observedGeneration = 0;
    bool operator==(const Condition&) const = default;
};
BOOST_DESCRIBE_STRUCT(Condition, (), (type, status, reason, message, lastTransitionTime, observedGeneration))
using Conditions = std::vector<Condition>;

const Condition* find_condition(const Conditions& conditions, std::string_view type);
/// Adds or replaces by type; keeps lastTransitionTime when the status stays the same.
void set_condition(Conditions& conditions, Condition condition, Time now);
void remove_condition(Conditions& conditions, std::string_view type);

/// What the generic code knows of a kind.
struct KindInfo {
    std::string_view kind;   ///< "Workspace"
    std::string_view plural; ///< "workspaces", in URLs and store keys
};

inline constexpr std::string_view kApiVersion = "berth.dev/v1";

/// An object: meta, what is wanted, what is seen. Spec is written by the API, status by one reconciler (or, for a
/// report, spec by one node). Spec names its KindInfo as `static constexpr KindInfo kind`.
template <class SpecT, class StatusT>
struct Object {
    using Spec = SpecT;
    using Status = StatusT;
    Meta metadata;
    SpecT spec;
    StatusT status;
    bool operator==(const Object&) const = default;
    static constexpr const KindInfo& kind() { return SpecT::kind; }
    static std::string schema_name() { return std::string(SpecT::kind.kind); }
    BOOST_DESCRIBE_CLASS(Object, (), (metadata, spec, status), (), ())
};

template <class K>
concept Kind = requires(K object) {
    { K::kind() } -> std::same_as<const KindInfo&>;
    { object.status.conditions } -> std::convertible_to<Conditions&>;
    { object.status.observedGeneration } -> std::convertible_to<std::int64_t&>;
};

template <Kind K>
Key key_of(const K& object)
{
    return {object.metadata.org, object.metadata.name};
}

/// The object with `apiVersion` and `kind` in front, as clients and the store see it.
template <Kind K>
json::object encode_object(const K& object, Secrets secrets = Secrets::Hide)
{
    json::object out{{"apiVersion", kApiVersion}, {"kind", K::kind().kind}};
    auto encoded = encode(object, secrets); // named: a temporary would not live as long as the loop
    for (auto& item : encoded.as_object()) out[item.key()] = std::move(item.value());
    return out;
}

/// Reads an object; `apiVersion` and `kind` may be missing, but must be ours when given. Throws Error{Invalid}.
template <Kind K>
K decode_object(const json::value& from, Unknown unknown)
{
    K object{};
    Problems problems;
    if (!from.is_object()) throw Error{Problems{{"", "expected an object"}}};
    json::object rest = from.get_object();
    auto take = [&](std::string_view name, std::string_view expected) {
        const auto* found = rest.if_contains(name);
        if (found && (!found->is_string() || std::string_view(found->get_string()) != expected))
            problems.push_back({"/" + std::string(name), "expected " + std::string(expected)});
        rest.erase(name);
    };
    take("apiVersion", kApiVersion);
    take("kind", K::kind().kind);
    decode_into(json::value(std::move(rest)), object, unknown, "", problems);
    if (!problems.empty()) throw Error{std::move(problems)};
    return object;
}

/// Status of a kind that only records something.
struct RecordStatus {
    std::int64_t observedGeneration = 0;
    Conditions conditions;
    bool operator==(const RecordStatus&) const = default;
};
BOOST_DESCRIBE_STRUCT(RecordStatus, (), (observedGeneration, conditions))

BERTH_JSON_EXTERN(Meta)
BERTH_JSON_EXTERN(RecordStatus)

} // namespace berth
