#include "node/sync_plan.hpp"

#include "node/filters.hpp"

#include <algorithm>
#include <cctype>

namespace berth {

namespace {

/// Whether the walk can say anything about this path.
bool was_walked(const TreeWalk& walk, const std::string& path)
{
    return std::none_of(walk.opaque.begin(), walk.opaque.end(),
        [&](const std::string& folder) { return path.starts_with(folder + "/"); });
}

std::vector<std::string> vanished(const TreeWalk& walk, const std::map<std::string, JournalFile>& journal)
{
    std::vector<std::string> paths;
    for (const auto& [path, file] : journal)
        if (!walk.files.contains(path) && !is_filtered_path(path) && was_walked(walk, path))
            paths.push_back(path);
    return paths;
}

/// Why these deletes look like an accident; empty when they don't.
std::string accident(const TreeWalk& walk, std::int64_t deletes, std::int64_t known, const DeleteGuard& guard)
{
    if (!walk.complete) return "a part of the folder can't be read";
    if (guard.off || guard.allowed == deletes) return "";
    const auto text = std::to_string(deletes) + " of " + std::to_string(known) + " files";
    if (walk.files.empty()) return "the folder is empty: " + text + " would be deleted";
    if (deletes > guard.count && deletes * 100 > known * guard.percent) return text + " would be deleted";
    return "";
}

} // namespace

SyncPlan plan_sync(const TreeWalk& walk, const std::map<std::string, JournalFile>& journal, bool restored,
    const DeleteGuard& guard)
{
    SyncPlan plan;
    if (!restored) return plan;
    for (const auto& [path, file] : walk.files) {
        const auto known = journal.find(path);
        if (known == journal.end() || !known->second.local.same_content(file)) plan.uploads.push_back(path);
    }
    upload_order(plan.uploads);
    auto gone = vanished(walk, journal);
    if (gone.empty()) return plan;
    plan.held_reason = accident(
        walk, static_cast<std::int64_t>(gone.size()), static_cast<std::int64_t>(journal.size()), guard);
    (plan.held_reason.empty() ? plan.deletes : plan.held) = std::move(gone);
    return plan;
}

Manifest make_manifest(const TreeWalk& walk, const std::map<std::string, JournalFile>& journal)
{
    Manifest manifest;
    auto add = [&](const std::string& path, const JournalFile& known, std::int64_t mode) {
        manifest.files[path] = {.size = known.remote.size,
            .mode = mode,
            .mtime = known.local.mtime,
            .md5 = known.md5,
            .sha256 = known.sha256};
    };
    for (const auto& [path, known] : journal) {
        const auto here = walk.files.find(path);
        add(path, known,
            here == walk.files.end() ? (known.local.mode ? known.local.mode : kPlainMode) : here->second.mode);
    }
    manifest.links = walk.links;
    for (const auto& [path, mode] : walk.folders) {
        const auto below = path + "/";
        auto inside = [&](const auto& entries) {
            const auto next = entries.lower_bound(below);
            return next != entries.end() && next->first.starts_with(below);
        };
        const bool empty = !inside(walk.files) && !inside(walk.links) && !inside(walk.folders);
        if (empty || mode != 0755) manifest.folders[path] = mode;
    }
    return manifest;
}

void upload_order(std::vector<std::string>& paths)
{
    std::stable_sort(paths.begin(), paths.end(), [](const std::string& left, const std::string& right) {
        return upload_rank(left) < upload_rank(right);
    });
}

std::string conflict_name(const std::string& path, Time now, std::string_view version)
{
    constexpr std::size_t kLongestName = 255;
    auto stamp = format_time(now).substr(0, 19);
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    std::string mark(version.substr(0, 6));
    std::erase_if(mark, [](unsigned char c) { return !std::isalnum(c); });
    const auto suffix = ".conflict-" + stamp + "Z-" + mark;
    const auto slash = path.rfind('/');
    const auto name = slash == std::string::npos ? 0 : slash + 1;
    auto dot = path.rfind('.');
    if (dot == std::string::npos || dot <= name || path.size() - dot > 32) dot = path.size();
    const auto ending = path.substr(dot);
    auto stem = path.substr(name, dot - name);
    const bool whole = is_utf8(stem); // then no character is cut in the middle
    while (stem.size() + suffix.size() + ending.size() > kLongestName || (whole && !is_utf8(stem)))
        stem.pop_back();
    return path.substr(0, name) + stem + suffix + ending;
}

std::string trash_stamp(Time now)
{
    const auto text = format_time(now); // 2026-11-21T08:34:00.123Z
    return text.substr(0, 10) + "/" + text.substr(11, 2) + text.substr(14, 2) + text.substr(17, 6);
}

} // namespace berth
