#pragma once
// How objects, index entries and numbers are spelled as database keys. Internal to storage. Pure; any thread.
//
// objects: "workspaces/default/abc" → JSON. index: '\0'-separated words that end with the object they point
// to (plural, org, name), no value:  owner: o,uid,…  label: l,label,value,…  phase: p,phase,…  uid: u,uid,…
// changes and audit: 8 bytes big-endian, so that they sort by number.

#include "storage/entry.hpp"

namespace berth::detail {

std::string object_key(std::string_view plural, const Key& key);
/// What the keys of a kind (of one org, when given) begin with.
std::string object_prefix(std::string_view plural, std::string_view org);

std::string owner_prefix(std::string_view uid, std::string_view plural = {});
std::string label_prefix(std::string_view label, std::string_view value, std::string_view plural);
std::string phase_prefix(std::string_view phase, std::string_view plural);
std::string uid_prefix(std::string_view uid);
/// Every index entry of an object, sorted.
std::vector<std::string> index_keys(const Entry& entry);

struct Target {
    std::string plural;
    Key key;
};
/// The object that an index entry points to.
Target index_target(std::string_view index_key);

std::string number_key(std::uint64_t number);
std::uint64_t parse_number_key(std::string_view key);

/// A change in the log: op, then the object, then its JSON.
std::string change_value(const Change& change);
struct ChangeRecord {
    Op op;
    Target target;
    std::string text;
};
ChangeRecord parse_change_value(std::string_view value);

} // namespace berth::detail
