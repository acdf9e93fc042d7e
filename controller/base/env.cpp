#include "controller/base/env.hpp"

#include <charconv>
#include <cstdlib>
#include <fstream>

namespace berth {

namespace {
constexpr std::array<std::pair<char, std::int64_t>, 4> kSuffixes{
    {{'t', 1LL << 40}, {'g', 1LL << 30}, {'m', 1LL << 20}, {'k', 1LL << 10}}};
}

std::optional<ByteSize> parse_byte_size(std::string_view text)
{
    std::int64_t amount = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (failure != std::errc{} || amount < 0) return std::nullopt;
    auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (rest.empty()) return ByteSize{amount};
    for (const auto& [suffix, factor] : kSuffixes) {
        if ((rest[0] | 0x20) != suffix) continue;
        rest.remove_prefix(1);
        if (!rest.empty() && rest != "b" && rest != "B" && rest != "i" && rest != "ib" && rest != "iB")
            return std::nullopt;
        if (amount > std::numeric_limits<std::int64_t>::max() / factor) return std::nullopt;
        return ByteSize{amount * factor};
    }
    return std::nullopt;
}

std::string format_byte_size(ByteSize size)
{
    for (const auto& [suffix, factor] : kSuffixes)
        if (size.bytes >= factor && size.bytes % factor == 0) return std::to_string(size.bytes / factor) + suffix;
    return std::to_string(size.bytes);
}

EnvLookup process_environment()
{
    return [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    };
}

void load_environment(const std::vector<EnvSetting>& settings, const EnvLookup& lookup)
{
    Problems problems;
    for (const auto& setting : settings) {
        const auto value = lookup(setting.name);
        if (!value || value->empty()) continue;
        if (auto problem = setting.assign(*value)) problems.push_back({std::string(setting.name), *problem});
    }
    if (!problems.empty()) throw Error{std::move(problems)};
}

std::vector<std::string> read_setting_file(const std::string& path, std::string_view name, std::size_t count)
{
    std::ifstream file(path);
    if (!file) throw Error{Problems{{std::string(name), "can't read " + path}}};
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty()) lines.push_back(std::move(line));
    }
    if (lines.empty() || (count != 0 && lines.size() != count))
        throw Error{Problems{{std::string(name), "expected " + std::to_string(std::max<std::size_t>(count, 1)) +
                                                     " line(s) in " + path}}};
    return lines;
}

void read_key_pair(const std::string& path, std::string_view name, std::string& key, Secret& secret)
{
    if (path.empty()) return;
    auto lines = read_setting_file(path, name, 2);
    key = std::move(lines[0]);
    secret = Secret{std::move(lines[1])};
}

std::string describe_environment(const std::vector<EnvSetting>& settings)
{
    std::string text;
    for (const auto& setting : settings) {
        text += "  " + std::string(setting.name);
        text += setting.fallback.empty() ? "\n" : " (default " + setting.fallback + ")\n";
        text += "      " + std::string(setting.help) + "\n";
    }
    return text;
}

std::string environment_markdown(const std::vector<EnvSetting>& settings)
{
    std::string text = "| variable | default | meaning |\n|---|---|---|\n";
    for (const auto& setting : settings)
        text += "| `" + std::string(setting.name) + "` | " +
                (setting.fallback.empty() ? std::string() : "`" + setting.fallback + "`") + " | " +
                std::string(setting.help) + " |\n";
    return text;
}

} // namespace berth
