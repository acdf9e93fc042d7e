#include "node/journal.hpp"

#include "controller/base/log.hpp"
#include "node/file_copy.hpp"
#include "node/key_names.hpp"

#include <boost/crc.hpp>

#include <charconv>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace berth {

namespace {

constexpr std::size_t kChecksumLength = 8;
/// Lines beyond twice the live records (and this many) make a rewrite worth it.
constexpr std::size_t kRewriteFrom = 1000;

std::string checksum(std::string_view text)
{
    boost::crc_32_type crc;
    crc.process_bytes(text.data(), text.size());
    std::array<char, kChecksumLength + 1> hex{};
    std::snprintf(hex.data(), hex.size(), "%08x", unsigned(crc.checksum()));
    return hex.data();
}

std::string line_of(const json::object& record)
{
    const auto text = json::serialize(record);
    return checksum(text) + " " + text + "\n";
}

json::object record_of(const std::string& path, const JournalFile& file)
{
    return {{"op", "put"}, {"path", name_of_path(path)}, {"size", file.local.size}, {"mtime", file.local.mtime},
        {"ctime", file.local.ctime}, {"inode", file.local.inode}, {"mode", file.local.mode},
        {"md5", file.md5}, {"sha256", file.sha256}, {"rsize", file.remote.size}, {"rmd5", file.remote.etag}};
}

json::object fact_of(const std::string& name, const std::string& value)
{
    return {{"op", "fact"}, {"name", name}, {"value", value}};
}

std::int64_t number(const json::object& record, std::string_view name)
{
    return record.at(name).to_number<std::int64_t>();
}
std::string text(const json::object& record, std::string_view name)
{
    return std::string(record.at(name).as_string());
}

JournalFile file_of(const json::object& record)
{
    return {.local = {.size = number(record, "size"),
                .mtime = number(record, "mtime"),
                .ctime = number(record, "ctime"),
                .inode = number(record, "inode"),
                .mode = number(record, "mode")},
        .md5 = text(record, "md5"),
        .sha256 = text(record, "sha256"),
        .remote = {.size = number(record, "rsize"), .etag = text(record, "rmd5")}};
}

} // namespace

SyncJournal::SyncJournal(std::string folder) : folder_(std::move(folder)), path_(folder_ + "/journal")
{
    std::filesystem::create_directories(folder_);
    load();
}

void SyncJournal::load()
{
    std::string text;
    if (std::filesystem::exists(path_)) text = read_file(path_);
    std::size_t good = 0;
    for (std::size_t end = 0; (end = text.find('\n', good)) != std::string::npos; good = end + 1, ++lines_)
        if (!apply_line(std::string_view(text).substr(good, end - good))) break;
    if (good < text.size())
        log::warning("the journal ended in a torn line", {{"journal", path_}, {"bytes", text.size() - good}});
    file_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!file_) throw system_error("open " + path_);
    if (::ftruncate(file_.get(), static_cast<off_t>(good)) != 0) throw system_error("cut " + path_);
    if (::lseek(file_.get(), 0, SEEK_END) < 0) throw system_error("seek in " + path_);
    if (text.empty()) sync_folder(folder_);
}

/// A line that is whole and yet no record of ours was not torn: what it says must not be taken for unsaid.
bool SyncJournal::apply_line(std::string_view line)
{
    std::string problem;
    try {
        return apply(line);
    } catch (const std::exception& error) {
        problem = error.what();
    }
    throw Error{Errc::Internal,
        "line " + std::to_string(lines_ + 1) + " of " + path_ + " is no record that this version knows: " + problem};
}

bool SyncJournal::apply(std::string_view line)
{
    if (line.size() <= kChecksumLength + 1) return false;
    const auto body = line.substr(kChecksumLength + 1);
    if (line.substr(0, kChecksumLength) != checksum(body)) return false;
    const auto record = parse_json(body).as_object();
    const auto op = text(record, "op");
    if (op == "put")
        files_[path_of_name(text(record, "path"))] = file_of(record);
    else if (op == "del")
        files_.erase(path_of_name(text(record, "path")));
    else if (op == "fact")
        facts_[text(record, "name")] = text(record, "value");
    return true;
}

void SyncJournal::append(const json::object& record)
{
    pending_ += line_of(record);
    ++lines_;
}

void SyncJournal::put(const std::string& path, JournalFile file)
{
    auto [found, added] = files_.try_emplace(path);
    if (!added && found->second.local == file.local && found->second.md5 == file.md5 &&
        found->second.sha256 == file.sha256 && found->second.remote.same(file.remote))
        return;
    file.remote.modified.reset();
    file.remote.mtime.reset();
    file.remote.written.reset();
    found->second = std::move(file);
    append(record_of(path, found->second));
}

void SyncJournal::erase(const std::string& path)
{
    const auto found = files_.find(path);
    if (found == files_.end()) return;
    append({{"op", "del"}, {"path", name_of_path(path)}}); // first: `path` may be the entry's own
    files_.erase(found);
}

const std::string& SyncJournal::fact(const std::string& name) const
{
    static const std::string kNone;
    const auto found = facts_.find(name);
    return found == facts_.end() ? kNone : found->second;
}

void SyncJournal::set_fact(const std::string& name, const std::string& value)
{
    if (fact(name) == value) return;
    facts_[name] = value;
    append(fact_of(name, value));
}

void SyncJournal::commit()
{
    if (pending_.empty()) return;
    if (lines_ > kRewriteFrom && lines_ > 2 * (files_.size() + facts_.size())) return rewrite();
    const auto start = ::lseek(file_.get(), 0, SEEK_CUR);
    std::string_view rest = pending_;
    while (!rest.empty()) {
        const auto written = ::write(file_.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            const auto failure = system_error("write " + path_);
            // A half-written line would hide everything behind it.
            if (::ftruncate(file_.get(), start) != 0 || ::lseek(file_.get(), start, SEEK_SET) < 0)
                log::error("the journal can't be repaired", {{"journal", path_}});
            throw failure;
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fdatasync(file_.get()) != 0) throw system_error("sync " + path_);
    pending_.clear();
}

void SyncJournal::rewrite()
{
    std::string all;
    std::size_t lines = 0;
    for (const auto& [name, value] : facts_)
        if (!value.empty()) all += line_of(fact_of(name, value)), ++lines;
    for (const auto& [path, file] : files_) all += line_of(record_of(path, file)), ++lines;
    write_file_atomically(path_, all);
    file_.reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!file_ || ::lseek(file_.get(), 0, SEEK_END) < 0) throw system_error("open " + path_);
    pending_.clear();
    lines_ = lines;
}

void SyncJournal::reset()
{
    files_.clear();
    facts_.clear();
    rewrite();
}

} // namespace berth
