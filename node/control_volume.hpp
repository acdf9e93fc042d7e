#pragma once
// The small volume that a workspace sees read-only at /run/berth. Its root is ours alone: the container can't
// write there, so plain paths are safe. Blocking; for the work pool.

#include "api/types/workspace.hpp"

#include <map>
#include <string>

namespace berth {

/// File name → content, from the spec. `platform_key` is the id of the install's own S3 key, which is never shown.
/// Pure.
///   vnc-password  the password and a newline
///   callback-token  the workspace's own key for POST …/callback, and a newline
///   env           "# <hash>", then KEY='value' lines for shells to source; see workspace_environment()
///   banner        a few words for new terminals
/// Beside them the agent writes what changes by itself (see activity_watch.hpp):
///   notice        a warning for terminals, empty when there is none
///   ready         which network namespace has its filter (netns.hpp): the first process inside waits for it
///   idle          "active", or "warning <seconds since 1970>": when the workspace is stopped, for the monitor inside
std::map<std::string, std::string> control_files(
    const Workspace& workspace, std::string_view platform_key = {});
/// One hash of all of them, to notice a change.
std::string control_hash(const std::map<std::string, std::string>& files);
inline constexpr const char* kReadyFile = "ready";
/// Writes one file so that it appears whole: owned by root, readable by the workspace's group only.
void put_control_file(const std::string& folder, const std::string& name, const std::string& content);
/// Writes them so that each appears whole: owned by root, readable by the workspace's group only.
void write_control_volume(const std::string& folder, const std::map<std::string, std::string>& files);
/// Whether the folder holds exactly these.
bool control_volume_holds(const std::string& folder, const std::map<std::string, std::string>& files);

} // namespace berth
