#include "storage/wal_check.hpp"

#include "storage/database.hpp"

#include <boost/crc.hpp>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

namespace berth::detail {

namespace {

// The format of a log: blocks of 32 KB with fragments of records, each with a header of 7 bytes (CRC, length,
// type); less than that at the end of a block is filled with zeros. A record begins with the number of its
// first change and their count.
constexpr std::size_t kBlock = 32 * 1024;
constexpr std::size_t kHeader = 7;
constexpr std::size_t kRecordHeader = 12;
constexpr std::uint32_t kMask = 0xa282ead8;

enum class Kind : unsigned char { Full = 1, First = 2, Middle = 3, Last = 4 };

bool begins(Kind kind) { return kind == Kind::Full || kind == Kind::First; }
bool ends(Kind kind) { return kind == Kind::Full || kind == Kind::Last; }

struct Fragment {
    Kind kind;
    std::string_view payload;
    std::size_t end; ///< where the next one begins
};

template <class Number> Number little_endian(std::string_view bytes)
{
    Number number = 0;
    for (std::size_t i = sizeof(Number); i-- > 0;)
        number = static_cast<Number>(number << 8 | static_cast<unsigned char>(bytes[i]));
    return number;
}

std::uint32_t masked_crc(std::string_view text)
{
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> sum;
    sum.process_bytes(text.data(), text.size());
    const std::uint32_t crc = sum.checksum();
    return (crc >> 15 | crc << 17) + kMask;
}

std::size_t left_in_block(std::size_t at) { return kBlock - at % kBlock; }

std::optional<Fragment> fragment_at(std::string_view log, std::size_t at)
{
    const auto room = std::min(left_in_block(at), log.size() - at);
    if (room < kHeader) return std::nullopt;
    const auto header = log.substr(at, kHeader);
    const auto type = static_cast<unsigned char>(header[6]);
    const std::size_t length = little_endian<std::uint16_t>(header.substr(4));
    if (type < 1 || type > 4 || kHeader + length > room) return std::nullopt;
    if (masked_crc(log.substr(at + 6, 1 + length)) != little_endian<std::uint32_t>(header))
        return std::nullopt;
    return Fragment{static_cast<Kind>(type), log.substr(at + kHeader, length), at + kHeader + length};
}

/// Whether a record begins somewhere after a place that can't be read. In the block of that place lengths
/// can't be trusted, so every byte is tried; the next blocks begin where they begin.
bool record_begins_after(std::string_view log, std::size_t bad)
{
    const auto trusted = bad + left_in_block(bad);
    for (auto at = bad + 1; at < log.size();) {
        const auto fragment = fragment_at(log, at);
        if (fragment && begins(fragment->kind)) return true;
        if (fragment)
            at = fragment->end;
        else
            at = at < trusted ? at + 1 : at + left_in_block(at);
    }
    return false;
}

/// Goes through the logs in their order.
class LogWalk {
public:
    /// What is wrong with this log, nothing if it may be followed by others.
    std::optional<std::string> take(const std::string& file, std::string_view log);

private:
    std::optional<std::string> record(const std::string& file, std::size_t at);
    std::optional<std::string> unreadable(const std::string& file, std::string_view log, std::size_t at);
    std::string head_;                  ///< of the record that is being read
    std::optional<std::uint64_t> next_; ///< the number that the next record must begin with
    std::string torn_;                  ///< the log that ends with a torn record
};

std::optional<std::string> LogWalk::take(const std::string& file, std::string_view log)
{
    bool inside = false;
    std::size_t start = 0;
    for (std::size_t at = 0; at < log.size();) {
        if (left_in_block(at) < kHeader) {
            at += left_in_block(at);
            continue;
        }
        const auto fragment = fragment_at(log, at);
        if (!fragment) return unreadable(file, log, at);
        if (begins(fragment->kind) == inside)
            return file + ": a part of a record is missing before byte " + std::to_string(at);
        if (!inside) {
            start = at;
            head_.clear();
        }
        if (head_.size() < kRecordHeader) head_.append(fragment->payload.substr(0, kRecordHeader));
        inside = !ends(fragment->kind);
        if (!inside)
            if (auto problem = record(file, start)) return problem;
        at = fragment->end;
    }
    if (inside) torn_ = file;
    return std::nullopt;
}

/// Torn if nothing follows, and of a record that is torn nobody has been told.
std::optional<std::string> LogWalk::unreadable(const std::string& file, std::string_view log, std::size_t at)
{
    if (record_begins_after(log, at))
        return file + ": checksum mismatch at byte " + std::to_string(at) + ", and records follow";
    torn_ = file;
    return std::nullopt;
}

std::optional<std::string> LogWalk::record(const std::string& file, std::size_t at)
{
    if (head_.size() < kRecordHeader) return file + ": a record is too short at byte " + std::to_string(at);
    const std::string_view head = head_;
    const auto number = little_endian<std::uint64_t>(head);
    const auto count = little_endian<std::uint32_t>(head.substr(8));
    if (count == 0) return std::nullopt; // RocksDB's own mark of where a log begins
    if (!torn_.empty()) return torn_ + " ends too early: records follow in " + file;
    const auto expected = std::exchange(next_, number + count);
    if (!expected || *expected == number) return std::nullopt;
    return file + ": records " + std::to_string(*expected) + " to " + std::to_string(number) +
           " are missing before byte " + std::to_string(at);
}

/// "000012.log" → 12.
std::optional<std::uint64_t> log_number(std::string_view name)
{
    constexpr std::string_view kSuffix = ".log";
    if (!name.ends_with(kSuffix)) return std::nullopt;
    name.remove_suffix(kSuffix.size());
    std::uint64_t number = 0;
    const auto [stop, failure] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failure != std::errc{} || stop != name.data() + name.size()) return std::nullopt;
    return number;
}

} // namespace

std::optional<std::string> damage_of_logs(rocksdb::Env& env, const std::string& folder, std::uint64_t first)
{
    std::vector<std::string> names;
    check(env.GetChildren(folder, &names), "folder " + folder);
    std::vector<std::pair<std::uint64_t, std::string>> logs;
    for (const auto& name : names)
        if (const auto number = log_number(name); number && *number >= first)
            logs.emplace_back(*number, name);
    std::sort(logs.begin(), logs.end());
    LogWalk walk;
    for (const auto& [number, name] : logs) {
        const auto file = folder + "/" + name;
        std::string content;
        check(rocksdb::ReadFileToString(&env, file, &content), file);
        if (auto problem = walk.take(file, content)) return problem;
    }
    return std::nullopt;
}

} // namespace berth::detail
