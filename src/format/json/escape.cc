// SPDX-License-Identifier: Apache-2.0
#include "format/json/escape.h"

namespace millrace::format {

namespace internal {

char* put_surrogates(char* out, const char* at) noexcept {
  constexpr char hex[] = "0123456789ABCDEF";
  const std::uint32_t beyond = decode_utf8_4(at) - 0x10000;
  const std::uint32_t units[] = {0xD800 + (beyond >> 10), 0xDC00 + (beyond & 0x3FF)};
  for (const std::uint32_t unit : units) {
    *out++ = '\\';
    *out++ = 'u';
    for (int shift = 12; shift >= 0; shift -= 4) *out++ = hex[unit >> shift & 15];
  }
  return out;
}

}  // namespace internal

std::size_t escaped_bytes(std::string_view text) noexcept {
  std::size_t bytes = text.size();
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // The table holds the escape's length; a four-byte sequence becomes twelve characters, counted at its
    // first byte.
    const std::uint64_t escape = internal::kEscapes[byte] >> 56;
    if (escape != 0) bytes += escape - 1;
    if (byte >= 0xF0) bytes += 8;
  }
  return bytes;
}

}  // namespace millrace::format
