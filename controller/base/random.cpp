#include "controller/base/random.hpp"

#include "controller/base/error.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace berth {

namespace {

template <std::size_t N>
void fill(std::array<unsigned char, N>& bytes)
{
    if (RAND_bytes(bytes.data(), int(N)) != 1) throw Error{Errc::Internal, "the random generator failed"};
}

std::string hex(const unsigned char* bytes, std::size_t count)
{
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += kDigits[bytes[i] >> 4];
        text += kDigits[bytes[i] & 15];
    }
    return text;
}

} // namespace

std::string random_text(std::size_t length, std::string_view alphabet)
{
    // Bytes past the largest multiple of the alphabet would favour its first letters: draw again.
    const unsigned limit = 256 - 256 % unsigned(alphabet.size());
    std::string text;
    while (text.size() < length) {
        std::array<unsigned char, 32> bytes;
        fill(bytes);
        for (auto byte : bytes)
            if (byte < limit && text.size() < length) text += alphabet[byte % alphabet.size()];
    }
    return text;
}

std::string make_uuid(Time now)
{
    // Drawn for many ids at once: a call costs more than its bytes. They are no secret.
    thread_local std::array<unsigned char, 1024> drawn;
    thread_local std::size_t used = drawn.size();
    std::array<unsigned char, 16> bytes;
    if (used == drawn.size()) {
        fill(drawn);
        used = 0;
    }
    std::copy_n(drawn.begin() + static_cast<std::ptrdiff_t>(used), bytes.size(), bytes.begin());
    used += bytes.size();
    auto ms = std::uint64_t(std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
    for (int i = 5; i >= 0; --i, ms >>= 8) bytes[std::size_t(i)] = static_cast<unsigned char>(ms & 0xff);
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x70);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    auto text = hex(bytes.data(), bytes.size());
    for (auto dash : {8, 13, 18, 23}) text.insert(std::size_t(dash), "-");
    return text;
}

std::uint32_t random_seed()
{
    std::array<unsigned char, 4> bytes;
    fill(bytes);
    return std::uint32_t(bytes[0]) << 24 | std::uint32_t(bytes[1]) << 16 | std::uint32_t(bytes[2]) << 8 | bytes[3];
}

std::string sha256_hex(std::string_view bytes)
{
    // Fetched once: to find it by its name costs more than to hash a key.
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    std::array<unsigned char, 32> digest{};
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, algorithm, nullptr) != 1)
        throw Error{Errc::Internal, "SHA-256 failed"};
    return hex(digest.data(), size);
}

bool equal_constant_time(std::string_view left, std::string_view right)
{
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

} // namespace berth
