// SPDX-License-Identifier: Apache-2.0
// Text into the inside of a JSON string, escaped as Jackson and Kafka's JsonConverter do:
//   "  \  and controls below 0x20      \" \\ \b \t \n \f \r, others \u00XX with upper-case hex
//   beyond the BMP                     an escaped surrogate pair, \uD83D\uDE00
//   all else, '/' and DEL included     raw
// Source: debezium-contract 1.11 and 12.
//
// The loop loads a vector, stores it, and asks one mask for bytes that need a look: specials and non-ASCII.
// Without any the copy was the work. After an escape the rest of the vector is stored again at its new place,
// so that all bits of a mask are walked without loading anew.
#pragma once
#include <emmintrin.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "format/json/isa.h"
#include "format/json/utf8.h"

namespace millrace::format {

namespace internal {

/// Escapes of single bytes: up to six characters in the low bytes, their count in the highest; 0: no escape.
inline constexpr std::array<std::uint64_t, 256> kEscapes = [] {
  constexpr auto pack = [](std::string_view text) {
    std::uint64_t packed = std::uint64_t{text.size()} << 56;
    for (std::size_t i = 0; i < text.size(); ++i) packed |= std::uint64_t{std::uint8_t(text[i])} << (8 * i);
    return packed;
  };
  constexpr char hex[] = "0123456789ABCDEF";
  std::array<std::uint64_t, 256> escapes{};
  for (unsigned c = 0; c < 0x20; ++c) {
    const char text[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    escapes[c] = pack({text, sizeof text});
  }
  escapes['\b'] = pack("\\b");
  escapes['\t'] = pack("\\t");
  escapes['\n'] = pack("\\n");
  escapes['\f'] = pack("\\f");
  escapes['\r'] = pack("\\r");
  escapes['"'] = pack("\\\"");
  escapes['\\'] = pack("\\\\");
  return escapes;
}();

/// Writes an escape, eight bytes at once; `out` moves by its length.
inline char* put_escape(char* out, unsigned char c) noexcept {
  const std::uint64_t packed = kEscapes[c];
  std::memcpy(out, &packed, sizeof packed);
  return out + (packed >> 56);
}

/// Writes \uD83D\uDE00 for the four-byte sequence at `at`.
char* put_surrogates(char* out, const char* at) noexcept;

struct Sse2Block {
  static constexpr std::size_t kWidth = 16;
  static void copy(const char* from, char* to) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  /// Copies a vector; a bit for each byte that is a special or not ASCII.
  static std::uint32_t copy_and_look(const char* from, char* to) noexcept {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), v);
    // As signed bytes, controls and what is not ASCII are all below the space.
    const __m128i below_space = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
    const __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    const __m128i any = _mm_or_si128(below_space, _mm_or_si128(quote, backslash));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(any));
  }
};

#ifdef __AVX2__
struct Avx2Block {
  static constexpr std::size_t kWidth = 32;
  static void copy(const char* from, char* to) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static std::uint32_t copy_and_look(const char* from, char* to) noexcept {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v);
    const __m256i below_space = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), v);
    const __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
    const __m256i backslash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
    const __m256i any = _mm256_or_si256(below_space, _mm256_or_si256(quote, backslash));
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(any));
  }
};
#endif

/// Copies 32 bytes.
template <Isa isa>
[[gnu::always_inline]] inline void copy_32(const char* from, char* to) noexcept {
#ifdef __AVX2__
  if constexpr (isa == Isa::kAvx2) {
    Avx2Block::copy(from, to);
    return;
  }
#endif
  Sse2Block::copy(from, to);
  Sse2Block::copy(from + 16, to + 16);
}

template <Isa isa>
struct Escaper;

