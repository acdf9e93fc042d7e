#pragma once
// Backups of the store while berthd runs: every so often and by POST /api/v1/backups, the last few are kept.

#include "api/http/router.hpp"
#include "storage/store.hpp"

namespace berth {

struct BackupSettings {
    std::string folder;                         ///< made when missing
    Duration interval = std::chrono::hours{12}; ///< 0: only when somebody asks
    std::size_t keep = 5;
};

struct Backup {
    std::string name;
    std::string path; ///< on the machine (or in the container) of berthd
    static constexpr std::array docs{std::pair{"path", "as berthd sees it"}};
};
BOOST_DESCRIBE_STRUCT(Backup, (), (name, path))

struct BackupList {
    std::vector<Backup> items; ///< oldest first
};
BOOST_DESCRIBE_STRUCT(BackupList, (), (items))

/// Owned by App; I/O thread. Copies and deletes on other threads: the store goes on, but for the moment in
/// which RocksDB flushes.
class Backups {
public:
    Backups(Store& store, Clock& clock, Executor work, BackupSettings settings);

    void mount(Router& router);
    /// Until it is cancelled. A backup is due `interval` after the youngest one there is, also over restarts.
    awaitable<> run();
    /// Throws Error{Unavailable} when the disk refuses, Error{Conflict} while another one is being made.
    awaitable<Backup> make();
    awaitable<BackupList> list();

private:
    awaitable<Backup> on_post(Call call);
    awaitable<BackupList> on_get(Call call);
    awaitable<Duration> until_due();

    Store& store_;
    Clock& clock_;
    Executor work_;
    BackupSettings settings_;
    bool busy_ = false;
};

} // namespace berth
