#pragma once
// A record that nobody writes but its reconciler is made when it is missing: what it describes is there
// already.

#include "storage/store.hpp"

namespace berth {

/// An empty object of that name, unless somebody made one meanwhile. The store's thread does the work; throws
/// what Store::transact throws.
template <class K> awaitable<> make_missing(Store& store, Key key)
{
    auto make = [key](Txn& txn) {
        if (txn.get<K>(key)) return;
        K object;
        object.metadata.org = key.org;
        object.metadata.name = key.name;
        txn.create(object);
    };
    co_await store.transact(std::move(make));
}

} // namespace berth
