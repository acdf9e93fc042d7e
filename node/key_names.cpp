#include "node/key_names.hpp"

#include "node/filters.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace berth {

namespace {

constexpr std::string_view kBackslash = "\xef\xbc\xbc"; // U+FF3C
constexpr std::string_view kQuote = "\xe2\x80\x9b";     // U+201B
constexpr std::string_view kPicture = "\xe2\x90";       // first bytes of U+2400 to U+243F
/// Of one part of a key, in bytes; servers that keep objects as files have no longer ones.
constexpr std::size_t kMaxPart = 255;
/// Where a part of an escaped name is cut, in bytes; the last sign may go a little beyond.
constexpr std::size_t kPiece = 200;

bool is_plain(char c) { return c >= 0x20 && c < 0x7f && c != '\\'; }

std::string spell(std::string_view path)
{
    if (std::all_of(path.begin(), path.end(), is_plain)) return std::string(path); // nearly all: each walk asks
    std::string key;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const auto c = static_cast<unsigned char>(path[i]);
        if (path[i] == '\\')
            key += kBackslash;
        else if (path.substr(i).starts_with(kBackslash))
            key += std::string(kQuote) + path[i]; // the rest of the rune follows by itself
        else if (c < 0x20 || c == 0x7f)
            key += std::string(kPicture) + char(0x80 + (c == 0x7f ? 0x21 : c));
        else
            key += path[i];
    }
    return key;
}

std::string unspell(std::string_view key)
{
    std::string path;
    for (std::size_t i = 0; i < key.size();) {
        const auto rest = key.substr(i);
        const auto picture = rest.starts_with(kPicture) && rest.size() > 2
                                 ? static_cast<unsigned char>(rest[2]) - 0x80u
                                 : 0xffu;
        if (rest.starts_with(kQuote) && rest.substr(kQuote.size()).starts_with(kBackslash)) {
            path += kBackslash;
            i += kQuote.size() + kBackslash.size();
        } else if (rest.starts_with(kBackslash)) {
            path += '\\';
            i += kBackslash.size();
        } else if (picture < 0x20 || picture == 0x21) {
            path += picture == 0x21 ? '\x7f' : char(picture);
            i += 3;
        } else {
            path += key[i++];
        }
    }
    return path;
}

bool has_long_part(std::string_view key)
{
    while (true) {
        const auto slash = key.find('/');
        if (std::min(slash, key.size()) > kMaxPart) return true;
        if (slash == std::string_view::npos) return false;
        key.remove_prefix(slash + 1);
    }
}

/// Whether the path, spelled, can be a key and is found again from it.
bool is_own_name(std::string_view path)
{
    if (std::all_of(path.begin(), path.end(), is_plain)) return !has_long_part(path);
    const auto key = spell(path);
    return is_utf8(path) && unspell(key) == path && !has_long_part(key);
}

std::string escape(std::string_view path)
{
    std::string out;
    std::size_t piece = 0; // where the present one begins
    bool inside = false;   // of a run of hexadecimal bytes
    const auto end_run = [&] {
        if (std::exchange(inside, false)) out += '=';
    };
    for (const char c : path) {
        if (c != '/' && out.size() - piece >= kPiece) {
            end_run();
            out += "==/";
            piece = out.size();
        }
        // A piece must not become "." or "..".
        const bool plain = is_plain(c) && c != '=' && (c != '.' || out.size() != piece);
        if (plain) {
            end_run();
            out += c;
            if (c == '/') piece = out.size();
            continue;
        }
        if (!std::exchange(inside, true)) out += '=';
        const auto byte = static_cast<unsigned char>(c);
        out += {"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    }
    end_run();
    return out;
}

std::string unescape(std::string_view name)
{
    std::string path;
    while (!name.empty()) {
        const auto plain = name.substr(0, name.find('='));
        path += plain;
        name.remove_prefix(plain.size());
        if (name.empty()) break;
        const auto run = name.substr(1, name.find('=', 1) - 1); // from behind the '=' to before the next
        name.remove_prefix(std::min(name.size(), run.size() + 2));
        if (run.empty() && name.starts_with('/')) name.remove_prefix(1);
        for (std::size_t i = 0; i + 1 < run.size(); i += 2) {
            unsigned byte = 0;
            std::from_chars(run.data() + i, run.data() + i + 2, byte, 16);
            path += char(byte);
        }
    }
    return path;
}

std::string escaped(std::string_view text) { return std::string(kNamesFolder) + escape(text); }

} // namespace

std::string name_of_path(std::string_view path)
{
    return is_own_name(path) ? std::string(path) : escaped(path);
}

std::string name_of_target(std::string_view target)
{
    return is_utf8(target) && !target.starts_with(kNamesFolder) ? std::string(target) : escaped(target);
}

std::string path_of_name(std::string_view name)
{
    return name.starts_with(kNamesFolder) ? unescape(name.substr(kNamesFolder.size())) : std::string(name);
}

std::string key_of_path(std::string_view path) { return spell(name_of_path(path)); }
std::string path_of_key(std::string_view key) { return path_of_name(unspell(key)); }

} // namespace berth
