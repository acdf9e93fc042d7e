// The entry points of libFuzzer, and what fuzz.hpp promises.

#include "tests/fuzz/fuzz.hpp"

#include "controller/base/async.hpp"
#include "controller/base/log.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace berth::fuzz {

namespace {
const Run* chosen = nullptr;
} // namespace

unsigned Input::byte()
{
    if (rest_.empty()) return 0;
    const auto first = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return first;
}

std::string_view Input::until(char end)
{
    const auto at = rest_.find(end);
    const auto part = rest_.substr(0, at);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + 1);
    return part;
}

void fail(const std::string& what)
{
    std::fprintf(stderr, "\nFINDING: %s\n", what.c_str());
    std::abort();
}

void require_same(std::string_view left, std::string_view right, const std::string& what)
{
    if (left != right) fail(what + "\n  " + std::string(left) + "\n  " + std::string(right));
}

std::map<std::string, Run>& fuzzers()
{
    static std::map<std::string, Run> all;
    return all;
}

void run_one(const Run& run, std::string_view bytes)
{
    std::exception_ptr thrown;
    try {
        run(Input{bytes});
    } catch (...) {
        thrown = std::current_exception();
    }
    if (thrown) fail("an exception came out: " + describe(thrown));
}

} // namespace berth::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***)
{
    using namespace berth::fuzz;
    const char* name = std::getenv("BERTH_FUZZ");
    const auto found = fuzzers().find(name ? name : "");
    if (found == fuzzers().end()) {
        std::fprintf(stderr, "BERTH_FUZZ names the fuzzer, one of:\n");
        for (const auto& [known, run] : fuzzers()) std::fprintf(stderr, "  %s\n", known.c_str());
        std::exit(2);
    }
    chosen = &found->second;
    std::signal(SIGPIPE, SIG_IGN);
    berth::log::start(berth::log::Level::Error, berth::log::Format::Text); // torn journals are no news here
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    berth::fuzz::run_one(*berth::fuzz::chosen, {reinterpret_cast<const char*>(data), size});
    return 0;
}
