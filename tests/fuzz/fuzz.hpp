#pragma once
// What the fuzzers share. A fuzzer reads one input of any bytes and ends by itself; what must hold is said
// with require(). The same entry points are linked with libFuzzer (tests/fuzz.sh) and with driver.cpp, which
// replays the corpus and some mutations of it in every run of the tests. One program has all of them;
// BERTH_FUZZ names the one that runs.

#include "controller/base/error.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace berth::fuzz {

/// The bytes of one run, taken from the front.
class Input {
public:
    explicit Input(std::string_view bytes) : rest_(bytes) {}

    /// 0 at the end.
    unsigned byte();
    /// What is before the next `end`, without it; everything when there is none.
    std::string_view until(char end);
    std::string_view rest() const noexcept { return rest_; }
    bool empty() const noexcept { return rest_.empty(); }

private:
    std::string_view rest_;
};

/// Ends the run as a finding.
[[noreturn]] void fail(const std::string& what);
inline void require(bool holds, const std::string& what)
{
    if (!holds) fail(what);
}
/// The same with the two things that should have been the same.
void require_same(std::string_view left, std::string_view right, const std::string& what);

/// What `work` gives, or nothing when it refuses its input with one of these codes. Anything else is a
/// finding.
template <class F> auto unless_refused(F work, std::initializer_list<Errc> codes = {Errc::Invalid})
{
    using Result = decltype(work());
    try {
        return std::optional<Result>(work());
    } catch (const Error& error) {
        bool meant = false;
        for (const auto code : codes) meant = meant || error.code() == code;
        require(meant, std::string("refused as ") + to_string(error.code()) + ": " + error.what());
        return std::optional<Result>();
    }
}

using Run = std::function<void(Input)>;
/// By name.
std::map<std::string, Run>& fuzzers();
/// Runs one input; an exception that comes out is a finding.
void run_one(const Run& run, std::string_view bytes);

struct Registration {
    Registration(const char* name, Run run) { fuzzers().emplace(name, std::move(run)); }
};

} // namespace berth::fuzz
