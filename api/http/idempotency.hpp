#pragma once
// Idempotency-Key for POST handlers: the same key and body get the stored answer, another body gets 422. The
// record is written in the transaction of the work itself, so there is no moment in which one exists without
// the other.
//
//   const auto once = Idempotency::of(call);                       // before the body is moved from
//   auto work = [once, …](Txn& txn) -> Reply {
//       if (auto earlier = once.earlier(txn)) return *earlier;
//       … ; return once.keep(txn, Reply::json(201, answer)); };
//   co_return co_await store.transact(std::move(work));

#include "api/http/router.hpp"

#include <optional>
#include <string>

namespace berth {

class Store;
class Txn;

/// A copyable value. Without the header all of it does nothing.
class Idempotency {
public:
    /// Throws Error{Invalid} for an empty key, one longer than 128 or one with other than visible characters.
    /// Keys of different principals and different routes are different keys.
    static Idempotency of(const Call& call);
    bool wanted() const noexcept { return !scope_.empty(); }

    /// db thread. The answer given before (with header Idempotent-Replayed), or nothing. HttpError 422 when
    /// the key came with another body.
    std::optional<Reply> earlier(Txn& txn) const;
    /// db thread. Stores status and body of the answer, headers not (except Location); hands the answer back.
    Reply keep(Txn& txn, Reply reply) const;
    /// I/O thread: looks before expensive checks are made. The same as `earlier` in a transaction of its own.
    awaitable<std::optional<Reply>> replay(Store& store) const;

private:
    std::string scope_; ///< principal, route and key; empty: not asked for
    std::string body_hash_;
};

} // namespace berth
