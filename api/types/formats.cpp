#include "api/types/formats.hpp"

#include <algorithm>
#include <array>

namespace berth {

namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

template <class Allowed> bool all_of(std::string_view text, Allowed allowed)
{
    return std::all_of(text.begin(), text.end(), allowed);
}

bool is_host(std::string_view text)
{
    const auto end = [](char c) { return is_alphanumeric(c) || c == '_'; };
    if (text.starts_with('[') && text.ends_with(']') && text.size() > 2)
        return all_of(text.substr(1, text.size() - 2), [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
        });
    return !text.empty() && end(text.front()) && end(text.back()) &&
           all_of(text, [&](char c) { return end(c) || c == '.' || c == '-'; });
}

} // namespace

bool is_dns_label(std::string_view text)
{
    if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-') return false;
    return all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_label_key(std::string_view text)
{
    return !text.empty() && text.size() <= 253 && all_of(text, [](char c) {
        return is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '/';
    });
}

bool is_label_value(std::string_view text)
{
    return text.size() <= 63 &&
           all_of(text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_bucket_name(std::string_view text)
{
    if (text.size() < 3 || text.size() > 63 || text.find("..") != std::string_view::npos) return false;
    return is_lower_or_digit(text.front()) && is_lower_or_digit(text.back()) &&
           all_of(text, [](char c) { return is_lower_or_digit(c) || c == '.' || c == '-'; });
}

bool is_s3_prefix(std::string_view text)
{
    if (text.empty() || text.ends_with('/') || !has_no_controls(text)) return false;
    while (!text.empty()) {
        const auto part = text.substr(0, text.find('/'));
        if (part.empty() || part == "." || part == ".." || part == ".berth") return false;
        text.remove_prefix(std::min(part.size() + 1, text.size()));
    }
    return true;
}

bool is_s3_folder(std::string_view text)
{
    while (text.starts_with('/')) text.remove_prefix(1);
    while (text.ends_with('/')) text.remove_suffix(1);
    return text.empty() || is_s3_prefix(text);
}

bool is_endpoint(std::string_view text)
{
    if (!text.starts_with("http://") && !text.starts_with("https://")) return false;
    text.remove_prefix(text.find("//") + 2);
    if (text.ends_with('/')) text.remove_suffix(1);
    const auto colon = text.rfind(':');
    const auto port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    const bool has_port = !port.empty() && port.size() <= 5 && all_of(port, is_digit);
    return is_host(has_port ? text.substr(0, colon) : text);
}

bool is_env_name(std::string_view text)
{
    return !text.empty() && text.size() <= 256 && !is_digit(text.front()) &&
           all_of(text, [](char c) { return is_alphanumeric(c) || c == '_'; });
}

bool is_user_env_name(std::string_view text)
{
    static constexpr std::array<std::string_view, 5> kOfTheImage{
        "BASH_ENV", "DISPLAY", "HOME", "SHELL", "USER"};
    return is_env_name(text) && !text.starts_with("BERTH_") &&
           std::ranges::find(kOfTheImage, text) == kOfTheImage.end();
}

bool is_vnc_password(std::string_view text)
{
    return text.size() <= 8 && all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_visible_text(std::string_view text)
{
    return !text.empty() && all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

bool is_sha256_hex(std::string_view text)
{
    return text.size() == 64 && all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_revision(std::string_view text) { return text.size() <= 19 && all_of(text, is_digit); }

} // namespace berth
