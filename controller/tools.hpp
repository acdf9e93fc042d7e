#pragma once
// What berthd does with a store when it is told to on its command line instead of serving: fsck, backup,
// restore.

#include <string>
#include <vector>

namespace berth {

/// Lines for --help.
extern const char* const kToolsHelp;

bool is_tool(const std::string& name);
/// Runs one and prints what it did. Returns the exit code: 0 done or clean, 1 problems found, 2 it can't run.
/// `data_dir`: the store, where the command line names none. Blocking.
int run_tool(const std::vector<std::string>& arguments, const std::string& data_dir);

} // namespace berth
