#include "node/filters.hpp"

#include "node/key_names.hpp"

#include <algorithm>
#include <array>

namespace berth {

namespace {

constexpr std::array<std::string_view, 11> kFolders{"node_modules", ".venv", "__pycache__", ".cache",
    ".pnpm-store", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", "lost+found", ".Trash-1000"};
constexpr std::array<std::string_view, 3> kSwapEndings{".swp", ".swo", ".swx"};
/// Of a path as a key, in bytes. A key has at most 1024; the rest is for the prefix, the trash folder and a
/// conflict's suffix.
constexpr std::size_t kMaxPath = 700;

/// Calls `use` for every part between slashes; stops when it gives false.
template <class F> bool for_parts(std::string_view path, F use)
{
    while (true) {
        const auto slash = path.find('/');
        const bool last = slash == std::string_view::npos;
        if (!use(path.substr(0, slash), last)) return false;
        if (last) return true;
        path.remove_prefix(slash + 1);
    }
}

/// The length of the sequence that begins with `byte`; 0 when none can.
std::size_t sequence_length(unsigned char byte)
{
    if (byte < 0x80) return 1;
    if (byte >= 0xc2 && byte < 0xe0) return 2;
    if (byte >= 0xe0 && byte < 0xf0) return 3;
    if (byte >= 0xf0 && byte < 0xf5) return 4;
    return 0;
}

} // namespace

bool is_filtered_folder(std::string_view name)
{
    return std::find(kFolders.begin(), kFolders.end(), name) != kFolders.end();
}

bool is_filtered_file(std::string_view name)
{
    if (name == ".DS_Store" || name.starts_with(".nfs") || name.starts_with(kPartPrefix)) return true;
    if (!name.starts_with('.')) return false;
    return std::any_of(kSwapEndings.begin(), kSwapEndings.end(),
        [name](std::string_view ending) { return name.ends_with(ending); });
}

bool is_in_git_folder(std::string_view path)
{
    return !for_parts(path, [](std::string_view part, bool last) { return last || part != ".git"; });
}

bool is_books_of_another(std::string_view path)
{
    constexpr std::string_view kInside = "/.berth/";
    const auto at = path.find(kInside);
    if (at == std::string_view::npos) return false;
    const auto rest = path.substr(at + kInside.size());
    return rest.starts_with("manifests/") || rest.starts_with("trash/") || rest.starts_with("names/") ||
           rest == "probe";
}

bool is_filtered_path(std::string_view path)
{
    if (is_books_of_another(path)) return true;
    const bool clean = for_parts(path, [](std::string_view part, bool last) {
        return last ? !is_filtered_file(part) : !is_filtered_folder(part);
    });
    // A lock of git's that comes back after a restore would block the repository.
    return !clean || (path.ends_with(".lock") && is_in_git_folder(path));
}

int upload_rank(std::string_view path)
{
    if (!is_in_git_folder(path)) return 0;
    if (path.find(".git/objects/") != std::string_view::npos) return 0;
    const bool refers = path.find(".git/refs/") != std::string_view::npos || path.ends_with("/HEAD") ||
                        path.ends_with("/packed-refs") || path.ends_with("/index") || path == ".git/HEAD";
    return refers ? 2 : 1;
}

bool is_utf8(std::string_view text)
{
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const auto length = sequence_length(first);
        if (length == 0 || i + length > text.size()) return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
        const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0u;
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return false;
        if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return false;
        i += length;
    }
    return true;
}

std::optional<std::string> path_problem(std::string_view path)
{
    if (path.empty()) return "an empty name";
    if (path.front() == '/') return "an absolute path";
    if (path.find('\0') != std::string_view::npos) return "the name has a zero byte";
    const bool parts_fine = for_parts(path, [](std::string_view part, bool) {
        return !part.empty() && part != "." && part != ".." && part.size() <= 255;
    });
    if (!parts_fine) return "a part of the path is empty, '.', '..' or too long";
    if (path == kReservedFolder || path.starts_with(std::string(kReservedFolder) + "/"))
        return "the name .berth is reserved";
    if (key_of_path(path).size() > kMaxPath)
        return "as a key the path is longer than " + std::to_string(kMaxPath) + " bytes";
    return std::nullopt;
}

std::string printable(std::string_view name)
{
    constexpr std::size_t kLimit = 120;
    std::string text;
    for (unsigned char c : name.substr(0, kLimit)) text += c >= 0x20 && c < 0x7f ? char(c) : '?';
    if (name.size() > kLimit) text += "...";
    return text;
}

} // namespace berth
