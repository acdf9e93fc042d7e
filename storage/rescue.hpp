#pragma once
// What an operator does with a store that no berthd has open: check it, copy it, put a copy in its place. See
// docs/OPERATIONS.md. Blocking; any thread.

#include "storage/store.hpp"

#include <functional>
#include <string>
#include <vector>

namespace berth {

/// The store's meta value that a restore leaves: when it was. While it is there, what the Swarm has and the
/// store does not know is kept (docs/adr/0011). Ended by an administrator.
inline constexpr std::string_view kRestoredName = "restored";

/// What does not fit the type of an object, for people; empty: it fits. Also for kinds that are not known.
using ObjectCheck = std::function<std::string(std::string_view plural, const json::value& object)>;

struct FsckReport {
    std::uint64_t schema = 0;
    Revision revision = 0;
    std::size_t objects = 0;
    std::size_t index_entries = 0;
    std::size_t changes = 0;
    std::size_t audit_lines = 0;
    std::size_t idempotency_records = 0;
    std::string restored;              ///< kRestoredName
    std::vector<std::string> problems; ///< the first ones of each sort, for people; empty: the store is whole
    std::vector<std::string> notes;    ///< odd, but no damage
};

/// Looks at everything; changes nothing. Throws Error{Unavailable}: in use by a running berthd, can't be
/// read; Error{NotFound}: no store is there.
FsckReport fsck(const std::string& folder, const ObjectCheck& check = {});

/// A copy of a store that is not in use, in `to`, which must not exist. Throws as fsck(), and Error{Internal}
/// when the store is damaged (there is no point in a copy then).
void back_up(const std::string& folder, const std::string& to);

/// Which objects of a copy are not to be believed: what has become of them since may not be undone.
using LetGo = std::function<bool(std::string_view plural, const json::object& object)>;

struct Restored {
    std::string aside; ///< where the store that was there is now; empty: there was none
    Revision revision = 0;
    std::size_t let_go = 0;
};

/// Puts a copy of `backup` into `folder`. What is there is moved into a subfolder with the date, never
/// deleted. Cut short at any moment it leaves the old store, the new one, or a folder that berthd refuses
/// with the advice to restore again. Revisions go on above every one that was given out, so no watch can
/// mistake one history for another. Throws as fsck(), Error{Internal} when the backup is damaged: then
/// nothing has been changed.
Restored restore(const std::string& backup, const std::string& folder, Time now, const LetGo& let_go = {});

} // namespace berth
