#include "storage/folder.hpp"

#include "storage/database.hpp"
#include "storage/wal_check.hpp"

#include <algorithm>
#include <filesystem>

namespace berth::detail {

rocksdb::Env& env_or_default(rocksdb::Env* env) { return env ? *env : *rocksdb::Env::Default(); }

namespace {
/// RocksDB also says "not found" of a folder that may not be read; nothing must be made there.
void refuse_unreadable(rocksdb::Env& env, const std::string& path)
{
    if (&env != rocksdb::Env::Default()) return;
    std::error_code failure;
    const std::filesystem::directory_iterator folder(path, failure);
    if (failure && failure != std::errc::no_such_file_or_directory)
        throw Error{Errc::Unavailable, "database folder " + path + ": " + failure.message()};
}
} // namespace

std::optional<std::vector<std::string>> list_folder(rocksdb::Env& env, const std::string& path)
{
    std::vector<std::string> names;
    const auto status = env.GetChildren(path, &names);
    if (status.IsNotFound() || status.IsPathNotFound()) {
        refuse_unreadable(env, path);
        return std::nullopt;
    }
    check(status, "database folder " + path);
    std::sort(names.begin(), names.end());
    return names;
}

Error damaged(const std::string& path, const std::string& what)
{
    return {Errc::Internal, "the store in " + path + " is damaged: " + what +
                                "; nothing was changed. `berthd fsck` says more, `berthd restore BACKUP` "
                                "puts a backup in its place"};
}

void check_not_in_use(const std::string& path, const rocksdb::Status& status)
{
    const auto text = status.ToString();
    const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
    if (says("lock hold by current process") || says("Resource temporarily unavailable"))
        throw Error{Errc::Unavailable,
            "database folder " + path +
                " is in use by another process (or opened twice): only one may have it open"};
}

FolderLock::FolderLock(rocksdb::Env& env, const std::string& path) : env_(env)
{
    const auto status = env.LockFile(path + "/LOCK", &lock_);
    if (status.ok()) return;
    check_not_in_use(path, status);
    check(status, "database folder " + path + " can't be written");
}

FolderLock::~FolderLock()
{
    if (lock_) (void)env_.UnlockFile(lock_);
}

namespace {
/// "000012.sst" or "000012.log".
bool is_numbered(const std::string& name)
{
    const auto digits = name.find_first_not_of("0123456789");
    return digits != 0 && digits != std::string::npos &&
           (name.substr(digits) == ".sst" || name.substr(digits) == ".log");
}
} // namespace

bool holds_database(rocksdb::Env& env, const std::string& path)
{
    const auto names = list_folder(env, path);
    if (!names) return false;
    const auto has = [&](const char* name) { return std::binary_search(names->begin(), names->end(), name); };
    if (has(kRestoring))
        throw Error{
            Errc::Internal, "a restore of the store in " + path +
                                " was cut short; nothing was changed. Run `berthd restore BACKUP` again"};
    if (has("CURRENT")) return true;
    for (const auto& name : *names)
        if (is_numbered(name))
            throw damaged(path, path + "/CURRENT is missing, and other files of a database are there");
    return false;
}

namespace {
/// A table that is missing is looked for under its name of old times last.
std::string plain_text(const rocksdb::Status& status)
{
    auto text = status.ToString();
    for (auto at = text.find(".ldb"); at != std::string::npos; at = text.find(".ldb"))
        text.replace(at, 4, ".sst");
    return text;
}
} // namespace

void check_files(const std::string& path, const rocksdb::Status& status)
{
    if (status.IsCorruption() || status.IsNotFound() || status.IsPathNotFound() || status.IsInvalidArgument())
        throw damaged(path, plain_text(status));
    check_not_in_use(path, status);
    check(status, "database folder " + path);
}

namespace {

/// RocksDB does not always say which log it can't read.
std::unique_ptr<Database> open_to_verify(const std::string& path, rocksdb::Env* env)
{
    std::exception_ptr failure;
    try {
        return std::make_unique<Database>(path, env, Access::Read);
    } catch (const Error& error) {
        if (error.code() != Errc::Internal) throw;
        failure = std::current_exception();
    }
    if (const auto problem = damage_of_logs(env_or_default(env), path, 0)) throw damaged(path, *problem);
    std::rethrow_exception(failure);
}

void check_schema(Database& database, std::uint64_t newest)
{
    const auto text = database.get(Family::Meta, kSchemaName);
    const auto version = text ? std::strtoull(text->c_str(), nullptr, 10) : newest;
    if (version > newest)
        throw Error{Errc::Conflict,
            "the database has schema " + std::to_string(version) +
                ", made by a newer version of Berth; this one knows up to " + std::to_string(newest) +
                ". Nothing was changed: start that version, or restore a backup made by this one"};
}

} // namespace

void verify_files(const std::string& path, rocksdb::Env* env, std::uint64_t newest_schema)
{
    const auto opened = open_to_verify(path, env);
    auto& database = *opened;
    check_files(path, database.db().VerifyChecksum());
    if (const auto problem = damage_of_logs(env_or_default(env), path, database.first_log()))
        throw damaged(path, *problem);
    check_schema(database, newest_schema);
}

void verify_folder(const std::string& path, rocksdb::Env* env, std::uint64_t newest_schema)
{
    auto& files = env_or_default(env);
    if (!holds_database(files, path)) return;
    const FolderLock lock(files, path);
    verify_files(path, env, newest_schema);
}

} // namespace berth::detail
