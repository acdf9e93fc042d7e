#include "node/told.hpp"

namespace berth {

bool only_rules_are_broken(const json::value& sent, const json::value& read, const Problems& problems)
{
    for (const auto& [field, problem] : problems) {
        boost::system::error_code failure;
        const auto* told = sent.find_pointer(field, failure);
        if (!told) continue;
        const auto* kept = read.find_pointer(field, failure);
        if (!kept || *kept != *told) return false;
    }
    return true;
}

} // namespace berth