/// The reference.
template <>
struct Escaper<Isa::kScalar> {
  static char* escape(const char* at, std::size_t size, char* out) noexcept {
    const char* const end = at + size;
    while (at != end) {
      const auto c = static_cast<unsigned char>(*at);
      if (c >= 0x80) {
        const std::size_t bytes = utf8_sequence_bytes(at, static_cast<std::size_t>(end - at));
        if (bytes == 0) return nullptr;
        if (bytes == 4) {
          out = put_surrogates(out, at);
        } else {
          for (std::size_t i = 0; i < bytes; ++i) *out++ = at[i];
        }
        at += bytes;
      } else if (kEscapes[c] != 0) {
        out = put_escape(out, c);
        ++at;
      } else {
        *out++ = static_cast<char>(c);
        ++at;
      }
    }
    return out;
  }
};

/// How far a text is read and written. By value, so that callers keep both in registers.
struct Escaped {
  const char* at;  ///< nullptr: not UTF-8.
  char* out;
};

/// Handles what copy_and_look() found in the vector at `at`, which is already copied to `out`; `hits` is not
/// 0. Moves both on, by a vector or to the end, or past it by the rest of a sequence.
template <class Block>
[[gnu::noinline]] Escaped escape_hits(const char* at, const char* end, char* out,
                                      std::uint32_t hits) noexcept {
  // What stands at at[i] belongs to out[i]; `out` moves when an escape takes more room than its byte.
  do {
    const auto i = static_cast<std::size_t>(std::countr_zero(hits));
    const auto c = static_cast<unsigned char>(at[i]);
    std::size_t next = i + 1;
    if (c < 0x80) {
      out = put_escape(out + i, c) - next;
      Block::copy(at + next, out + next);
    } else {
      const std::size_t bytes = utf8_sequence_bytes(at + i, static_cast<std::size_t>(end - at) - i);
      if (bytes == 0) return {nullptr, out};
      next = i + bytes;
      if (bytes == 4) {
        out = put_surrogates(out + i, at + i) - next;
        Block::copy(at + next, out + next);
      } else if (next > Block::kWidth) {
        std::memcpy(out + i, at + i, 4);
      }
      if (next >= Block::kWidth) {
        return {at + next, out + next};
      }
    }
    hits &= static_cast<std::uint32_t>(~std::uint64_t{0} << next);
  } while (hits != 0);
  const std::size_t done = std::min(Block::kWidth, static_cast<std::size_t>(end - at));
  return {at + done, out + done};
}

template <class Block>
struct VectorEscaper {
  [[gnu::always_inline]] static char* escape(const char* at, std::size_t size, char* out) noexcept {
    const char* const end = at + size;
    while (at < end) {
      const auto left = static_cast<std::size_t>(end - at);
      std::uint32_t hits = Block::copy_and_look(at, out);
      if (left < Block::kWidth) hits &= (std::uint32_t{1} << left) - 1;
      if (hits == 0) [[likely]] {
        const std::size_t done = std::min(Block::kWidth, left);
        at += done;
        out += done;
      } else {
        const Escaped next = escape_hits<Block>(at, end, out, hits);
        if (next.at == nullptr) return nullptr;
        at = next.at;
        out = next.out;
      }
    }
    return out;
  }
};

template <>
struct Escaper<Isa::kSse2> : VectorEscaper<Sse2Block> {};
#ifdef __AVX2__
template <>
struct Escaper<Isa::kAvx2> : VectorEscaper<Avx2Block> {};
#endif

}  // namespace internal

/// Writes `text`, escaped, to `out`. Behind the text lie kPadding readable bytes; at `out` there is room for
/// the result (6 bytes a byte at most) plus 64. @return behind the last character, or nullptr when the text
/// is not UTF-8. Cost: a copy, about 1 ns an escape.
template <Isa isa>
[[gnu::always_inline]] inline char* escape_json(std::string_view text, char* out) noexcept {
  return internal::Escaper<isa>::escape(text.data(), text.size(), out);
}

/// The exact size of the escaped text. Reads only the text. Text that is not UTF-8 is counted as if it were
/// Latin-1.
std::size_t escaped_bytes(std::string_view text) noexcept;

}  // namespace millrace::format
