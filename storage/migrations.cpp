#include "storage/store.hpp"

namespace berth {

const std::vector<Migration>& store_migrations()
{
    // Schema 1: as in keys.hpp. The first change of a stored form becomes the first element.
    static const std::vector<Migration> steps;
    return steps;
}

} // namespace berth
