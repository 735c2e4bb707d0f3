// SPDX-License-Identifier: Apache-2.0
// Decimal digits in text, eight at a time in one word. The first character is the word's lowest byte.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::postgres {

/// '0' to '9' become 0 to 9, all else something higher.
[[gnu::always_inline]] inline std::uint64_t load_digits8(const char* at) noexcept {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word ^ 0x3030'3030'3030'3030;
}

/// The first `count` (0 to 8) digits with zeros in front. Reads eight bytes.
[[gnu::always_inline]] inline std::uint64_t load_digits(const char* at, std::size_t count) noexcept {
  return count == 0 ? 0 : load_digits8(at) << (64 - 8 * count);
}

/// The first `count` (0 to 8) digits with zeros behind. Reads eight bytes.
[[gnu::always_inline]] inline std::uint64_t load_fraction(const char* at, std::size_t count) noexcept {
  return count >= 8 ? load_digits8(at) : load_digits8(at) & ((std::uint64_t{1} << (8 * count)) - 1);
}

[[gnu::always_inline]] inline bool all_digits(std::uint64_t digits) noexcept {
  // 10 + 0x76 reaches the top bit. A carry comes only from a byte that is over 9 itself.
  return (((digits + 0x7676'7676'7676'7676) | digits) & 0x8080'8080'8080'8080) == 0;
}

/// Pairs, quads, all eight: each step multiplies the higher part and adds its neighbour.
[[gnu::always_inline]] inline std::uint32_t digits_value(std::uint64_t digits) noexcept {
  digits = (digits * 10 + (digits >> 8)) & 0x00FF'00FF'00FF'00FF;
  digits = (digits * 100 + (digits >> 16)) & 0x0000'FFFF'0000'FFFF;
  return static_cast<std::uint32_t>(digits * 10'000 + (digits >> 32));
}

/// Reads up to 19 digits; false when there are others, or none. Up to 8 bytes behind the digits are read.
[[gnu::always_inline]] inline bool read_digits(const char* at, std::size_t count,
                                               std::uint64_t& value) noexcept {
  if (count - 1 >= 19) return false;
  const std::size_t head = (count - 1) % 8 + 1;
  const std::uint64_t first = load_digits(at, head);
  bool good = all_digits(first);
  value = digits_value(first);
  for (std::size_t i = head; i < count; i += 8) {
    const std::uint64_t next = load_digits8(at + i);
    good &= all_digits(next);
    value = value * 100'000'000 + digits_value(next);
  }
  return good;
}

inline constexpr std::uint64_t kPowersOf10[] = {
    1,
    10,
    100,
    1'000,
    10'000,
    100'000,
    1'000'000,
    10'000'000,
    100'000'000,
    1'000'000'000,
    10'000'000'000,
    100'000'000'000,
    1'000'000'000'000,
    10'000'000'000'000,
    100'000'000'000'000,
    1'000'000'000'000'000,
    10'000'000'000'000'000,
    100'000'000'000'000'000,
    1'000'000'000'000'000'000,
    10'000'000'000'000'000'000U,
};

}  // namespace millrace::postgres
