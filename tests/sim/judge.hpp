#pragma once
// The promises, one function each. Safety is looked at after every step that touched the engine, liveness
// when all faults have been over for a while.

#include "tests/sim/users.hpp"

namespace berth::sim {

class Judge {
public:
    Judge(World& world, Users& users);
    Judge(const Judge&) = delete;
    Judge& operator=(const Judge&) = delete;
    ~Judge();

    /// Throws Violation when something is not as it must be at rest.
    void at_rest() const;
    /// Whether everything is where it is wanted; `why` says what is not.
    bool converged(std::string& why) const;

private:
    // At rest (judge_rest.cpp).
    bool exists(const std::string& uid) const;
    void nothing_is_left_over() const;
    void files_are_there() const;
    void receipts_are_true() const;
    void one_for_each_start() const;
    void services_are_as_wanted() const;
    void no_edit_is_lost() const;
    void pool_is_full() const;

    void safety();
    void at_most_one_container() const;
    void foreign_things_stay() const;
    void nothing_is_lost_with(const std::string& volume) const;
    bool saved(const Promise& promise, const std::string& name, const std::string& text) const;
    bool is_where_wanted(const std::string& workspace, const Promise& promise, std::string& why) const;

    World& world_;
    Users& users_;
};

} // namespace berth::sim
