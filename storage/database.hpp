#pragma once
// The RocksDB folder with its column families. Internal to storage; database thread only.

#include "controller/base/error.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/wal_filter.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::detail {

enum class Family { Objects, Index, Changes, Meta, Audit, Idempotency };
inline constexpr std::size_t kFamilies = 6;

/// Names in the family Meta.
inline constexpr std::string_view kSchemaName = "sys/schema";
inline constexpr std::string_view kRevisionName = "sys/revision";
inline constexpr std::string_view kValuePrefix = "value/";

/// The wire code of writes that a full disk refuses.
inline constexpr const char* kDiskFull = "CAPACITY_EXCEEDED";

/// Throws Error{Unavailable} (or Internal for damage) unless the status is ok; with kDiskFull when there is no space.
/// `what` begins the message.
void check(const rocksdb::Status& status, std::string_view what);

/// Read: changes no file, and what is there must be a database; nobody else may write to it meanwhile.
enum class Access { Write, Read };

/// Learns at the opening which logs hold what is in no table yet.
class LiveLogs final : public rocksdb::WalFilter {
public:
    void ColumnFamilyLogNumberMap(const std::map<std::uint32_t, std::uint64_t>& numbers,
        const std::map<std::string, std::uint32_t>&) override;
    const char* Name() const override { return "berth.LiveLogs"; }
    std::uint64_t first() const noexcept { return first_; }

private:
    std::uint64_t first_ = 0;
};

class Database {
public:
    /// Access::Write makes the folder (mode 0700) and the families when missing. Throws Error{Unavailable} with the reason,
    /// also when another process has it open.
    /// `env`: where the files are; null: the machine's file system.
    explicit Database(std::string path, rocksdb::Env* env = nullptr, Access access = Access::Write);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    rocksdb::DB& db() noexcept { return *db_; }
    rocksdb::ColumnFamilyHandle* family(Family family) noexcept
    {
        return handles_[static_cast<std::size_t>(family)];
    }
    /// False only of a database that is read and that ended before it was complete.
    bool has(Family family) const noexcept { return handles_[static_cast<std::size_t>(family)] != nullptr; }
    std::optional<std::string> get(Family family, std::string_view key);
    /// Walks the keys that are not below `from`, in order, until `visit` returns false.
    using Visit = std::function<bool(std::string_view key, std::string_view value)>;
    void scan(Family family, std::string_view from, const Visit& visit);
    /// The last key of a family.
    std::optional<std::string> last_key(Family family);
    void checkpoint(const std::string& folder);
    /// The number of the first log that is needed; known after an opening with Access::Read.
    std::uint64_t first_log() const noexcept { return live_logs_.first(); }

private:
    rocksdb::Status open(rocksdb::Options& options, std::vector<rocksdb::ColumnFamilyHandle*>& handles);
    rocksdb::Status open_for_reading(
        rocksdb::Options& options, std::vector<rocksdb::ColumnFamilyHandle*>& handles);

    std::string path_;
    LiveLogs live_logs_; ///< used by db_
    rocksdb::DB* db_ = nullptr;
    std::array<rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
    rocksdb::ColumnFamilyHandle* default_ = nullptr;
};

} // namespace berth::detail
