#pragma once
// Which changes wake which keys. A reconciler says it once, in `static void watch(Sources<K>& on)`.

#include "docker/observed.hpp"
#include "storage/store.hpp"

#include <functional>
#include <string>
#include <vector>

namespace berth {

/// The wake-up rules of one controller, without its types. Filled by Sources<K>, read by ControllerCore.
struct SourceTable {
    struct StoreSource {
        std::string plural;
        std::function<std::vector<Key>(const Change&)> keys;
    };
    struct DockerSource {
        docker::ObjectType type;
        std::function<std::vector<Key>(const docker::ObservedChange&)> keys;
    };
    bool self = false;
    /// Objects that wait for the others, by what the store keeps beside them; empty: none do.
    std::function<bool(const Entry&)> background;
    std::vector<StoreSource> store;
    std::vector<DockerSource> docker;
};

namespace detail {
/// The metadata of a stored object, without the rest of it.
Meta metadata_of(const Entry& entry);
/// The objects of `kind` that own this entry, by its ownerReferences.
std::vector<Key> owners_of(const Entry& entry, std::string_view kind);
/// The object of `kind` that our labels on a Docker object name; nothing when they are missing.
std::vector<Key> labelled_key(const docker::ObservedChange& change, std::string_view kind);
} // namespace detail

/// A wake-up is only a hint to look sooner: it carries a key and no content, may come twice, and may name an
/// object that does not exist. Callbacks run on the I/O thread while a commit or a relist is announced: no
/// waiting in them.
template <Kind K> class Sources {
public:
    using DockerMapper = std::function<std::vector<Key>(const docker::ObservedChange&)>;

    Sources(SourceTable& table, const Store& store) : table_(table), store_(store) {}

    /// The object itself: spec, labels, annotations, owners, deletion. Writes of status and finalizers do not
    /// wake.
    void self() { table_.self = true; }

    /// Objects for which `fits` holds are looked at as background work, whatever wakes them.
    void background(std::function<bool(const Entry&)> fits) { table_.background = std::move(fits); }

    /// Any change of an object of kind C, mapped by what the store keeps beside it: nothing is decoded.
    template <Kind C> void entries_of(std::function<std::vector<Key>(const Entry&)> mapper)
    {
        add_store<C>([mapper = std::move(mapper)](const Change& change) { return mapper(*change.entry); });
    }

    /// Any change of an object of kind C that names ours in its ownerReferences.
    template <Kind C> void owned()
    {
        add_store<C>([](const Change& change) { return detail::owners_of(*change.entry, K::kind().kind); });
    }

    /// Any change of the object of kind C with the same org and name as ours.
    template <Kind C> void same_name()
    {
        add_store<C>([](const Change& change) { return std::vector<Key>{change.entry->key}; });
    }

    /// Any change of an object of another kind, mapped by `std::vector<Key> mapper(const Other&)` or
    /// `mapper(const Store&, const Other&)`; with an `Entry` for the object nothing is decoded.
    template <Kind Other, class Mapper> void all_of(Mapper mapper)
    {
        add_store<Other>([mapper = std::move(mapper), &store = store_](const Change& change) {
            if constexpr (std::is_invocable_v<const Mapper&, const Store&, const Entry&>)
                return std::vector<Key>(mapper(store, *change.entry));
            else if constexpr (std::is_invocable_v<const Mapper&, const Store&, const Other&>)
                return std::vector<Key>(mapper(store, decode_entry<Other>(*change.entry)));
            else
                return std::vector<Key>(mapper(decode_entry<Other>(*change.entry)));
        });
    }

    /// Docker objects whose labels (dev.berth.kind, org, name) name an object of our kind.
    void docker(berth::docker::ObjectType type)
    {
        docker(type, [](const berth::docker::ObservedChange& change) {
            return detail::labelled_key(change, K::kind().kind);
        });
    }
    /// Docker objects, mapped to keys by hand.
    void docker(berth::docker::ObjectType type, DockerMapper mapper)
    {
        table_.docker.push_back({type, std::move(mapper)});
    }

private:
    template <Kind C, class Keys> void add_store(Keys keys)
    {
        table_.store.push_back({std::string(C::kind().plural), std::move(keys)});
    }

    SourceTable& table_;
    const Store& store_;
};

} // namespace berth
