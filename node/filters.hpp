#pragma once
// Which files are synced: the one list of what is left out, and which names S3 can hold. Pure code; any
// thread.
//
// What is left out can be made again by the tool that made it (packages, caches, editor scratch files).
// Folders that announce themselves as a cache (CACHEDIR.TAG, as cargo's target/ does) or as a Python
// environment (pyvenv.cfg) are left out under any name; a folder that is merely called "target" or "dist" may
// be somebody's work and is synced.

#include <optional>
#include <string>
#include <string_view>

namespace berth {

/// Our own folder below the prefix; a file of the user can't have this name at the top.
inline constexpr std::string_view kReservedFolder = ".berth";
/// Prefix of files on their way into the workspace.
inline constexpr std::string_view kPartPrefix = ".berth-part-";

bool is_filtered_folder(std::string_view name);
/// A file's own name, without looking at the folders it is in.
bool is_filtered_file(std::string_view name);
/// A whole path of a file, relative to the workspace.
bool is_filtered_path(std::string_view path);
/// What a workspace on a prefix further in keeps there for itself: manifests, trash, files under other names, probe. Not
/// ours to fetch, write or remove.
bool is_books_of_another(std::string_view path);
/// Inside a folder called ".git", where writing is ordered (objects before what refers to them).
bool is_in_git_folder(std::string_view path);
/// Smaller goes up earlier: ordinary files and git objects 0, what refers to them 1, refs and the index 2.
int upload_rank(std::string_view path);

/// Why S3 can't hold this relative path under any name (see key_names.hpp); nothing when it can. What a path must not
/// have ("..", empty parts, a slash in front) is refused too, so it also guards what comes from a bucket.
std::optional<std::string> path_problem(std::string_view path);
/// Whether `text` is well-formed UTF-8.
bool is_utf8(std::string_view text);
/// For messages: a name with everything that is not printable ASCII replaced, cut to a sane length.
std::string printable(std::string_view name);

} // namespace berth
