#include "api/http/continue_token.hpp"

namespace berth::resource {

std::string to_text(const ContinueToken& token)
{
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char c : json::serialize(encode(token))) {
        text += kDigits[c >> 4];
        text += kDigits[c & 15];
    }
    return text;
}

ContinueToken to_token(const std::string& text)
{
    const auto value = [](char c) {
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= '0' && c <= '9' ? c - '0' : -1;
    };
    std::string plain;
    bool good = text.size() % 2 == 0;
    for (std::size_t i = 0; good && i < text.size(); i += 2) {
        good = value(text[i]) >= 0 && value(text[i + 1]) >= 0;
        plain += static_cast<char>(value(text[i]) * 16 + value(text[i + 1]));
    }
    try {
        if (good) return decode<ContinueToken>(parse_json(plain), Unknown::Reject);
    } catch (const Error&) { // what exactly is wrong inside is nobody's business
    }
    throw Error{Problems{{"continue", "is not a token of this server"}}};
}

} // namespace berth::resource
