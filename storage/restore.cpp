#include "storage/batch.hpp"
#include "storage/facts.hpp"
#include "storage/folder.hpp"
#include "storage/keys.hpp"
#include "storage/rescue.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace berth {

namespace {

using namespace detail;
namespace fs = std::filesystem;

constexpr const char* kLock = "LOCK";
constexpr const char* kCurrent = "CURRENT";
constexpr const char* kStaging = "restore.tmp"; ///< means nothing to berthd

[[noreturn]] void fail(const fs::path& path, const std::string& why)
{
    throw Error{Errc::Unavailable, path.string() + ": " + why};
}

void sync(const fs::path& path)
{
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool done = file >= 0 && ::fsync(file) == 0;
    const int code = errno;
    if (file >= 0) ::close(file);
    if (!done) fail(path, std::strerror(code));
}

/// The files of a database; subfolders hold backups and what was moved aside.
std::vector<std::string> files_of(const fs::path& folder)
{
    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(folder))
        if (file.is_regular_file() && file.path().filename() != kLock)
            names.push_back(file.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

void copy_files(const fs::path& from, const fs::path& to)
{
    fs::create_directories(to);
    fs::permissions(to, fs::perms::owner_all);
    for (const auto& name : files_of(from)) {
        fs::copy_file(from / name, to / name);
        sync(to / name);
    }
    sync(to);
}

void move_file(const fs::path& from, const fs::path& to, const std::string& name)
{
    fs::rename(from / name, to / name);
}

/// CURRENT is what makes a folder a database: it goes first …
void move_out(const fs::path& from, const fs::path& to)
{
    auto names = files_of(from);
    if (std::erase(names, kCurrent) != 0) move_file(from, to, kCurrent);
    sync(from);
    for (const auto& name : names) move_file(from, to, name);
    sync(to);
    sync(from);
}

/// … and comes last.
void move_in(const fs::path& from, const fs::path& to)
{
    auto names = files_of(from);
    std::erase(names, kCurrent);
    for (const auto& name : names) move_file(from, to, name);
    sync(to);
    move_file(from, to, kCurrent);
    sync(to);
}

fs::path free_name(const fs::path& folder, Time now)
{
    auto date = format_time(now).substr(0, 19);
    std::replace(date.begin(), date.end(), ':', '-');
    auto path = folder / ("broken-" + date);
    for (int i = 2; fs::exists(path); ++i) path = folder / ("broken-" + date + "-" + std::to_string(i));
    return path;
}

void require_whole(const std::string& folder)
{
    const auto report = fsck(folder);
    if (!report.problems.empty()) throw Error{Errc::Internal, report.problems.front()};
}

std::size_t drop(Batch& batch, const LetGo& let_go)
{
    std::set<std::string> gone;
    std::vector<EntryPtr> entries;
    for (auto& [key, text] : batch.with_prefix(Family::Objects, ""))
        entries.push_back(make_entry(std::string_view(key).substr(0, key.find('/')), std::move(text)));
    for (const auto& entry : entries) {
        if (!let_go || !let_go(entry->plural, json::parse(entry->text).as_object())) continue;
        gone.insert(entry->uid);
        batch.erase_object(entry);
    }
    for (const auto& entry : entries) {
        const bool owned = std::any_of(
            entry->owners.begin(), entry->owners.end(), [&](const auto& uid) { return gone.contains(uid); });
        if (owned && !gone.contains(entry->uid)) batch.erase_object(entry);
    }
    return gone.size();
}

/// The copy becomes a store of its own: its history begins above every revision that anybody may have seen.
/// Milliseconds since 1970 are that: no store commits a thousand changes a second for as long as it lives.
void begin_anew(const std::string& folder, Time now, const LetGo& let_go, Restored& result)
{
    Database database(folder);
    const auto text = database.get(Family::Meta, kRevisionName);
    const auto before = text ? parse_revision(*text).value_or(0) : 0;
    Counters counters;
    counters.revision =
        std::max(before, static_cast<Revision>(now.time_since_epoch() / std::chrono::milliseconds{1})) + 1;
    if (const auto last = database.last_key(Family::Audit)) counters.audit = parse_number_key(*last);
    rocksdb::WriteOptions synced;
    synced.sync = true;
    check(database.db().DeleteRange(
              synced, database.family(Family::Changes), number_key(0), number_key(~std::uint64_t{0})),
        "dropping the change log");
    Batch batch(database, counters, now);
    result.let_go = drop(batch, let_go);
    const auto failure = batch.run([&](Txn& txn) {
        txn.audit({"berthd restore", "restore", "Store", {}, "of revision " + std::to_string(before)});
        txn.set_meta(kRestoredName, format_time(now));
    });
    if (failure) std::rethrow_exception(failure);
    check(database.db().Write(synced, &batch.seal()), "restore");
    result.revision = batch.counters().revision;
}

} // namespace

void back_up(const std::string& folder, const std::string& to)
try {
    if (fs::exists(to)) throw Error{Errc::Exists, to + " exists already"};
    require_whole(folder);
    std::optional<FolderLock> lock;
    if (fs::exists(fs::path(folder) / kLock)) lock.emplace(*rocksdb::Env::Default(), folder);
    const auto part = fs::path(to + ".part");
    fs::remove_all(part);
    copy_files(folder, part);
    fs::rename(part, to);
    sync(fs::absolute(to).parent_path());
} catch (const fs::filesystem_error& error) {
    throw Error{Errc::Unavailable, error.what()};
}

Restored restore(const std::string& backup, const std::string& folder, Time now, const LetGo& let_go)
try {
    Restored result;
    const fs::path place = folder;
    const auto staging = place / kStaging;
    require_whole(backup);
    fs::create_directories(place);
    const FolderLock lock(*rocksdb::Env::Default(), folder); // before anything is touched
    fs::remove_all(staging);
    copy_files(backup, staging);
    begin_anew(staging, now, let_go, result);
    require_whole(staging);
    fs::remove(staging / kLock);
    for (const auto& name : files_of(staging)) sync(staging / name);
    sync(staging);
    // From here on the folder is not complete until it is.
    fs::create_directories(place / kRestoring);
    sync(place);
    if (!files_of(place).empty()) {
        result.aside = free_name(place, now);
        fs::create_directory(result.aside);
        fs::permissions(result.aside, fs::perms::owner_all);
        move_out(place, result.aside);
    }
    move_in(staging, place);
    fs::remove_all(staging);
    fs::remove(place / kRestoring);
    sync(place);
    return result;
} catch (const fs::filesystem_error& error) {
    throw Error{Errc::Unavailable, error.what()};
}

} // namespace berth
