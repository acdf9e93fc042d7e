#include "tests/sim/forgetful_env.hpp"

#include <algorithm>

namespace berth::sim {

using rocksdb::Slice;
using rocksdb::Status;

class ForgetfulEnv::File final : public rocksdb::WritableFileWrapper {
public:
    File(ForgetfulEnv& env, std::string name, std::unique_ptr<rocksdb::WritableFile> target,
        std::uint64_t size)
        : WritableFileWrapper(target.get()),
          env_(env),
          name_(std::move(name)),
          target_(std::move(target)),
          size_(size)
    {}
    Status Append(const Slice& data) override
    {
        const std::lock_guard lock(env_.mutex_);
        if (env_.stopped_) return env_.refused();
        size_ += data.size();
        return target_->Append(data);
    }
    Status Append(const Slice& data, const rocksdb::DataVerificationInfo&) override { return Append(data); }
    Status Sync() override { return keep(); }
    Status Fsync() override { return keep(); }

private:
    Status keep()
    {
        const bool commit = name_.ends_with(".log") && std::this_thread::get_id() == env_.writer_;
        if (commit) env_.on_commit(false);
        {
            const std::lock_guard lock(env_.mutex_);
            if (env_.stopped_) return env_.refused();
            env_.synced_[name_] = size_;
        }
        if (commit) env_.on_commit(true);
        return Status::OK();
    }
    ForgetfulEnv& env_;
    std::string name_;
    std::unique_ptr<rocksdb::WritableFile> target_;
    std::uint64_t size_;
};

ForgetfulEnv::ForgetfulEnv()
    : EnvWrapper(std::unique_ptr<rocksdb::Env>(rocksdb::NewMemEnv(rocksdb::Env::Default())))
{}

Status ForgetfulEnv::refused() const { return Status::IOError("the machine has stopped"); }

void ForgetfulEnv::crash()
{
    const std::lock_guard lock(mutex_);
    stopped_ = true;
}

void ForgetfulEnv::recover(std::mt19937_64& random)
{
    const std::lock_guard lock(mutex_);
    for (const auto& [name, synced] : synced_) {
        std::uint64_t size = 0;
        if (!target()->GetFileSize(name, &size).ok() || size <= synced) continue;
        std::string content;
        if (!rocksdb::ReadFileToString(target(), name, &content).ok()) continue;
        content.resize(synced + random() % (size - synced + 1));
        target()->DeleteFile(name);
        rocksdb::WriteStringToFile(target(), content, name, true);
    }
    stopped_ = false;
}

Status ForgetfulEnv::wrap(
    Status status, const std::string& name, std::uint64_t size, std::unique_ptr<rocksdb::WritableFile>* file)
{
    if (!status.ok()) return status;
    synced_[name] = size;
    *file = std::make_unique<File>(*this, name, std::move(*file), size);
    return status;
}

Status ForgetfulEnv::NewWritableFile(
    const std::string& name, std::unique_ptr<rocksdb::WritableFile>* file, const rocksdb::EnvOptions& options)
{
    const std::lock_guard lock(mutex_);
    if (stopped_) return refused();
    return wrap(target()->NewWritableFile(name, file, options), name, 0, file);
}

Status ForgetfulEnv::ReopenWritableFile(
    const std::string& name, std::unique_ptr<rocksdb::WritableFile>* file, const rocksdb::EnvOptions& options)
{
    const std::lock_guard lock(mutex_);
    if (stopped_) return refused();
    std::uint64_t size = 0;
    target()->GetFileSize(name, &size);
    return wrap(target()->ReopenWritableFile(name, file, options), name, size, file);
}

Status ForgetfulEnv::ReuseWritableFile(const std::string&, const std::string&,
    std::unique_ptr<rocksdb::WritableFile>*, const rocksdb::EnvOptions&)
{
    return Status::NotSupported("files are not reused here");
}

Status ForgetfulEnv::DeleteFile(const std::string& name)
{
    const std::lock_guard lock(mutex_);
    if (stopped_) return refused();
    synced_.erase(name);
    return target()->DeleteFile(name);
}

Status ForgetfulEnv::RenameFile(const std::string& from, const std::string& to)
{
    const std::lock_guard lock(mutex_);
    if (stopped_) return refused();
    if (const auto known = synced_.find(from); known != synced_.end()) {
        synced_[to] = known->second;
        synced_.erase(from);
    }
    return target()->RenameFile(from, to);
}

Status ForgetfulEnv::LockFile(const std::string&, rocksdb::FileLock** lock)
{
    *lock = new rocksdb::FileLock; // as RocksDB wants it
    return Status::OK();
}

Status ForgetfulEnv::UnlockFile(rocksdb::FileLock* lock)
{
    delete lock;
    return Status::OK();
}

} // namespace berth::sim
