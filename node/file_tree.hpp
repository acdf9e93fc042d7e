#pragma once
// The files of one workspace, worked on from outside while a tenant who is not trusted changes them. Every
// path is resolved part by part from the root's descriptor without following a symbolic link, so nothing
// outside of the volume can be read or written, whatever is renamed or linked meanwhile. Blocking; for the
// work pool.

#include "node/fd.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth {

/// What tells that a file is the one that was seen before, without reading it.
struct LocalFile {
    std::int64_t size = 0;
    std::int64_t mtime = 0; ///< ns since 1970
    std::int64_t ctime = 0; ///< ns since 1970
    std::int64_t inode = 0;
    std::int64_t mode = 0; ///< permission bits
    bool operator==(const LocalFile&) const = default;
    /// Whether the content may differ; the mode alone doesn't matter.
    bool same_content(const LocalFile& other) const
    {
        return size == other.size && mtime == other.mtime && ctime == other.ctime && inode == other.inode;
    }
};

struct SkippedFile {
    std::string path; ///< printable
    std::string reason;
};

/// Everything in the tree at one moment (more or less: it changes while it is walked).
struct TreeWalk {
    std::map<std::string, LocalFile> files;
    std::map<std::string, std::string> links;    ///< symbolic links and their targets
    std::map<std::string, std::int64_t> folders; ///< and their modes
    std::vector<std::string> opaque;             ///< folders not looked into: what is below them is unknown
    std::vector<SkippedFile> skipped;            ///< at most kMaxSkipped of them
    std::int64_t skipped_count = 0;
    std::int64_t bytes = 0;
    bool complete = true; ///< false: a part could not be read, so a missing file proves nothing
    static constexpr std::size_t kMaxSkipped = 50;
};

/// Content hashes, lower-case hexadecimal.
struct Hashes {
    std::string md5;
    std::string sha256;
};

/// A file's content as it was taken out of the tree.
struct TakenFile {
    LocalFile file{}; ///< as it was when reading began
    Hashes hashes{};
    bool changed = false; ///< it was written to meanwhile: take it again later
};

/// How a file shall be put into the tree.
struct PutOptions {
    std::int64_t mode = 0644;
    std::optional<std::int64_t> mtime{}; ///< ns since 1970
};

class FileTree {
public:
    /// Opens the root. Throws Error{NotFound} when it is not there.
    explicit FileTree(const std::string& root);

    /// `folder_opened` sees each folder's descriptor before it is read (to put a watch on it). `stop` ends it
    /// early.
    TreeWalk walk(const std::atomic<bool>& stop, const std::function<void(int)>& folder_opened = {}) const;
    /// A regular file's state; nothing when there is none (or something else has the name).
    std::optional<LocalFile> stat(const std::string& path) const;
    /// Whether anything at all has this name.
    bool exists(const std::string& path) const;
    /// Copies a file to `destination` (a path outside of the tree) and hashes what was copied. Nothing when
    /// it is gone or is no regular file. Throws Error{Quota} when it does not fit.
    std::optional<TakenFile> take(
        const std::string& path, const std::string& destination, const std::atomic<bool>& stop) const;
    std::optional<Hashes> hash(const std::string& path, const std::atomic<bool>& stop) const;
    /// Copies `source` (outside) into the tree under a name that nothing has yet; missing folders are made.
    /// Appears whole or not at all. Gives its state, or nothing when the name was taken.
    std::optional<LocalFile> put(
        const std::string& source, const std::string& path, const PutOptions& options) const;
    /// The same in place of a file that is still as it was seen; nothing (and nothing is done) when it is not.
    std::optional<LocalFile> replace(const std::string& source, const std::string& path,
        const PutOptions& options, const LocalFile& expected) const;
    /// Removes a file that is still as it was seen, and nothing else.
    bool remove(const std::string& path, const LocalFile& expected) const;
    /// Removes a symbolic link that leads there.
    bool remove_link(const std::string& path, const std::string& target) const;
    /// Removes a folder if it is empty.
    bool remove_folder(const std::string& path) const;
    /// Sets a regular file's permission bits; gives its new state.
    std::optional<LocalFile> set_mode(const std::string& path, std::int64_t mode) const;
    /// False when the name is taken.
    bool put_link(const std::string& path, const std::string& target) const;
    void make_folder(const std::string& path, std::int64_t mode) const;

private:
    struct Part;
    Part make_part(const std::string& source, const Fd& folder, const std::string& path, const PutOptions& options) const;
    Fd open_folder(const std::string& path, bool create) const;
    Fd open_file(const std::string& path) const;

    Fd root_;
    unsigned uid_; ///< whom new files belong to
    unsigned gid_;
};

/// "a/b/c" → {"a/b", "c"}
std::pair<std::string, std::string> split_path(const std::string& path);
/// The hashes of a plain file outside of any tree. Throws Error.
Hashes hash_file(const std::string& path);
/// The smallest state of a file; zeros never equal a real file.
LocalFile to_local_file(const struct ::stat& info);

} // namespace berth
