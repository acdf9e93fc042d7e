#include "storage/keys.hpp"

namespace berth::detail {

namespace {

constexpr char kSeparator = '\0';

std::string joined(std::initializer_list<std::string_view> words)
{
    std::string key;
    for (const auto word : words) key.append(word).push_back(kSeparator);
    return key;
}

/// Cuts the first word off.
std::string take_word(std::string_view& rest)
{
    const auto end = rest.find(kSeparator);
    if (end == std::string_view::npos) throw Error{Errc::Internal, "the database holds a malformed record"};
    std::string word(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    return word;
}

std::string target_of(const Entry& entry) { return joined({entry.plural, entry.key.org, entry.key.name}); }

} // namespace

std::string object_key(std::string_view plural, const Key& key)
{
    return object_prefix(plural, key.org) + key.name;
}

std::string object_prefix(std::string_view plural, std::string_view org)
{
    std::string prefix = std::string(plural) + "/";
    if (!org.empty()) prefix.append(org).push_back('/');
    return prefix;
}

std::string owner_prefix(std::string_view uid, std::string_view plural)
{
    return plural.empty() ? joined({"o", uid}) : joined({"o", uid, plural});
}
std::string label_prefix(std::string_view label, std::string_view value, std::string_view plural)
{
    return joined({"l", label, value, plural});
}
std::string phase_prefix(std::string_view phase, std::string_view plural)
{
    return joined({"p", phase, plural});
}
std::string uid_prefix(std::string_view uid) { return joined({"u", uid}); }

std::vector<std::string> index_keys(const Entry& entry)
{
    const auto target = target_of(entry);
    std::vector<std::string> keys{uid_prefix(entry.uid) + target};
    for (const auto& owner : entry.owners) keys.push_back(owner_prefix(owner) + target);
    for (const auto& [label, value] : entry.labels) keys.push_back(joined({"l", label, value}) + target);
    if (!entry.phase.empty()) keys.push_back(joined({"p", entry.phase}) + target);
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

Target index_target(std::string_view index_key)
{
    // The last three words; every word, the last one too, ends with a separator.
    auto start = index_key.size();
    for (int word = 0; word < 4 && start != std::string_view::npos && start > 0; ++word)
        start = index_key.rfind(kSeparator, start - 1);
    if (start == std::string_view::npos || start == 0)
        throw Error{Errc::Internal, "the database holds a malformed index entry"};
    auto rest = index_key.substr(start + 1);
    Target target;
    target.plural = take_word(rest);
    target.key.org = take_word(rest);
    target.key.name = take_word(rest);
    return target;
}

std::string number_key(std::uint64_t number)
{
    std::string key(8, '\0');
    for (int i = 7; i >= 0; --i, number >>= 8)
        key[static_cast<std::size_t>(i)] = static_cast<char>(number & 0xff);
    return key;
}

std::uint64_t parse_number_key(std::string_view key)
{
    std::uint64_t number = 0;
    for (const unsigned char byte : key) number = number << 8 | byte;
    return number;
}

std::string change_value(const Change& change)
{
    std::string value(1, static_cast<char>('0' + static_cast<int>(change.op)));
    return value + target_of(*change.entry) + change.entry->text;
}

ChangeRecord parse_change_value(std::string_view value)
{
    if (value.empty() || value[0] < '0' || value[0] > '2')
        throw Error{Errc::Internal, "the database holds a malformed change"};
    ChangeRecord record;
    record.op = static_cast<Op>(value[0] - '0');
    value.remove_prefix(1);
    record.target.plural = take_word(value);
    record.target.key.org = take_word(value);
    record.target.key.name = take_word(value);
    record.text = value;
    return record;
}

} // namespace berth::detail
