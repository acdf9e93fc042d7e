#pragma once
// The small volume that a workspace sees read-only at /run/berth. Its root is ours alone: the container can't
// write there, so plain paths are safe. Blocking; for the work pool.

#include "api/types/workspace.hpp"

#include <map>
#include <string>

namespace berth {

/// File name → content, from the spec. Pure.
///   vnc-password  the password and a newline
///   env           KEY='value' lines for shells to source
///   banner        a few words for new terminals
std::map<std::string, std::string> control_files(const Workspace& workspace);
/// One hash of all of them, to notice a change.
std::string control_hash(const std::map<std::string, std::string>& files);
/// Writes them so that each appears whole: owned by root, readable by the workspace's group only.
void write_control_volume(const std::string& folder, const std::map<std::string, std::string>& files);
/// Whether the folder holds exactly these.
bool control_volume_holds(const std::string& folder, const std::map<std::string, std::string>& files);

} // namespace berth
