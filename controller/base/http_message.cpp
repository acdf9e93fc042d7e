#include "controller/base/http_message.hpp"

#include <algorithm>

namespace berth {

namespace {

bool same_name(std::string_view left, std::string_view right)
{
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(left, right, {}, lower, lower);
}

} // namespace

const Headers::Field* Headers::find(std::string_view name) const
{
    auto found = std::ranges::find_if(fields_, [&](const Field& field) { return same_name(field.first, name); });
    return found == fields_.end() ? nullptr : &*found;
}

void Headers::set(std::string name, std::string value)
{
    std::erase_if(fields_, [&](const Field& field) { return same_name(field.first, name); });
    add(std::move(name), std::move(value));
}

std::string_view Headers::get(std::string_view name) const
{
    const auto* field = find(name);
    return field ? std::string_view{field->second} : std::string_view{};
}

std::string url_encode(std::string_view text)
{
    constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    encoded.reserve(text.size());
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (kPlain.find(c) != std::string_view::npos) encoded += c;
        else (encoded += '%').append({kHex[byte >> 4], kHex[byte & 15]});
    }
    return encoded;
}

} // namespace berth
