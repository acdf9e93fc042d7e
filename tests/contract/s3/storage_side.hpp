#pragma once
// The two object storages that the contract is held against.

#include "node/s3_store.hpp"
#include "tests/fakes/memory_bucket.hpp"
#include "tests/fakes/run.hpp"

#include <memory>
#include <string>

namespace berth {

/// One workspace's prefix, empty at first, and what a test needs around it.
class StorageSide {
public:
    virtual ~StorageSide() = default;
    virtual ObjectStore& store() = 0;
    /// What somebody who is not Berth writes; `key` is below the prefix, as it is.
    virtual void foreign_put(const std::string& key, const std::string& text) = 0;
    /// The same, by an upload in parts.
    virtual void foreign_put_in_parts(const std::string& key, const std::vector<std::string>& parts) = 0;
    /// Waits for what moves large objects and empties the trash.
    virtual void large_ready() {}
    /// Why there is nothing to test; empty when there is.
    virtual std::string missing() const { return ""; }

    asio::io_context io;
    SystemClock clock;
    TemporaryFolder folder;
};

class MemorySide final : public StorageSide {
public:
    ObjectStore& store() override { return store_; }
    void foreign_put(const std::string& key, const std::string& text) override
    {
        bucket_.put({{key, text}}, clock.now());
    }
    void foreign_put_in_parts(const std::string& key, const std::vector<std::string>& parts) override
    {
        bucket_.put_in_parts(key, parts, clock.now());
    }

private:
    MemoryBucket bucket_;
    MemoryStore store_{bucket_, clock};
};

/// The server at BERTH_TEST_S3 ("http://127.0.0.1:8333"), with the keys BERTH_TEST_S3_KEY and
/// BERTH_TEST_S3_SECRET and the bucket "contract"; see tests/with_seaweedfs.sh.
class ServerSide final : public StorageSide {
public:
    ServerSide();
    ~ServerSide() override;
    ObjectStore& store() override { return *store_; }
    void foreign_put(const std::string& key, const std::string& text) override;
    void foreign_put_in_parts(const std::string& key, const std::vector<std::string>& parts) override;
    void large_ready() override;
    std::string missing() const override;

private:
    S3Answer send(S3Call call);
    std::string url(const std::string& key, std::map<std::string, std::string> query = {}) const;
    S3Source source_;
    std::unique_ptr<S3Client> client_;
    std::unique_ptr<Rclone> rclone_;
    std::unique_ptr<S3Servers> servers_;
    std::unique_ptr<S3Store> store_;
    TaskGroup group_{io.get_executor()};
};

} // namespace berth
