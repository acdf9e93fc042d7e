#include "storage/database.hpp"

#include "controller/base/log.hpp"
#include "storage/folder.hpp"

#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

namespace berth::detail {

namespace {

constexpr std::array<const char*, kFamilies> kNames{
    "objects", "index", "changes", "meta", "audit", "idempotency"};

/// RocksDB's own log goes to ours, from warnings up. Its LOG file is not only noise: Debian's build has
/// assertions switched on, and one of them ends the process when a line is logged after the disk has refused
/// another one.
class LogBridge final : public rocksdb::Logger {
public:
    LogBridge() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
    using rocksdb::Logger::Logv;
    void Logv(const char*, va_list) override {} // lines below the level come here too
    void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override
    {
        if (level < rocksdb::InfoLogLevel::WARN_LEVEL || level == rocksdb::InfoLogLevel::HEADER_LEVEL) return;
        std::array<char, 512> line{};
        std::vsnprintf(line.data(), line.size(), format, arguments);
        log::warning("rocksdb", {{"says", line.data()}});
    }
};

/// Of a database that is looked at: what is wrong comes out as an error.
class NoLog final : public rocksdb::Logger {
public:
    using rocksdb::Logger::Logv;
    void Logv(const char*, va_list) override {}
};

rocksdb::Options database_options()
{
    rocksdb::Options options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    // Objects are in our own memory: RocksDB needs little of it, and a short log makes a short start.
    options.max_total_wal_size = 64 << 20;
    options.info_log = std::make_shared<LogBridge>();
    options.max_open_files = 256;
    options.max_background_jobs = 2;
    // After a failed write the store reopens the folder itself, at a moment of its own choice.
    options.max_bgerror_resume_count = 0;
    return options;
}

rocksdb::ColumnFamilyOptions family_options(std::size_t family)
{
    rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = 16 << 20;
    options.max_write_buffer_number = 3;
    options.compression = rocksdb::kLZ4Compression;
    rocksdb::BlockBasedTableOptions table;
    // Without a filter a create would look into every level for a name that isn't there.
    if (family == static_cast<std::size_t>(Family::Objects))
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    return options;
}

void make_private_folder(const std::string& path)
{
    std::error_code failure;
    std::filesystem::create_directories(path, failure);
    if (!failure && ::chmod(path.c_str(), S_IRWXU) != 0) failure.assign(errno, std::generic_category());
    if (failure) throw Error{Errc::Unavailable, "database folder " + path + ": " + failure.message()};
}

} // namespace

void check(const rocksdb::Status& status, std::string_view what)
{
    if (status.ok()) return;
    const Error error{status.IsCorruption() ? Errc::Internal : Errc::Unavailable,
        std::string(what) + ": " + status.ToString()};
    if (status.IsNoSpace()) throw error.as(kDiskFull);
    throw error;
}

void LiveLogs::ColumnFamilyLogNumberMap(
    const std::map<std::uint32_t, std::uint64_t>& numbers, const std::map<std::string, std::uint32_t>&)
{
    const auto lower = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto first = std::min_element(numbers.begin(), numbers.end(), lower);
    if (first != numbers.end()) first_ = first->second;
}

Database::Database(std::string path, rocksdb::Env* env, Access access) : path_(std::move(path))
{
    auto options = database_options();
    if (env)
        options.env = env;
    else if (access == Access::Write)
        make_private_folder(path_);
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    check_files(path_, access == Access::Write ? open(options, handles) : open_for_reading(options, handles));
    for (auto* handle : handles) {
        const auto& name = handle->GetName();
        const auto known = std::find(kNames.begin(), kNames.end(), name);
        (known == kNames.end() ? default_ : handles_[static_cast<std::size_t>(known - kNames.begin())]) = handle;
    }
}

rocksdb::Status Database::open(
    rocksdb::Options& options, std::vector<rocksdb::ColumnFamilyHandle*>& handles)
{
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions{});
    for (std::size_t i = 0; i < kFamilies; ++i) families.emplace_back(kNames[i], family_options(i));
    return rocksdb::DB::Open(options, path_, families, &handles, &db_);
}

/// Only families that are there: a first start that was cut may not have made all of them.
rocksdb::Status Database::open_for_reading(
    rocksdb::Options& options, std::vector<rocksdb::ColumnFamilyHandle*>& handles)
{
    options.wal_filter = &live_logs_;
    options.info_log = std::make_shared<NoLog>();
    std::vector<std::string> names;
    if (auto listed = rocksdb::DB::ListColumnFamilies(options, path_, &names); !listed.ok()) return listed;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions{});
    for (std::size_t i = 0; i < kFamilies; ++i)
        if (std::find(names.begin(), names.end(), kNames[i]) != names.end())
            families.emplace_back(kNames[i], family_options(i));
    return rocksdb::DB::OpenForReadOnly(options, path_, families, &handles, &db_);
}

Database::~Database()
{
    for (auto* handle : handles_)
        if (handle) db_->DestroyColumnFamilyHandle(handle);
    db_->DestroyColumnFamilyHandle(default_);
    delete db_;
}

std::optional<std::string> Database::get(Family where, std::string_view key)
{
    if (!has(where)) return std::nullopt;
    std::string value;
    const auto status = db_->Get({}, family(where), {key.data(), key.size()}, &value);
    if (status.IsNotFound()) return std::nullopt;
    check(status, "database read");
    return value;
}

void Database::scan(Family where, std::string_view from, const Visit& visit)
{
    if (!has(where)) return;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, family(where)));
    for (it->Seek({from.data(), from.size()}); it->Valid(); it->Next())
        if (!visit(it->key().ToStringView(), it->value().ToStringView())) break;
    check(it->status(), "database read");
}

std::optional<std::string> Database::last_key(Family where)
{
    if (!has(where)) return std::nullopt;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}, family(where)));
    it->SeekToLast();
    check(it->status(), "database read");
    if (!it->Valid()) return std::nullopt;
    return it->key().ToString();
}

void Database::checkpoint(const std::string& folder)
{
    rocksdb::Checkpoint* made = nullptr;
    check(rocksdb::Checkpoint::Create(db_, &made), "checkpoint");
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    check(checkpoint->CreateCheckpoint(folder), "checkpoint to " + folder);
    if (::chmod(folder.c_str(), S_IRWXU) != 0)
        throw Error{Errc::Unavailable, "checkpoint to " + folder + ": " + std::strerror(errno)};
}

} // namespace berth::detail
