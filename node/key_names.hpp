#pragma once
// Under which name a path is kept in S3, and the way back. Pure; any thread.
//
// Nearly every path is its own name. One that can't be a key as it is (not UTF-8, a part of more than 255
// bytes once it is spelled, a sign that the spelling needs for itself) has a name of plain ASCII below
// `.berth/names/` from which it can be read again. A name is what the bucket, the trash, the manifests and
// the journal hold; everything else works on paths. Agents of all versions share prefixes: which paths have
// another name, and which one, must stay as it is.

#include <string>
#include <string_view>

namespace berth {

inline constexpr std::string_view kNamesFolder = ".berth/names/";

/// "caf\xe9/a.txt" → ".berth/names/caf=e9=/a.txt": runs of bytes in hexadecimal between '=', "==/" where a
/// long part is cut. Always UTF-8. The name of a name is that name.
std::string name_of_path(std::string_view path);
/// The way back. What anybody may have written gives any bytes: look at path_problem() before it is used as a
/// path.
std::string path_of_name(std::string_view name);
/// The same for what a link leads to, which may be any bytes; path_of_name() is the way back.
std::string name_of_target(std::string_view target);

/// A path as a key: its name, spelled. Some servers take '\' for a separator, and no XML can hold control
/// characters: they are written as U+FF3C and as the pictures U+2400 to U+2421, a literal U+FF3C with U+201B
/// before it (as rclone does it).
std::string key_of_path(std::string_view path);
/// The way back. Only a key of which key_of_path() makes the same key again is one that we would write.
std::string path_of_key(std::string_view key);

} // namespace berth
