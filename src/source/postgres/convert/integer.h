// SPDX-License-Identifier: Apache-2.0
// Integers in text: checked, so that their digits can be copied.
#pragma once
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "source/postgres/convert/digits.h"

namespace millrace::postgres {

/// The ends of a type, and what a number with one digit less never exceeds.
struct IntegerRange {
  std::size_t safe_digits;
  std::int64_t least;
  std::int64_t most;
};
inline constexpr IntegerRange kInt16Range{4, -32'768, 32'767};
inline constexpr IntegerRange kInt32Range{9, -2'147'483'648, 2'147'483'647};
inline constexpr IntegerRange kInt64Range{18, INT64_MIN, INT64_MAX};
inline constexpr IntegerRange kOidRange{9, 0, 4'294'967'295};

/// For what is_integer() does not decide at a glance.
bool is_integer_slowly(std::string_view text, const IntegerRange& range) noexcept;

/// Whether is_integer() sees at a glance that the text is one: up to 16 digits, fewer than the type's longest
/// number has, and not 0. Reads up to 16 bytes behind. Nothing branches on sign and length, which vary from
/// row to row.
[[gnu::always_inline]] inline bool is_usual_integer(std::string_view text,
                                                    const IntegerRange& range) noexcept {
  const std::size_t negative = *text.data() == '-';
  const std::size_t digits = text.size() - negative;
  const char* const at = text.data() + negative;
  const std::size_t most = range.safe_digits < 16 ? range.safe_digits : 16;
  if (digits - 1 >= most || *at == '0' || (range.least == 0 && negative != 0)) return false;
#ifdef __SSE2__
  const __m128i values =
      _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)), _mm_set1_epi8('0'));
  const __m128i in_range = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  const std::uint32_t wanted = (std::uint32_t{1} << digits) - 1;
  return (static_cast<std::uint32_t>(_mm_movemask_epi8(in_range)) & wanted) == wanted;
#else
  if (digits <= 8) return all_digits(load_digits(at, digits));
  return all_digits(load_digits8(at)) && all_digits(load_digits8(at + digits - 8));  // the two overlap
#endif
}

/// Whether the text is an integer as the server writes it, and as JSON has it, within the type. Reads up to
/// 16 bytes behind.
[[gnu::always_inline]] inline bool is_integer(std::string_view text, const IntegerRange& range) noexcept {
  return is_usual_integer(text, range) || is_integer_slowly(text, range);
}

}  // namespace millrace::postgres
