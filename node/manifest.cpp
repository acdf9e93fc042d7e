#include "node/manifest.hpp"

#include "node/filters.hpp"
#include "node/key_names.hpp"

namespace berth {

namespace {

constexpr JsonLimits kLimits{.max_bytes = 512u << 20, .max_depth = 8};
/// As long as a path may be: longer ones are no links that Linux would follow.
constexpr std::size_t kMaxTarget = 4095;

template <class Map> void drop_unsafe(Map& entries)
{
    std::erase_if(entries, [](const auto& entry) { return path_problem(entry.first).has_value(); });
}

/// Gives every key its other form.
template <class Map> void rename_keys(Map& entries, std::string (*form)(std::string_view))
{
    std::vector<std::string> other;
    for (const auto& [key, entry] : entries)
        if (form(key) != key) other.push_back(key);
    for (const auto& key : other) {
        auto node = entries.extract(key);
        node.key() = form(key);
        entries.insert(std::move(node));
    }
}

void rename_paths(Manifest& manifest, std::string (*form)(std::string_view))
{
    rename_keys(manifest.files, form);
    rename_keys(manifest.links, form);
    rename_keys(manifest.folders, form);
}

/// Entries of `after` that `before` does not have just so.
template <class Map> Map added(const Map& before, const Map& after)
{
    Map result;
    for (const auto& [path, entry] : after) {
        const auto old = before.find(path);
        if (old == before.end() || old->second != entry) result.emplace(path, entry);
    }
    return result;
}

template <class Map> Map removed(const Map& before, const Map& after)
{
    Map result;
    for (const auto& [path, entry] : before)
        if (!after.contains(path)) result.emplace(path, entry);
    return result;
}

/// A file that no manifest names has the plain one.
std::map<std::string, std::int64_t> modes_of(const Manifest& manifest)
{
    std::map<std::string, std::int64_t> modes;
    for (const auto& [path, file] : manifest.files)
        if (file.mode != kPlainMode) modes.emplace_hint(modes.end(), path, file.mode);
    return modes;
}

} // namespace

std::string to_text(Manifest manifest)
{
    rename_paths(manifest, name_of_path); // JSON holds UTF-8 only
    for (auto& [path, target] : manifest.links) target = name_of_target(target);
    return json::serialize(encode(manifest)) + "\n";
}

Manifest parse_manifest(std::string_view text)
{
    auto manifest = decode<Manifest>(parse_json(text, kLimits), Unknown::Ignore);
    rename_paths(manifest, path_of_name);
    for (auto& [path, target] : manifest.links) target = path_of_name(target);
    drop_unsafe(manifest.files);
    drop_unsafe(manifest.links);
    drop_unsafe(manifest.folders);
    std::erase_if(manifest.links, [](const auto& link) {
        return link.second.empty() || link.second.size() > kMaxTarget ||
               link.second.find('\0') != std::string::npos;
    });
    return manifest;
}

bool same_tree(const Manifest& left, const Manifest& right)
{
    return left.files == right.files && left.links == right.links && left.folders == right.folders;
}

bool same_extras(const Manifest& left, const Manifest& right)
{
    return left.links == right.links && left.folders == right.folders && modes_of(left) == modes_of(right);
}

Manifest merge_manifests(
    const std::vector<Manifest>& manifests, const std::map<std::string, std::string>& etags)
{
    Manifest merged;
    std::map<std::string, bool> exact;
    for (const auto& manifest : manifests) {
        merged.links.insert(manifest.links.begin(), manifest.links.end());
        merged.folders.insert(manifest.folders.begin(), manifest.folders.end());
        for (const auto& [path, file] : manifest.files) {
            const auto etag = etags.find(path);
            const bool fits = etag != etags.end() && !file.md5.empty() && etag->second == file.md5;
            const auto [place, fresh] = merged.files.try_emplace(path, file);
            if (!fresh && fits && !exact[path]) place->second = file;
            exact[path] = exact[path] || fits;
        }
    }
    return merged;
}

ManifestChanges changes_between(const Manifest& before, const Manifest& after)
{
    ManifestChanges changes;
    changes.links = added(before.links, after.links);
    changes.deleted_links = added(after.links, before.links); // the old target of a changed one, too
    changes.folders = added(before.folders, after.folders);
    changes.deleted_folders = removed(before.folders, after.folders);
    for (const auto& [path, file] : after.files) {
        const auto old = before.files.find(path);
        const auto mode = old == before.files.end() ? kPlainMode : old->second.mode;
        if (mode != file.mode) changes.modes[path] = {mode, file.mode};
    }
    return changes;
}

} // namespace berth
