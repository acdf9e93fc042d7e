#pragma once
// Rules of one kind for writes that come as plain resources, beyond what its types and validate() can say: they may
// depend on who writes, on what is stored, on other objects and on the world outside. Written in api/actions, where
// the verbs of the kind use the same ones; handed to mount_resource by the registry.

#include "api/http/auth.hpp"
#include "storage/store.hpp"

#include <optional>

namespace berth {

struct AdmissionRules {
    virtual ~AdmissionRules() = default;
};

/// Outlives the router. A dry run asks both halves as well.
template <Kind K> struct Admission : AdmissionRules {
    /// In the write's transaction, before anything is recorded: may fill in members and throws Error to refuse.
    /// `before` is null for a create. Runs twice for a write; db thread, so nothing of the I/O thread may be touched.
    virtual void admit(Txn& txn, const Principal& who, const K* before, K& after) const = 0;
    /// Between a trial and the transaction: what takes time. The write happens only if the spec is still the one that
    /// `before` has. Throws Error to refuse. I/O thread.
    virtual awaitable<> review(std::optional<K> before, K after) = 0;
};

} // namespace berth
