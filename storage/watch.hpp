#pragma once
// Following the changes of the store.

#include "controller/base/async.hpp"
#include "storage/entry.hpp"

namespace berth {

namespace detail {
class Core;
}

/// A place in the history of changes: hands out each change of its kind once, in revision order, none left
/// out. Lives on the I/O thread; owned by who watches, one reader. May outlive the store. Reads the store's
/// one shared history, so it queues nothing of its own; a watch that falls behind further than the history
/// reaches is Gone.
class Watch {
public:
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// Waits for the next change. Throws Error{Gone}: list again and watch from there; Error{Unavailable}:
    /// the store was closed. Not to be put under a time-out (a change could get lost on the way): use ready()
    /// for that.
    awaitable<Change> next();
    /// The next change if there is one now. Throws as next().
    std::optional<Change> try_next();
    /// Returns when try_next() has something to say, be it an error. Takes nothing, so it may be cancelled at
    /// will.
    awaitable<> ready();
    /// Everything up to this revision has been handed out (or was not for this watch): for bookmarks and
    /// resuming.
    Revision revision() const noexcept { return seen_; }

private:
    friend class detail::Core;
    Watch(std::shared_ptr<detail::Core> core, std::string plural, Revision after);
    /// The next change for this watch, without taking it.
    const Change* peek();

    std::shared_ptr<detail::Core> core_;
    std::string plural_; ///< empty = every kind
    Revision seen_;
    Signal changed_;
};

} // namespace berth
