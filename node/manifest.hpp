#pragma once
// The list of everything that one workspace has in its prefix, with what plain S3 can't keep: modes, symbolic
// links, empty folders. Each workspace writes its own, <prefix>/.berth/manifests/<workspace>.json, so no two
// writers meet; its hash is what a receipt proves. Pure code; any thread.

#include "controller/base/json.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth {

/// The mode of a file that comes without a manifest.
inline constexpr std::int64_t kPlainMode = 0644;

struct ManifestFile {
    std::int64_t size = 0;
    std::int64_t mode = kPlainMode;
    std::int64_t mtime = 0; ///< ns since 1970
    std::string md5{};
    std::string sha256{};
    bool operator==(const ManifestFile&) const = default;
};
BOOST_DESCRIBE_STRUCT(ManifestFile, (), (size, mode, mtime, md5, sha256))

struct Manifest {
    std::int64_t version = 2;
    std::string writer; ///< the workspace
    std::optional<Time> written;
    std::map<std::string, std::string>
        seen; ///< the manifests of others that this one takes into account: ETags
    std::map<std::string, ManifestFile> files;
    std::map<std::string, std::string> links;    ///< path → target
    std::map<std::string, std::int64_t> folders; ///< empty ones, and those whose mode is not 0755
    bool operator==(const Manifest&) const = default;
};
BOOST_DESCRIBE_STRUCT(Manifest, (), (version, writer, written, seen, files, links, folders))

/// Whether both tell of the same tree.
bool same_tree(const Manifest& left, const Manifest& right);
/// Whether what only a manifest knows (links, folders, modes) differs.
bool same_extras(const Manifest& left, const Manifest& right);

/// The same manifest is always the same text. Paths and targets are in it by name (key_names.hpp).
std::string to_text(Manifest manifest);
/// Reads what a bucket holds, which anybody may have written: entries with unsafe paths are left out. Throws
/// Error{Invalid} when it is no manifest at all.
Manifest parse_manifest(std::string_view text);

/// The tree that several manifests tell of, the newest first; what is covered by another (see `seen`) is not
/// among them. `etags`: the versions of the objects that are there; an entry that speaks of exactly that
/// version wins.
Manifest merge_manifests(
    const std::vector<Manifest>& manifests, const std::map<std::string, std::string>& etags);

/// What its writer did between two versions of a manifest.
struct ManifestChanges {
    std::map<std::string, std::string> links; ///< new or with another target
    std::map<std::string, std::string>
        deleted_links;                           ///< gone, or with another target now: path → the old one
    std::map<std::string, std::int64_t> folders; ///< new or with another mode
    std::map<std::string, std::int64_t> deleted_folders;                ///< gone, or not empty any more
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> modes; ///< path → mode before and after
};
ManifestChanges changes_between(const Manifest& before, const Manifest& after);

} // namespace berth
