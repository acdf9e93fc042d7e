#pragma once
// The list of everything that a workspace's prefix holds, with what plain S3 can't keep: modes, symbolic
// links, empty folders. Stored as <prefix>/.berth/manifest.json; its hash is what a receipt proves. Pure
// code; any thread.

#include "controller/base/json.hpp"

#include <map>
#include <string>

namespace berth {

inline constexpr std::string_view kManifestKey = ".berth/manifest.json";

struct ManifestFile {
    std::int64_t size = 0;
    std::int64_t mode = 0644;
    std::int64_t mtime = 0; ///< ns since 1970
    std::string md5{};
    std::string sha256{};
    bool operator==(const ManifestFile&) const = default;
};
BOOST_DESCRIBE_STRUCT(ManifestFile, (), (size, mode, mtime, md5, sha256))

struct Manifest {
    std::int64_t version = 1;
    std::map<std::string, ManifestFile> files;
    std::map<std::string, std::string> links;    ///< path → target
    std::map<std::string, std::int64_t> folders; ///< empty ones, and those whose mode is not 0755
    bool operator==(const Manifest&) const = default;
};
BOOST_DESCRIBE_STRUCT(Manifest, (), (version, files, links, folders))

/// The same manifest is always the same text.
std::string to_text(const Manifest& manifest);
/// Reads what a bucket holds, which anybody may have written: entries with unsafe paths are left out. Throws
/// Error{Invalid} when it is no manifest at all.
Manifest parse_manifest(std::string_view text);
/// `mine`, plus the entries of `theirs` that are not in `before` (what I wrote last): another workspace on
/// the same prefix put them there.
Manifest merge(Manifest mine, const Manifest& theirs, const Manifest& before);

} // namespace berth
