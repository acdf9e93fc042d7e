#pragma once
// ObjectStore on signed requests of our own, and on rclone for what is large. One request for each thing that
// is done: no look before a write where the server honours conditions.

#include "node/large_objects.hpp"
#include "node/object_store.hpp"
#include "node/s3_client.hpp"
#include "node/s3_wire.hpp"

#include <memory>

namespace berth {

/// What the node has found out about S3 servers, and the locks that stand in for what a server can't do.
/// Owned by NodeAgent; I/O thread.
class S3Servers {
public:
    explicit S3Servers(Executor io) : io_(std::move(io)) {}
    /// Whether the server honours conditions, by endpoint and bucket; unset: not tried yet.
    std::optional<bool>& conditional(const std::string& bucket) { return conditional_[bucket]; }
    /// Waits until nobody else on this node looks and writes in the prefix; give it back by destroying it.
    awaitable<std::shared_ptr<void>> lock(std::string prefix);

private:
    Executor io_;
    std::map<std::string, std::optional<bool>> conditional_;
    std::map<std::string, std::weak_ptr<void>> held_;
    Signal released_{io_};
};

/// What a refusal or a silence means, with the class in front (see ObjectStore).
Error failure_of(const S3Answer& answer, const std::string& what);
RemoteFile remote_of(const ListedObject& object);

/// Lives on the I/O thread; what it refers to outlives it.
class S3Store final : public ObjectStore {
public:
    S3Store(S3Client& client, Rclone& rclone, S3Servers& servers, S3Source source);

    awaitable<Listing> list() override;
    awaitable<RemoteFiles> head(Paths paths) override;
    awaitable<ItemResults> put(std::vector<PutItem> items) override;
    awaitable<ItemResults> get(std::vector<GetItem> items) override;
    awaitable<ItemResults> copy(std::vector<CopyItem> items) override;
    awaitable<ItemResults> remove(std::vector<RemoveItem> items) override;
    awaitable<std::vector<TrashedFile>> list_trash() override;
    awaitable<> empty_trash(std::string date) override;
    awaitable<bool> conditional() override;
    std::int64_t requests() const override { return requests_; }

private:
    using Answers = std::vector<S3Answer>;
    /// The key of a path, and that under which the last list showed it: what is read, copied from or removed.
    std::string key(std::string_view path) const;
    std::string where(const std::string& path) const;
    std::string url_of(const std::string& key) const;
    /// Those of the paths whose keys exist.
    awaitable<RemoteFiles> look(Paths paths, Paths keys);
    /// Moves strays that are about to be written to the keys of their paths, so that there is one object for
    /// each.
    awaitable<> bring_home(const std::vector<PutItem>& items);
    awaitable<Answers> send(std::vector<S3Call> calls);
    awaitable<ListPage> list_page(std::map<std::string, std::string> query);
    S3Call put_call(const PutItem& item) const;
    S3Call get_call(const GetItem& item) const;
    S3Call copy_call(const CopyItem& item) const;
    /// How one kind of transfer is done: small ones by requests of our own, large ones by rclone.
    template <class Item> struct Transfer {
        S3Call (S3Store::*call)(const Item&) const;
        ItemResult (*result)(const Item&, const S3Answer&);
        awaitable<ItemResult> (S3Store::*large)(Item);
    };
    /// The small ones at the same time, then the large ones, one after the other.
    template <class Item> awaitable<ItemResults> transfer(std::vector<Item> items, Transfer<Item> how);
    awaitable<ItemResults> put_all(std::vector<PutItem> items);
    awaitable<bool> probe();
    /// Without conditions: looks at what is there, and says which items must not be written.
    awaitable<std::vector<bool>> as_expected(const std::vector<PutItem>& items);
    /// What went wrong, if anything; counts the requests either way.
    awaitable<std::optional<Error>> by_rclone(awaitable<> work, std::int64_t requests);
    awaitable<ItemResult> put_large(PutItem item);
    awaitable<ItemResult> get_large(GetItem item);
    awaitable<ItemResult> copy_large(CopyItem item);

    S3Client& client_;
    S3Servers& servers_;
    LargeObjects large_;
    S3Source source_;
    S3Keys keys_;
    std::string prefix_;
    Strays strays_; ///< as of the last list
    std::int64_t requests_ = 0;
};

} // namespace berth
