#include "node/manifest.hpp"

#include "node/filters.hpp"

namespace berth {

namespace {

constexpr JsonLimits kLimits{.max_bytes = 512u << 20, .max_depth = 8};
/// As long as a path may be: longer ones are no links that Linux would follow.
constexpr std::size_t kMaxTarget = 4095;

template <class Map> void drop_unsafe(Map& entries)
{
    std::erase_if(entries, [](const auto& entry) { return path_problem(entry.first).has_value(); });
}

template <class Map> void add_foreign(Map& mine, const Map& theirs, const Map& before)
{
    for (const auto& [path, entry] : theirs)
        if (!before.contains(path)) mine.try_emplace(path, entry);
}

} // namespace

std::string to_text(const Manifest& manifest) { return json::serialize(encode(manifest)) + "\n"; }

Manifest parse_manifest(std::string_view text)
{
    auto manifest = decode<Manifest>(parse_json(text, kLimits), Unknown::Ignore);
    drop_unsafe(manifest.files);
    drop_unsafe(manifest.links);
    drop_unsafe(manifest.folders);
    std::erase_if(manifest.links, [](const auto& link) {
        return link.second.empty() || link.second.size() > kMaxTarget ||
               link.second.find('\0') != std::string::npos;
    });
    return manifest;
}

Manifest merge(Manifest mine, const Manifest& theirs, const Manifest& before)
{
    add_foreign(mine.files, theirs.files, before.files);
    add_foreign(mine.links, theirs.links, before.links);
    add_foreign(mine.folders, theirs.folders, before.folders);
    return mine;
}

} // namespace berth
