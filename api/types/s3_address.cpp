#include "api/types/s3_address.hpp"

#include <cctype>

namespace berth {

std::string s3::encode(std::string_view text, bool keep_slashes)
{
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char raw : text) {
        const auto c = static_cast<unsigned char>(raw);
        const bool plain = (c < 0x80 && std::isalnum(c)) || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain || (keep_slashes && c == '/'))
            out += raw;
        else
            out.append({'%', kHex[c >> 4], kHex[c & 15]});
    }
    return out;
}

std::string s3::canonical_query(const std::map<std::string, std::string>& query)
{
    std::map<std::string, std::string> encoded; // sorted by the encoded name, as the signature wants it
    for (const auto& [name, value] : query) encoded[encode(name, false)] = encode(value, false);
    std::string text;
    for (const auto& [name, value] : encoded) text += (text.empty() ? "" : "&") + name + "=" + value;
    return text;
}

std::string s3::endpoint_of(const S3Source& source)
{
    auto endpoint =
        source.endpoint.empty() ? "https://s3." + source.region + ".amazonaws.com" : source.endpoint;
    while (endpoint.ends_with('/')) endpoint.pop_back();
    return endpoint;
}

std::string s3::url_of(
    const S3Source& source, std::string_view key, const std::map<std::string, std::string>& query)
{
    std::string url = endpoint_of(source) + "/" + encode(source.bucket, false);
    if (!key.empty()) url += "/" + encode(key, true);
    if (!query.empty()) url += "?" + canonical_query(query);
    return url;
}

} // namespace berth
