#pragma once
// What the store keeps of one object, whatever its kind, and what happened to it.

#include "api/types/meta.hpp"

#include <memory>

namespace berth {

/// Counts changes: each change of one object has its own, without gaps. On the wire: decimal text
/// (resourceVersion).
using Revision = std::uint64_t;

/// One object at one revision. Immutable and shared, so it may be kept across a suspension and read on any
/// thread.
struct Entry {
    std::string_view plural; ///< "workspaces"; lives as long as the process
    Key key;
    Revision revision = 0;
    std::string uid;
    std::int64_t generation = 0;
    Labels labels;
    std::vector<std::string> owners; ///< uids of ownerReferences
    std::string phase;               ///< status.phase, empty when the kind has none
    bool deleting = false;           ///< deletionTimestamp is set
    std::string text; ///< the JSON of the object WITH its secrets: never send or log it as it is
};
using EntryPtr = std::shared_ptr<const Entry>;

enum class Op { Added, Modified, Deleted };

/// One change. For Deleted the entry is the last state, with the revision of the deletion.
struct Change {
    Revision revision = 0;
    Op op = Op::Modified;
    EntryPtr entry;
};

/// "added", "modified", "deleted".
const char* to_string(Op op) noexcept;

/// Decimal text → revision; nothing for anything else (signs, blanks, overflow).
std::optional<Revision> parse_revision(std::string_view text);

/// The same text for as long as the process lives. For names of kinds only: nothing is ever freed.
std::string_view intern(std::string_view text);

namespace detail {
/// Says in the log that a stored object does not fit its type any more. It is used as far as it can be read:
/// one odd object must not make a whole kind unreadable.
void report_misfit(std::string_view plural, const Key& key, const Problems& problems);

template <Kind K> K decode_stored(const json::value& value, const Key& key)
{
    K object{};
    Problems problems;
    decode_into(value, object, Unknown::Ignore, "", problems);
    if (!problems.empty()) report_misfit(K::kind().plural, key, problems);
    return object;
}
} // namespace detail

/// The typed object of an entry, secrets included. The entry must be of kind K.
template <Kind K> K decode_entry(const Entry& entry)
{
    return detail::decode_stored<K>(json::parse(entry.text), entry.key);
}

} // namespace berth
