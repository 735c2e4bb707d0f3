// SPDX-License-Identifier: Apache-2.0
// UTF-8 sequences beyond ASCII. Surrogates, overlong forms and values over U+10FFFF are not UTF-8.
// Source: Unicode Standard, table 3-7.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace millrace::format {

/// Length (2 to 4) of the sequence at `at`, whose first byte is not ASCII; 0 when it is not UTF-8 or longer
/// than `left`. Four bytes are readable at `at`, whatever `left` says.
inline std::size_t utf8_sequence_bytes(const char* at, std::size_t left) noexcept {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);  // the first byte is the lowest
  if ((word & 0xF0) == 0xE0) {
    // The top ten of the sixteen bits: below 0x20 is overlong, 0x360 to 0x37F a surrogate.
    const std::uint32_t top = (word & 0x0F) << 6 | (word >> 8 & 0x3F);
    const bool good = (word & 0xC0C000) == 0x808000 && top >= 0x20 && (top & 0x3E0) != 0x360 && left >= 3;
    return good ? 3 : 0;
  }
  if ((word & 0xE0) == 0xC0) {
    return (word & 0xC000) == 0x8000 && (word & 0xFF) >= 0xC2 && left >= 2 ? 2 : 0;
  }
  const std::uint32_t top = (word & 0x07) << 6 | (word >> 8 & 0x3F);  // value >> 12: 0x10 to 0x10F
  const bool good = (word & 0xC0C0C0F8) == 0x808080F0 && top >= 0x10 && top <= 0x10F && left >= 4;
  return good ? 4 : 0;
}

/// The code point of a valid four-byte sequence.
inline std::uint32_t decode_utf8_4(const char* at) noexcept {
  const auto byte = [at](int i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(at[i])); };
  return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
}

/// Where `text` stops being UTF-8; text.size() when it never does. For error reports: reads nothing behind
/// the text.
std::size_t utf8_error_offset(std::string_view text) noexcept;

}  // namespace millrace::format
