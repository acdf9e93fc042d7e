#pragma once
// Randomness from the operating system's generator: identifiers and keys.

#include "controller/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace berth {

/// Characters of generated names: no vowels and no look-alikes, so no words and no misreading; DNS-safe.
inline constexpr std::string_view kNameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

/// `length` characters of `alphabet`, each equally likely.
std::string random_text(std::size_t length, std::string_view alphabet = kNameAlphabet);
/// A UUID of version 7 (RFC 9562): sorts by creation time, which is `now`.
std::string make_uuid(Time now);
/// For a generator of jitter: nothing secret.
std::uint32_t random_seed();
/// Lower-case hexadecimal SHA-256.
std::string sha256_hex(std::string_view bytes);
/// Compares in a time that depends on the lengths only.
bool equal_constant_time(std::string_view left, std::string_view right);

} // namespace berth
