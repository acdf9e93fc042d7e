#pragma once
// What lists of the engine have shown before: an engine may answer with what was true some seconds ago, or,
// when it has just come back, with nothing.

#include "controller/base/http_client.hpp"
#include "tests/fakes/fake_clock.hpp"

#include <deque>
#include <map>
#include <string>

namespace berth::sim {

/// Owned by the world.
class Views {
public:
    /// Whether a call is a list of services, tasks or containers.
    static bool is_list(const HttpRequest& request);
    /// Remembers an answer. True when it is not what the same call was answered before.
    bool remember(const std::string& call, Tick now, const std::string& body);
    /// What the same call was answered when `ago` had not passed yet, if that was another answer.
    std::optional<std::string> older(const std::string& call, Tick now, Duration ago) const;

    /// Counts the lists from now on, from 1; that one is answered with an older view.
    void begin(std::uint64_t stale) { count_ = 0, stale_ = stale; }
    /// Whether it is this one's turn.
    bool turn() { return ++count_ == stale_; }
    std::uint64_t count() const noexcept { return count_; }

    Tick empty_until{}; ///< until then a list shows nothing

private:
    struct View {
        Tick at;
        std::string body;
    };
    std::map<std::string, std::deque<View>> past_; ///< by call: what it was answered from when on
    std::uint64_t count_ = 0;
    std::uint64_t stale_ = 0;
};

} // namespace berth::sim
