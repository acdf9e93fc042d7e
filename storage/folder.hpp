#pragma once
// The folder of a database, before it is opened: who has it, whether what is in it can be believed. Internal
// to storage.

#include "controller/base/error.hpp"

#include <rocksdb/env.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace berth::detail {

/// What a restore makes while it puts a copy in place; a folder that has it is not complete.
inline constexpr const char* kRestoring = "restoring";

/// `env`, or the machine's file system.
rocksdb::Env& env_or_default(rocksdb::Env* env);
/// The names in a folder, sorted; nothing when there is no such folder. Throws Error{Unavailable}.
std::optional<std::vector<std::string>> list_folder(rocksdb::Env& env, const std::string& path);
/// "the store in … is damaged: …", with the remedy.
Error damaged(const std::string& path, const std::string& what);

/// Throws Error{Unavailable} when the status says that somebody else has the folder open.
void check_not_in_use(const std::string& path, const rocksdb::Status& status);
/// Throws what `status` says of the files: one that is gone or makes no sense is damage (Error{Internal}), a
/// disk or a permission that refuses is not (Error{Unavailable}).
void check_files(const std::string& path, const rocksdb::Status& status);

/// Held while a folder is looked at or opened: nobody else can then have it open.
class FolderLock {
public:
    /// Throws Error{Unavailable}: another process (or this one) has it open, or the file can't be opened.
    FolderLock(rocksdb::Env& env, const std::string& path);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    rocksdb::Env& env_;
    rocksdb::FileLock* lock_ = nullptr;
};

/// True when there is a database in the folder, false when one may be made there. Throws Error{Internal} when
/// parts of one are there: RocksDB would begin anew in the middle of them.
bool holds_database(rocksdb::Env& env, const std::string& path);

/// Every checksum of every table and log. Changes nothing on disk; the folder must be locked. Throws
/// Error{Internal} that names the file and the remedy, Error{Conflict} for a schema above `newest_schema`,
/// Error{Unavailable} when it can't be read.
void verify_files(const std::string& path, rocksdb::Env* env, std::uint64_t newest_schema);

/// All of the above, for a folder that is about to be opened.
void verify_folder(const std::string& path, rocksdb::Env* env, std::uint64_t newest_schema);

} // namespace berth::detail
