#pragma once
// Following one kind over HTTP. Internal to api/http.

#include "api/http/resource.hpp"

#include <map>
#include <memory>

namespace berth::resource {

/// The text of entries as clients may see it, made once per revision. I/O thread; shared with the store's
/// callback.
class ShownTexts {
public:
    static std::shared_ptr<ShownTexts> make(Store& store, const ResourceKind& kind);
    /// With `secrets` (or for a kind that has none) the stored text itself.
    std::shared_ptr<const std::string> of(const EntryPtr& entry, bool secrets);

private:
    explicit ShownTexts(const ResourceKind& kind) : kind_(kind) {}
    struct Shown {
        Revision revision = 0;
        std::shared_ptr<const std::string> text;
    };
    const ResourceKind& kind_;
    std::map<Key, Shown> shown_;
};

/// Which objects a watcher with label rules knows, so that one which leaves the selection is DELETED for it
/// and one which enters is ADDED. Without labels nothing is kept.
class Selection {
public:
    Selection(Selector selector, bool knows_all) : selector_(std::move(selector)), knows_all_(knows_all) {}
    const Selector& selector() const noexcept { return selector_; }
    /// The event that a change is for this watcher; nothing when it is none of its business.
    std::optional<Op> judge(const Change& change);
    void known(const Key& key)
    {
        if (!selector_.labels.empty()) inside_[key] = true;
    }

private:
    Selector selector_;
    bool knows_all_; ///< what is not in `inside_` is known to be outside; else it may have been seen before
    std::map<Key, bool> inside_;
};

struct WatchOptions {
    Selector selector;
    bool secrets = false;
    bool sse = false;
    bool initial = false;          ///< begin with what there is
    std::optional<Duration> limit; ///< end after
    Duration bookmark{10'000};
};

/// The reply of a watch from `after` on. Throws Error{Gone} when that is too old or not of this store.
Reply watch_reply(Store& store, Clock& clock, const ResourceKind& kind, std::shared_ptr<ShownTexts> texts,
    Revision after, WatchOptions options);

} // namespace berth::resource
