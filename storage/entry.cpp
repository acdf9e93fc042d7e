#include "storage/entry.hpp"

#include "controller/base/log.hpp"
#include "storage/facts.hpp"

#include <charconv>
#include <mutex>

namespace berth {

const char* to_string(Op op) noexcept
{
    switch (op) {
    case Op::Added:
        return "added";
    case Op::Modified:
        return "modified";
    case Op::Deleted:
        return "deleted";
    }
    return "unknown";
}

std::optional<Revision> parse_revision(std::string_view text)
{
    Revision revision = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, revision);
    if (failure != std::errc{} || stop != end || text.empty()) return std::nullopt;
    return revision;
}

std::string_view intern(std::string_view text)
{
    static std::mutex mutex;
    // Never destroyed: entries may outlive every other static object.
    static auto& known = *new std::set<std::string, std::less<>>;
    const std::lock_guard lock(mutex);
    const auto found = known.find(text);
    return found != known.end() ? *found : *known.emplace(text).first;
}

namespace detail {

namespace {

std::string text_at(const json::object& object, std::string_view member)
{
    const auto* found = object.if_contains(member);
    return found && found->is_string() ? std::string(found->get_string()) : std::string{};
}

void take_labels(Entry& entry, const json::object& meta)
{
    const auto* labels = meta.if_contains("labels");
    if (!labels || !labels->is_object()) return;
    for (const auto& item : labels->get_object())
        if (item.value().is_string()) entry.labels.emplace(item.key(), item.value().get_string());
}

void take_owners(Entry& entry, const json::object& meta)
{
    const auto* owners = meta.if_contains("ownerReferences");
    if (!owners || !owners->is_array()) return;
    for (const auto& owner : owners->get_array())
        if (owner.is_object())
            if (auto uid = text_at(owner.get_object(), "uid"); !uid.empty())
                entry.owners.push_back(std::move(uid));
}

} // namespace

EntryPtr make_entry(std::string_view plural, const json::object& object, std::string text)
{
    const auto* found = object.if_contains("metadata");
    if (!found || !found->is_object())
        throw Error{
            Errc::Internal, "the database holds an object without metadata in " + std::string(plural)};
    const auto& meta = found->get_object();
    auto entry = std::make_shared<Entry>();
    entry->plural = intern(plural);
    entry->key = {text_at(meta, "org"), text_at(meta, "name")};
    entry->revision = parse_revision(text_at(meta, "resourceVersion")).value_or(0);
    entry->uid = text_at(meta, "uid");
    if (const auto* generation = meta.if_contains("generation"); generation && generation->is_int64())
        entry->generation = generation->get_int64();
    take_labels(*entry, meta);
    take_owners(*entry, meta);
    entry->deleting = !text_at(meta, "deletionTimestamp").empty();
    if (const auto* status = object.if_contains("status"); status && status->is_object())
        entry->phase = text_at(status->get_object(), "phase");
    entry->text = std::move(text);
    entry->text.shrink_to_fit();
    return entry;
}

EntryPtr make_entry(std::string_view plural, std::string text)
{
    // Most objects fit into the buffer: no allocation while 100,000 of them are loaded.
    std::array<unsigned char, 32 * 1024> buffer;
    json::monotonic_resource memory(buffer.data(), buffer.size());
    boost::system::error_code failure;
    const auto value = json::parse(text, failure, &memory);
    if (failure || !value.is_object())
        throw Error{Errc::Internal, "the database holds a damaged object in " + std::string(plural)};
    return make_entry(plural, value.get_object(), std::move(text));
}

void report_misfit(std::string_view plural, const Key& key, const Problems& problems)
{
    log::warning("stored object does not fit its type",
        {{"kind", plural}, {"object", to_string(key)}, {"field", problems.front().field},
            {"problem", problems.front().problem}});
}

} // namespace detail
} // namespace berth
