// SPDX-License-Identifier: Apache-2.0
// Integers to decimal digits.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::format {

namespace internal {

/// The eight digits of v < 10^8, one a byte, the first digit in the lowest byte: halves, quarters, digits in
/// one word.
[[gnu::always_inline]] inline std::uint64_t eight_digits(std::uint32_t v) noexcept {
  const std::uint64_t halves = v / 10'000 | std::uint64_t{v % 10'000} << 32;
  // x / 100 for x < 10,000 is x * 10,486 >> 20; x / 10 for x < 100 is x * 103 >> 10.
  const std::uint64_t hundreds = (halves * 10'486 >> 20) & 0x7F'0000'007F;
  const std::uint64_t pairs = hundreds | (halves - 100 * hundreds) << 16;
  const std::uint64_t tens = (pairs * 103 >> 10) & 0x000F'000F'000F'000F;
  return tens | (pairs - 10 * tens) << 8;
}

[[gnu::always_inline]] inline char* put_eight_digits(char* out, std::uint32_t v) noexcept {
  const std::uint64_t text = eight_digits(v) | 0x3030'3030'3030'3030;
  std::memcpy(out, &text, 8);
  return out + 8;
}

/// Without leading zeros. Writes eight bytes.
[[gnu::always_inline]] inline char* put_up_to_eight_digits(char* out, std::uint32_t v) noexcept {
  const std::uint64_t digits = eight_digits(v);
  // Zeros in front are zero bytes at the low end; the last digit always stays.
  const auto zeros = static_cast<unsigned>(std::countr_zero(digits | std::uint64_t{1} << 56)) / 8;
  const std::uint64_t text = (digits | 0x3030'3030'3030'3030) >> (8 * zeros);
  std::memcpy(out, &text, 8);
  return out + (8 - zeros);
}

}  // namespace internal

/// Writes the digits of `v`; up to 24 bytes are written. @return behind the last digit.
[[gnu::always_inline]] inline char* put_unsigned(char* out, std::uint64_t v) noexcept {
  constexpr std::uint64_t k8 = 100'000'000;
  if (v < k8) return internal::put_up_to_eight_digits(out, static_cast<std::uint32_t>(v));
  const std::uint64_t top = v / k8;
  const auto low = static_cast<std::uint32_t>(v % k8);
  if (top < k8) {
    out = internal::put_up_to_eight_digits(out, static_cast<std::uint32_t>(top));
  } else {
    out = internal::put_up_to_eight_digits(out, static_cast<std::uint32_t>(top / k8));
    out = internal::put_eight_digits(out, static_cast<std::uint32_t>(top % k8));
  }
  return internal::put_eight_digits(out, low);
}

/// The digits of a number, for more than one place: copying them from where they have just been written would
/// wait for the store.
class IntegerText {
 public:
  [[gnu::always_inline]] explicit IntegerText(std::int64_t v) noexcept : negative_(v < 0) {
    constexpr std::uint64_t k8 = 100'000'000;
    const auto bits = static_cast<std::uint64_t>(v);
    std::uint64_t first = negative_ ? 0 - bits : bits;
    if (first >= k8) {
      tail_[0] = eight(first % k8);
      first /= k8;
      tail_size_ = 8;
      if (first >= k8) [[unlikely]] {
        tail_[1] = tail_[0];
        tail_[0] = eight(first % k8);
        first /= k8;
        tail_size_ = 16;
      }
    }
    char digits[8];
    head_size_ = static_cast<std::uint32_t>(
        internal::put_up_to_eight_digits(digits, static_cast<std::uint32_t>(first)) - digits);
    std::memcpy(&head_, digits, sizeof head_);
  }

  /// Writes up to 25 bytes. @return behind the last digit.
  [[gnu::always_inline]] char* put(char* out) const noexcept {
    *out = '-';
    out += negative_;
    std::memcpy(out, &head_, sizeof head_);
    out += head_size_;
    std::memcpy(out, tail_, sizeof tail_);
    return out + tail_size_;
  }

 private:
  [[gnu::always_inline]] static std::uint64_t eight(std::uint64_t v) noexcept {
    return internal::eight_digits(static_cast<std::uint32_t>(v)) | 0x3030'3030'3030'3030;
  }

  bool negative_;
  std::uint32_t head_size_;
  std::uint32_t tail_size_ = 0;
  std::uint64_t head_;
  std::uint64_t tail_[2] = {};
};

/// Same for a signed value.
[[gnu::always_inline]] inline char* put_integer(char* out, std::int64_t v) noexcept {
  *out = '-';
  out += v < 0;
  const auto bits = static_cast<std::uint64_t>(v);
  return put_unsigned(out, v < 0 ? 0 - bits : bits);
}

}  // namespace millrace::format
