#pragma once
// Bugs that are planted on purpose, to prove that the simulator finds them: each is a mistake that somebody could make,
// at the line where the right thing is done. In every program that ships this is the constant false. Only in .cpp
// files: tests/CMakeLists.txt compiles those once more for berth_sim_planted, where one is switched on by its name.
// The table of all is in tests/sim/planted.cpp; see "The score" in docs/RELIABILITY.md.

#include <string_view>

namespace berth {

#ifdef BERTH_PLANTED_BUGS
/// Whether this run has that bug.
bool planted(std::string_view bug);
#else
consteval bool planted(std::string_view) { return false; }
#endif

} // namespace berth
