#pragma once
// The work queue of a controller: which keys to look at, and when.

#include "api/types/meta.hpp"
#include "controller/base/async.hpp"

#include <array>
#include <map>
#include <random>

namespace berth {

/// User: somebody or something changed the object. Background: a resync looks at everything. User work goes
/// first, but background work always gets a share, so neither starves.
enum class Priority { User, Background };

/// How long a failing key waits: base, 2·base, 4·base, … up to cap, each shortened by a random part of at
/// most `jitter` (0 to 1) so that keys that failed together do not come back together.
struct BackOff {
    Duration base{250};
    Duration cap{60'000};
    double jitter = 0.3;
    std::uint32_t seed = 0; ///< of the jitter; 0 = a random one

    /// Without jitter; `failures` counts from 1.
    Duration delay(std::uint32_t failures) const;
};

/// What happens to a key after its run.
struct Verdict {
    enum class Kind { Rest, After, BackOff };
    Kind kind = Kind::Rest;
    Duration after{0};

    static Verdict rest() { return {}; } ///< nothing more until it is added again
    static Verdict again(Duration after) { return {Kind::After, after}; } ///< a success with a date
    static Verdict back_off() { return {Kind::BackOff, {}}; }             ///< a failure
};

/// One slot per key. The earliest time asked for wins; a key that is added while it runs runs once more
/// afterwards; the same key is never handed out twice at the same time. Every operation is O(log n). Owned by
/// a controller; lives on the I/O thread.
class Queue {
public:
    struct Item {
        Key key;
        Priority priority = Priority::User;
        Duration waited{0};         ///< since it could have run
        std::uint32_t failures = 0; ///< in a row, before this run
    };

    Queue(const Executor& executor, Clock& clock, BackOff back_off = {});

    /// Ignored after close().
    void add(const Key& key, Priority priority = Priority::User, Duration delay = Duration{0});
    /// The next key to run; nothing once the queue is closed. Every item must be given back with done().
    awaitable<std::optional<Item>> next();
    /// The same without waiting: nothing when no key is due.
    std::optional<Item> try_next();
    /// Ends the run of a key. A success forgets its failures. What it is queued for afterwards (again,
    /// back-off) keeps the priority of the run.
    void done(const Key& key, Verdict verdict);
    /// Drops what waits; running keys are still given back. Idempotent.
    void close();

    bool closed() const noexcept { return closed_; }
    std::size_t ready() const noexcept { return ready_[0].size() + ready_[1].size(); } ///< due, not running
    std::size_t delayed() const noexcept { return delayed_.size(); }
    std::size_t running() const noexcept { return running_; }
    std::uint64_t adds() const noexcept { return adds_; }       ///< since the start
    std::uint64_t retries() const noexcept { return retries_; } ///< back-offs since the start

private:
    enum class Place { Nowhere, Delayed, Ready, Running };
    struct Wish {
        Tick due;
        Priority priority = Priority::User;
    };
    struct Slot {
        Place place = Place::Nowhere;
        Wish wish;
        std::uint64_t order = 0; ///< first come, first served among the ready; breaks ties among the delayed
        std::uint32_t failures = 0;
        std::optional<Wish> again; ///< asked for while it runs
    };
    using Slots = std::map<Key, Slot>;

    static Wish merge(const Wish& left, const Wish& right);
    void put(Slots::iterator slot, Wish wish);
    void take_out(Slots::iterator slot);
    void promote_due();
    Slots::iterator pick();
    std::optional<Wish> wish_after(Slot& slot, Verdict verdict);
    Duration jittered(Duration delay);
    awaitable<> wait_for_work();

    Clock& clock_;
    BackOff back_off_;
    std::minstd_rand random_;
    Signal wake_;
    Slots slots_;
    std::map<std::pair<Tick, std::uint64_t>, Slots::iterator> delayed_;
    std::array<std::map<std::uint64_t, Slots::iterator>, 2> ready_; ///< by priority
    std::uint64_t next_order_ = 0;
    std::size_t running_ = 0;
    std::size_t user_in_a_row_ = 0;
    std::uint64_t adds_ = 0;
    std::uint64_t retries_ = 0;
    bool closed_ = false;
};

} // namespace berth
