#pragma once
// The RocksDB folder with its column families. Internal to storage; database thread only.

#include "controller/base/error.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace berth::detail {

enum class Family { Objects, Index, Changes, Meta, Audit, Idempotency };
inline constexpr std::size_t kFamilies = 6;

/// Names in the family Meta.
inline constexpr std::string_view kSchemaName = "sys/schema";
inline constexpr std::string_view kRevisionName = "sys/revision";
inline constexpr std::string_view kValuePrefix = "value/";

/// Throws Error{Unavailable} (or Internal for damage) unless the status is ok. `what` begins the message.
void check(const rocksdb::Status& status, std::string_view what);

class Database {
public:
    /// Makes the folder (mode 0700) and the families when missing. Throws Error{Unavailable} with the reason,
    /// also when another process has it open.
    /// `env`: where the files are; null: the machine's file system.
    explicit Database(std::string path, rocksdb::Env* env = nullptr);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    rocksdb::DB& db() noexcept { return *db_; }
    rocksdb::ColumnFamilyHandle* family(Family family) noexcept
    {
        return handles_[static_cast<std::size_t>(family)];
    }
    std::optional<std::string> get(Family family, std::string_view key);
    /// Walks the keys that are not below `from`, in order, until `visit` returns false.
    using Visit = std::function<bool(std::string_view key, std::string_view value)>;
    void scan(Family family, std::string_view from, const Visit& visit);
    /// The last key of a family.
    std::optional<std::string> last_key(Family family);
    void checkpoint(const std::string& folder);

private:
    std::string path_;
    rocksdb::DB* db_ = nullptr;
    std::array<rocksdb::ColumnFamilyHandle*, kFamilies> handles_{};
    rocksdb::ColumnFamilyHandle* default_ = nullptr;
};

} // namespace berth::detail
