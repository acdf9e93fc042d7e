#pragma once
// Reading, copying and hashing by descriptor. Blocking; for the work pool.

#include "node/file_tree.hpp"

namespace berth {

/// Copies (unless `to` is -1) and hashes to the end of `from`. Throws Error{Unavailable} when `stop` was set.
Hashes copy_and_hash(int from, int to, const std::atomic<bool>& stop);
void copy_content(int from, int to);
void set_mtime(int file, std::int64_t nanoseconds);
/// Throws Error{Quota} when `bytes` more would fill the file system below `path` to the brim.
void require_space(const std::string& path, std::int64_t bytes);
/// Writes `text` to `path` so that it appears whole or not at all, also after a power cut.
void write_file_atomically(const std::string& path, std::string_view text, unsigned mode = 0600);
std::string read_file(const std::string& path);
/// Makes what was renamed or created in this folder last.
void sync_folder(const std::string& folder);

} // namespace berth
