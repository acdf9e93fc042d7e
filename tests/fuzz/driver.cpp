// Stands in for libFuzzer where a build has none: runs every input of the folders given, then -runs=N
// mutations of them, made from -seed=S, so that the same command always tries the same inputs. It learns
// nothing from what it sees; finding new paths is for tests/fuzz.sh. An input that ends the program is
// written to crash-NAME.

#include "tests/fuzz/fuzz.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kMaxInput = 8 * 1024;
/// An input that takes longer hangs.
constexpr unsigned kSecondsPerInput = 60;

std::string current; // for the handler
char crash_file[256] = "crash-input";

void on_crash(int signal)
{
    const int file = ::open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file >= 0 && ::write(file, current.data(), current.size()) >= 0) {
        constexpr std::string_view kText = "the input is in ";
        (void)!::write(2, kText.data(), kText.size());
        (void)!::write(2, crash_file, std::string_view(crash_file).size());
        (void)!::write(2, "\n", 1);
    }
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

void try_input(std::string input)
{
    current = std::move(input);
    ::alarm(kSecondsPerInput);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
    ::alarm(0);
}

std::vector<std::string> read_inputs(const std::filesystem::path& place)
{
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(place)) {
        for (const auto& entry : std::filesystem::directory_iterator(place))
            if (entry.is_regular_file()) files.push_back(entry.path());
        std::sort(files.begin(), files.end()); // the order of a folder is anybody's
    } else {
        files.push_back(place);
    }
    std::vector<std::string> inputs;
    for (const auto& file : files) {
        std::ifstream stream(file, std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
        if (!stream.good() && !stream.eof()) {
            std::fprintf(stderr, "can't read %s\n", file.c_str());
            std::exit(2);
        }
    }
    return inputs;
}

class Mutator {
public:
    Mutator(const std::vector<std::string>& corpus, std::uint64_t seed) : corpus_(corpus), random_(seed) {}

    std::string next()
    {
        auto input = any();
        for (auto changes = 1 + below(4); changes > 0; --changes) change(input);
        if (input.size() > kMaxInput) input.resize(kMaxInput);
        return input;
    }

private:
    /// Not std::uniform_int_distribution: what that gives differs between libraries.
    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : std::size_t(random_() % bound); }
    const std::string& any() { return corpus_[below(corpus_.size())]; }
    std::string piece_of(const std::string& text)
    {
        const auto from = below(text.size());
        return text.substr(from, 1 + below(std::min<std::size_t>(text.size() - from, 24)));
    }
    void change(std::string& input)
    {
        static constexpr std::array<std::string_view, 22> kOdd{"", "0", "-1", "9223372036854775807",
            "-9223372036854775808", "18446744073709551616", "1e308", "0.1", "null", "\"\"", "{}", "[]",
            "\r\n", "\n", "%00", "%2f", "..", "\xc3", "\xed\xa0\x80", "\xef\xbc\xbc",
            "9999-12-31T23:59:59-23:59", "\\ud800"};
        const auto at = below(input.size() + 1);
        switch (below(7)) {
        case 0:
            if (at < input.size()) input[at] = char(input[at] ^ (1 << below(8)));
            break;
        case 1:
            if (at < input.size()) input[at] = char(below(256));
            break;
        case 2:
            input.erase(std::min(at, input.size()), 1 + below(16));
            break;
        case 3:
            input.insert(at, kOdd[below(kOdd.size())]);
            break;
        case 4:
            if (!input.empty()) input.insert(at, piece_of(input));
            break;
        case 5:
            input.insert(at, piece_of(any() + " "));
            break;
        default: {
            const auto& other = any();
            input = input.substr(0, at) + other.substr(below(other.size() + 1));
        }
        }
    }

    const std::vector<std::string>& corpus_;
    std::mt19937_64 random_;
};

} // namespace

int main(int argc, char** argv)
{
    if (argc == 2 && std::string_view(argv[1]) == "--list") {
        for (const auto& [known, run] : berth::fuzz::fuzzers()) std::printf("%s\n", known.c_str());
        return 0;
    }
    const char* name = std::getenv("BERTH_FUZZ");
    std::snprintf(crash_file, sizeof crash_file, "crash-%s", name ? name : "input");
    LLVMFuzzerInitialize(&argc, &argv);
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
        std::signal(signal, on_crash);

    std::uint64_t runs = 0;
    std::uint64_t seed = 1;
    std::vector<std::string> corpus;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument.starts_with("-runs=")) {
            runs = std::strtoull(argv[i] + 6, nullptr, 10);
        } else if (argument.starts_with("-seed=")) {
            seed = std::strtoull(argv[i] + 6, nullptr, 10);
        } else {
            auto inputs = read_inputs(argv[i]);
            std::move(inputs.begin(), inputs.end(), std::back_inserter(corpus));
        }
    }
    if (corpus.empty()) {
        std::fprintf(stderr, "no input: name the corpus of %s\n", name);
        return 2;
    }
    for (const auto& input : corpus) try_input(input);
    Mutator mutator{corpus, seed};
    for (std::uint64_t i = 0; i < runs; ++i) try_input(mutator.next());
    std::printf("%s: %zu inputs and %llu mutations held\n", name, corpus.size(),
        static_cast<unsigned long long>(runs));
    return 0;
}
