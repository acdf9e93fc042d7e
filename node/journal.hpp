#pragma once
// What S3 holds of one workspace, remembered on this node so that a restart of the agent lists and uploads
// nothing twice. One file of appended lines, each with a checksum; a torn last line (kill -9, power cut) is
// dropped when it is read again, so what commit() returned for is there and what it didn't may be: every step
// of the sync can be repeated. Not thread-safe: one user at a time.

#include "controller/base/json.hpp"
#include "controller/base/time.hpp"
#include "node/file_tree.hpp"

#include <map>
#include <optional>
#include <string>

namespace berth {

/// An object as S3 showed it, enough to notice that somebody else wrote it.
struct RemoteFile {
    std::int64_t size = 0;
    std::string etag{};                  ///< without quotes; what it is made of is the server's business
    std::optional<Time> modified{};      ///< as the server saw it; not kept in the journal
    std::optional<std::int64_t> mtime{}; ///< the file's own time, where the call tells it; not kept
    std::optional<Time> written{}; ///< when an agent wrote this version, where the call tells it; not kept
    bool operator==(const RemoteFile&) const = default;
    /// Whether both are the same version.
    bool same(const RemoteFile& other) const
    {
        return !etag.empty() && etag == other.etag && size == other.size;
    }
};

/// One path: the local file whose content S3 holds, and the object.
struct JournalFile {
    LocalFile local{}; ///< zeros: S3's content is not what is here
    std::string md5{};
    std::string sha256{};
    RemoteFile remote{};
    bool operator==(const JournalFile&) const = default;
};

class SyncJournal {
public:
    /// Reads the journal in `folder` (made when missing). Throws Error when the disk doesn't work,
    /// and for a whole line that is no record.
    explicit SyncJournal(std::string folder);

    const std::map<std::string, JournalFile>& files() const noexcept { return files_; }
    void put(const std::string& path, JournalFile file);
    void erase(const std::string& path);

    /// Small facts: "restored", "source", "volume", "receipt", … Empty when unset.
    const std::string& fact(const std::string& name) const;
    const std::map<std::string, std::string>& facts() const noexcept { return facts_; }
    void set_fact(const std::string& name, const std::string& value); ///< empty unsets

    /// Makes everything since the last commit last (fsync). Blocking.
    void commit();
    /// Forgets everything, at once and for good. Blocking.
    void reset();

    const std::string& folder() const noexcept { return folder_; }

private:
    void load();
    bool apply_line(std::string_view line);
    bool apply(std::string_view line);
    void append(const json::object& record);
    void rewrite();

    std::string folder_;
    std::string path_;
    std::map<std::string, JournalFile> files_;
    std::map<std::string, std::string> facts_;
    std::string pending_;
    std::size_t lines_ = 0; ///< in the file
    Fd file_;
};

} // namespace berth
