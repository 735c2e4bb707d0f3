// SPDX-License-Identifier: Apache-2.0
// numeric and money to the unscaled integer of a decimal: two's complement, highest byte first, as few bytes
// as hold it. Source: debezium-contract 2.12 and 10.6; PostgreSQL's numeric_send.
//
// Up to 18 digits go through one 64-bit integer, up to 38 through a 128-bit one, the rest through long
// arithmetic.
#pragma once
#include <absl/container/inlined_vector.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/base/cursor.h"
#include "source/postgres/convert/digits.h"

namespace millrace::postgres {

/// Bytes that an integer needs in two's complement.
constexpr std::size_t twos_complement_bytes(std::int64_t value) noexcept {
  const auto magnitude = static_cast<std::uint64_t>(value ^ (value >> 63));
  return static_cast<std::size_t>(std::bit_width(magnitude)) / 8 + 1;
}

/// A decimal's integer of any size.
class UnscaledBytes {
 public:
  std::span<const std::byte> span() const noexcept { return bytes_; }
  void assign(bool negative, unsigned __int128 magnitude) noexcept;
  /// Magnitude in 64-bit limbs, lowest first.
  void assign(bool negative, std::span<const std::uint64_t> limbs) noexcept;

 private:
  absl::InlinedVector<std::byte, 512> bytes_;
};

/// A decimal whose integer fits 64 bits, or not.
struct ShortDecimal {
  std::int64_t unscaled = 0;
  std::int32_t scale = 0;
};

/// Reads "123.45" of at most 18 digits when it has exactly `scale` fraction digits, as numeric(p,s) does.
/// False: not of this kind, which says nothing about whether it is a number. Reads up to 8 bytes behind the
/// text.
[[gnu::always_inline]] inline bool read_short_decimal(std::string_view text, std::int32_t scale,
                                                      std::int64_t& unscaled) noexcept {
  const char* at = text.data();
  std::size_t size = text.size();
  if (size - 1 >= 20 || scale < 0 || scale > 18) return false;
  const bool negative = *at == '-';
  at += negative;
  size -= negative;
  const auto fraction_digits = static_cast<std::size_t>(scale);
  std::uint64_t magnitude;
  if (scale == 0) {
    if (size > 18 || !read_digits(at, size, magnitude)) return false;
  } else {
    if (size < fraction_digits + 2 || size > 19) return false;
    const std::size_t whole_digits = size - fraction_digits - 1;
    std::uint64_t fraction;
    if (at[whole_digits] != '.' || !read_digits(at, whole_digits, magnitude) ||
        !read_digits(at + whole_digits + 1, fraction_digits, fraction)) {
      return false;
    }
    magnitude = magnitude * kPowersOf10[fraction_digits] + fraction;
  }
  unscaled = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

/// Reads a variable-scale decimal of at most 18 digits, trailing zeros of its fraction stripped. False as
/// above.
bool read_short_decimal(std::string_view text, ShortDecimal& out) noexcept;

/// Any text form at the given scale. A fraction that does not fit the scale: kBadValue.
DecodeError read_decimal(std::string_view text, std::int32_t scale, UnscaledBytes& out) noexcept;
/// Any text form with its own scale, trailing zeros of its fraction stripped.
DecodeError read_variable_decimal(std::string_view text, std::int32_t& scale, UnscaledBytes& out) noexcept;

/// The server's text of a binary numeric.
using NumericText = absl::InlinedVector<char, 1024>;
DecodeError render_numeric(std::span<const std::byte> wire, NumericText& out) noexcept;
/// The same for a value of at most four base-10000 digits whose result fits 18 digits: its integer at the
/// given scale.
bool read_short_numeric(std::span<const std::byte> wire, std::int32_t scale, std::int64_t& unscaled) noexcept;

/// Text of money in lc_monetary C ("-$1,234.56"), or its binary form with two fraction digits; rounded half
/// up, away from zero, to `scale` digits.
DecodeError read_money_text(std::string_view text, std::int32_t scale, std::int64_t& unscaled) noexcept;
DecodeError read_money(std::span<const std::byte> wire, std::int32_t scale, std::int64_t& unscaled) noexcept;

}  // namespace millrace::postgres
