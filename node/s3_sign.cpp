#include "node/s3_sign.hpp"

#include "controller/base/random.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace berth {

namespace {

std::string hmac(std::string_view key, std::string_view text)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned size = 0;
    ::HMAC(EVP_sha256(), key.data(), int(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
        text.size(), bytes.data(), &size);
    return {reinterpret_cast<const char*>(bytes.data()), size};
}

std::string hex(std::string_view bytes)
{
    std::string text;
    for (const char raw : bytes) {
        const auto c = static_cast<unsigned char>(raw);
        text += "0123456789abcdef"[c >> 4];
        text += "0123456789abcdef"[c & 15];
    }
    return text;
}

/// "20261121T083400Z"
std::string stamp(Time now)
{
    auto text = format_time(now).substr(0, 19);
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text + "Z";
}

struct UrlParts {
    std::string host;
    std::string path;
    std::string query;
};

UrlParts split_url(const std::string& url)
{
    UrlParts parts;
    const auto scheme = url.find("://");
    if (scheme == std::string::npos) throw Error{Errc::Internal, "an address without a scheme"};
    const auto slash = url.find('/', scheme + 3);
    parts.host = url.substr(scheme + 3, slash == std::string::npos ? slash : slash - scheme - 3);
    const std::string own = url.starts_with("https:") ? ":443" : ":80";
    if (parts.host.ends_with(own)) parts.host.resize(parts.host.size() - own.size());
    if (slash == std::string::npos) return parts;
    const auto mark = url.find('?', slash);
    parts.path = url.substr(slash, mark == std::string::npos ? mark : mark - slash);
    if (mark != std::string::npos) parts.query = url.substr(mark + 1);
    return parts;
}

} // namespace

std::map<std::string, std::string> sign_s3(const S3Signable& request, const S3Keys& keys, Time now)
{
    const auto url = split_url(request.url);
    const auto when = stamp(now);
    auto headers = request.headers;
    headers["x-amz-date"] = when;
    headers["x-amz-content-sha256"] = request.body_sha256;
    auto signed_headers = headers;
    signed_headers["host"] = url.host;
    std::string lines;
    std::string names;
    for (const auto& [name, value] : signed_headers) {
        lines += name + ":" + value + "\n";
        names += (names.empty() ? "" : ";") + name;
    }
    const auto path = url.path.empty() ? "/" : url.path;
    const auto canonical = request.method + "\n" + path + "\n" + url.query + "\n" + lines + "\n" + names +
                           "\n" + request.body_sha256;
    const auto scope = when.substr(0, 8) + "/" + keys.region + "/s3/aws4_request";
    const auto text = "AWS4-HMAC-SHA256\n" + when + "\n" + scope + "\n" + sha256_hex(canonical);
    auto key = hmac("AWS4" + keys.secret, when.substr(0, 8));
    for (const auto& part : {keys.region, std::string("s3"), std::string("aws4_request")})
        key = hmac(key, part);
    headers["authorization"] = "AWS4-HMAC-SHA256 Credential=" + keys.access + "/" + scope +
                               ", SignedHeaders=" + names + ", Signature=" + hex(hmac(key, text));
    return headers;
}

} // namespace berth
