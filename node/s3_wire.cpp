#include "node/s3_wire.hpp"

#include "controller/base/error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <ctime>

namespace berth {

namespace {

std::int64_t number(std::string_view text)
{
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// No object is larger, and a million of them can still be added up.
std::int64_t object_size(std::string_view text)
{
    constexpr std::int64_t kLargest = std::int64_t{5} << 40;
    return std::clamp<std::int64_t>(number(text), 0, kLargest);
}

/// The text inside <tag>…</tag>, from `from` on; moves `from` behind it. Nothing when there is no more.
std::optional<std::string_view> element(std::string_view xml, std::string_view tag, std::size_t& from)
{
    const auto open = "<" + std::string(tag) + ">";
    const auto close = "</" + std::string(tag) + ">";
    const auto begin = xml.find(open, from);
    if (begin == std::string_view::npos) return std::nullopt;
    const auto end = xml.find(close, begin + open.size());
    if (end == std::string_view::npos) throw Error{Errc::Internal, "S3Error: a list that ends in the middle"};
    from = end + close.size();
    return xml.substr(begin + open.size(), end - begin - open.size());
}

std::string_view first(std::string_view xml, std::string_view tag)
{
    std::size_t from = 0;
    return element(xml, tag, from).value_or("");
}

void append_utf8(std::string& text, unsigned long code)
{
    if (code < 0x80) {
        text += char(code);
    } else if (code < 0x800) {
        text += {char(0xc0 | (code >> 6)), char(0x80 | (code & 0x3f))};
    } else if (code < 0x10000) {
        text += {char(0xe0 | (code >> 12)), char(0x80 | ((code >> 6) & 0x3f)), char(0x80 | (code & 0x3f))};
    } else {
        text += {char(0xf0 | (code >> 18)), char(0x80 | ((code >> 12) & 0x3f)),
            char(0x80 | ((code >> 6) & 0x3f)), char(0x80 | (code & 0x3f))};
    }
}

std::string entity(std::string_view name)
{
    constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
        {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
    for (const auto& [word, c] : kNamed)
        if (name == word) return {c};
    if (!name.starts_with('#')) return "&" + std::string(name) + ";";
    const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
    unsigned long code = 0;
    const auto digits = name.substr(hex ? 2 : 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    std::string text;
    append_utf8(text, std::min(code, 0x10fffful));
    return text;
}

std::string unescape(std::string_view xml)
{
    std::string text;
    while (!xml.empty()) {
        const auto amp = xml.find('&');
        text += xml.substr(0, amp);
        if (amp == std::string_view::npos) break;
        const auto end = xml.find(';', amp);
        if (end == std::string_view::npos) return text + std::string(xml.substr(amp));
        text += entity(xml.substr(amp + 1, end - amp - 1));
        xml.remove_prefix(end + 1);
    }
    return text;
}

std::string percent_decode(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned value = 0;
        const char* digits = text.data() + i + 1;
        const bool coded = text[i] == '%' && i + 2 < text.size() &&
                           std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2;
        out += coded ? char(value) : text[i] == '+' ? ' ' : text[i];
        if (coded) i += 2;
    }
    return out;
}

} // namespace

ListPage parse_list(std::string_view xml)
{
    if (xml.find("<ListBucketResult") == std::string_view::npos)
        throw Error{Errc::Internal, "S3Error: the answer is no list of objects"};
    // Half a list would look like files that are gone.
    if (xml.find("</ListBucketResult>") == std::string_view::npos)
        throw Error{Errc::Internal, "S3Error: a list that ends in the middle"};
    ListPage page;
    std::size_t from = 0;
    while (const auto item = element(xml, "Contents", from))
        page.objects.push_back(
            {percent_decode(unescape(first(*item, "Key"))), object_size(first(*item, "Size")),
                bare_etag(unescape(first(*item, "ETag"))), parse_time(first(*item, "LastModified"))});
    from = 0;
    while (const auto item = element(xml, "CommonPrefixes", from))
        page.folders.push_back(percent_decode(unescape(first(*item, "Prefix"))));
    if (first(xml, "IsTruncated") != "true") return page;
    page.next = unescape(first(xml, "NextContinuationToken"));
    if (page.next.empty()) throw Error{Errc::Internal, "S3Error: a list that does not say how it goes on"};
    return page;
}

std::string error_code(std::string_view xml)
{
    std::string code;
    try {
        code = first(xml, "Code").substr(0, 64);
    } catch (const Error&) {
        return "";
    }
    std::erase_if(code, [](unsigned char c) { return !std::isalnum(c); });
    return code;
}

std::string bare_etag(std::string_view etag)
{
    if (etag.starts_with("W/")) etag.remove_prefix(2);
    std::string text(etag);
    // It is sent back in headers: nothing in it may begin another one.
    std::erase_if(text, [](unsigned char c) { return c <= 0x20 || c >= 0x7f || c == '"'; });
    return text;
}

std::string mtime_header(std::int64_t nanoseconds)
{
    constexpr std::int64_t kSecond = 1'000'000'000;
    auto seconds = nanoseconds / kSecond;
    auto rest = nanoseconds % kSecond;
    if (rest < 0) --seconds, rest += kSecond;
    auto digits = std::to_string(rest);
    return std::to_string(seconds) + "." + std::string(9 - digits.size(), '0') + digits;
}

std::optional<std::int64_t> parse_mtime_header(std::string_view text)
{
    constexpr std::int64_t kSecond = 1'000'000'000;
    std::int64_t seconds = 0;
    const auto end = text.data() + text.size();
    const auto [at, failure] = std::from_chars(text.data(), end, seconds);
    constexpr std::int64_t kSane = 9'000'000'000; // beyond, the nanoseconds do not fit
    if (failure != std::errc{} || seconds > kSane || seconds < -kSane) return std::nullopt;
    std::int64_t rest = 0;
    if (at != end && *at == '.') {
        std::string digits(at + 1, std::min<std::size_t>(std::size_t(end - at - 1), 9));
        digits.resize(9, '0');
        rest = number(digits);
    }
    return seconds * kSecond + rest;
}

std::optional<Time> parse_http_date(const std::string& text)
{
    std::tm parts{};
    if (!::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &parts)) return std::nullopt;
    return Time{std::chrono::seconds{::timegm(&parts)}};
}

} // namespace berth
