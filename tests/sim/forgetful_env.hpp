#pragma once
// A file system in memory that forgets at a crash what was not synced.

#include <rocksdb/env.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace berth::sim {

/// Outlives every store that was opened on it. RocksDB's own threads use it too.
class ForgetfulEnv final : public rocksdb::EnvWrapper {
public:
    ForgetfulEnv();

    /// The machine stops: from now on nothing is written. Close what uses it, then call recover().
    void crash();
    /// Every file is cut to what was synced, or to some of what was written after that, and can be used
    /// again.
    void recover(std::mt19937_64& random);

    /// Told of each sync of the store's log, before and after it, on the thread that writes: the store's own ones are
    /// not meant.
    std::function<void(bool after)> on_commit = [](bool) {};

    rocksdb::Status NewWritableFile(const std::string& name, std::unique_ptr<rocksdb::WritableFile>* file,
        const rocksdb::EnvOptions& options) override;
    rocksdb::Status ReopenWritableFile(const std::string& name, std::unique_ptr<rocksdb::WritableFile>* file,
        const rocksdb::EnvOptions& options) override;
    rocksdb::Status ReuseWritableFile(const std::string& name, const std::string& old,
        std::unique_ptr<rocksdb::WritableFile>* file, const rocksdb::EnvOptions& options) override;
    rocksdb::Status DeleteFile(const std::string& name) override;
    rocksdb::Status RenameFile(const std::string& from, const std::string& to) override;
    /// A lock goes with the process that has it, and here processes end without a word.
    rocksdb::Status LockFile(const std::string& name, rocksdb::FileLock** lock) override;
    rocksdb::Status UnlockFile(rocksdb::FileLock* lock) override;

private:
    class File;
    rocksdb::Status refused() const;
    rocksdb::Status wrap(rocksdb::Status status, const std::string& name, std::uint64_t size,
        std::unique_ptr<rocksdb::WritableFile>* file);

    const std::thread::id writer_ = std::this_thread::get_id();
    std::mutex mutex_;
    bool stopped_ = false;
    std::map<std::string, std::uint64_t> synced_; ///< bytes, by file
};

} // namespace berth::sim
