#pragma once
// The bugs that are planted in the product (controller/base/planted.hpp), and the switch for one of them.

#include <span>
#include <string_view>

namespace berth::sim {

struct PlantedBug {
    std::string_view name;
    std::string_view what; ///< is done wrong
};

/// In the order of their names; tests/mutation.sh compares it with the sources.
std::span<const PlantedBug> planted_bugs();

/// For the rest of this process. False: there is no bug of that name in this program.
bool plant(std::string_view name);
bool bug_is_planted();

} // namespace berth::sim
