// SPDX-License-Identifier: Apache-2.0
// Base64 with the standard alphabet and padding, as Jackson writes bytes. Source: RFC 4648 section 4.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace::format {

constexpr std::size_t base64_bytes(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

namespace internal {

inline constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Two characters for twelve bits: half the look-ups of one character for six.
inline constexpr std::array<std::uint16_t, 4096> kBase64Pairs = [] {
  std::array<std::uint16_t, 4096> pairs{};
  for (unsigned bits = 0; bits < 4096; ++bits) {
    const auto first = static_cast<unsigned char>(kBase64[bits >> 6]);
    const auto second = static_cast<unsigned char>(kBase64[bits & 63]);
    pairs[bits] = static_cast<std::uint16_t>(first | second << 8);
  }
  return pairs;
}();

/// The value of a hex digit; 0xFF for anything else.
inline constexpr std::array<std::uint8_t, 256> kHexValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(0xFF);
  for (std::uint8_t i = 0; i < 10; ++i) values[std::size_t{'0'} + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) {
    const auto value = static_cast<std::uint8_t>(10 + i);
    values[std::size_t{'a'} + i] = value;
    values[std::size_t{'A'} + i] = value;
  }
  return values;
}();

[[gnu::always_inline]] inline char* put_base64_group(char* out, std::uint32_t three_bytes) noexcept {
  const std::uint32_t four =
      kBase64Pairs[three_bytes >> 12] | std::uint32_t{kBase64Pairs[three_bytes & 0xFFF]} << 16;
  std::memcpy(out, &four, 4);
  return out + 4;
}

/// Eight bytes, the first one highest, as twelve characters; the last one is meaningless (there is no ninth
/// byte).
[[gnu::always_inline]] inline void put_base64_word(char* out, std::uint64_t word) noexcept {
  const std::uint16_t pairs[] = {kBase64Pairs[word >> 52],         kBase64Pairs[word >> 40 & 0xFFF],
                                 kBase64Pairs[word >> 28 & 0xFFF], kBase64Pairs[word >> 16 & 0xFFF],
                                 kBase64Pairs[word >> 4 & 0xFFF],  kBase64Pairs[word << 8 & 0xFFF]};
  std::memcpy(out, pairs, sizeof pairs);
}

/// The last one or two bytes of a value, padded.
inline char* put_base64_tail(char* out, std::uint32_t first, std::uint32_t second, bool two) noexcept {
  const std::uint32_t bits = first << 16 | second << 8;
  out[0] = kBase64[bits >> 18];
  out[1] = kBase64[bits >> 12 & 63];
  out[2] = two ? kBase64[bits >> 6 & 63] : '=';
  out[3] = '=';
  return out + 4;
}

}  // namespace internal

/// Encodes `size` bytes. Reads only them; writes base64_bytes(size). @return behind the last character.
char* put_base64(const std::byte* bytes, std::size_t size, char* out) noexcept;

/// Encodes up to eight bytes that stand highest first in a word's low `size` bytes. Writes up to 16 bytes at
/// `out`.
[[gnu::always_inline]] inline char* put_base64_short(std::uint64_t value, std::size_t size,
                                                     char* out) noexcept {
  internal::put_base64_word(out, value << (64 - 8 * size));
  const std::size_t characters = base64_bytes(size);
  // 8 bytes: 11 characters and one '='; 7: 10 and two; 6: 8 and none, and so on in threes.
  const std::size_t padding = characters / 4 * 3 - size;
  char* const end = out + characters;
  if (padding >= 1) end[-1] = '=';
  if (padding == 2) end[-2] = '=';
  return end;
}

/// Encodes the bytes that hex digits stand for. @return behind the last character; nullptr unless `hex` is
/// pairs of hex digits. Reads only the text; writes base64_bytes(hex.size() / 2).
char* put_base64_of_hex(std::string_view hex, char* out) noexcept;

}  // namespace millrace::format
