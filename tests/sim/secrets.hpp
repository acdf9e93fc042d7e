#pragma once
// I14: what is secret in a run, and the places where it must not be.

#include "tests/sim/world.hpp"

namespace berth::sim {

/// What the programs log, kept while standard error is thrown away; nothing where somebody reads it.
class LogCapture {
public:
    LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    ~LogCapture();
    std::string text() const;

private:
    int file_ = -1;
    int before_ = -1;
};

/// Owned by the run.
class Canaries {
public:
    explicit Canaries(World& world);
    /// Learns the secrets of a workspace that was committed.
    void learn(const Change& change);
    /// Throws Violation when a secret is in the text.
    void look(const std::string& where, std::string_view text) const;
    /// The log, and everything in the engine. Throws Violation.
    void at_rest() const;
    std::size_t size() const noexcept { return secrets_.size(); }

private:
    World& world_;
    LogCapture log_;
    std::map<std::string, std::string> secrets_; ///< what it is, by its text
};

} // namespace berth::sim
