#pragma once
// Whether the write-ahead logs of a database are whole. Internal to storage.
//
// RocksDB itself replays a log up to the first record that it can't read and drops the rest without a word.
// That is right for what a power loss leaves (the last record, which nobody was told of, is torn) and wrong
// for damage: acknowledged writes would be gone. Every write of ours is synced before the next one begins, so
// whatever stands before the beginning of another record was acknowledged.

#include <rocksdb/env.h>

#include <cstdint>
#include <optional>
#include <string>

namespace berth::detail {

/// Reads the logs from number `first` on (those before it have been taken over into tables). Returns what is
/// wrong, with the file; nothing when they are whole or only end with a torn record. Throws
/// Error{Unavailable} when one can't be read. Not seen: a last log that ends too early at the edge of a
/// record, which is what a power loss leaves.
std::optional<std::string> damage_of_logs(rocksdb::Env& env, const std::string& folder, std::uint64_t first);

} // namespace berth::detail
