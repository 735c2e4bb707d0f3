// SPDX-License-Identifier: Apache-2.0
#include "format/json/base64.h"

namespace millrace::format {

char* put_base64(const std::byte* bytes, std::size_t size, char* out) noexcept {
  const auto at = [bytes](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  std::size_t i = 0;
  for (; size - i >= 8; i += 6) {
    std::uint64_t word;
    std::memcpy(&word, bytes + i, sizeof word);
    word = __builtin_bswap64(word);
    const std::uint16_t pairs[] = {
        internal::kBase64Pairs[word >> 52], internal::kBase64Pairs[word >> 40 & 0xFFF],
        internal::kBase64Pairs[word >> 28 & 0xFFF], internal::kBase64Pairs[word >> 16 & 0xFFF]};
    std::memcpy(out, pairs, sizeof pairs);
    out += sizeof pairs;
  }
  for (; size - i >= 3; i += 3) {
    out = internal::put_base64_group(out, at(i) << 16 | at(i + 1) << 8 | at(i + 2));
  }
  if (i == size) return out;
  const bool two = size - i == 2;
  return internal::put_base64_tail(out, at(i), two ? at(i + 1) : 0, two);
}

char* put_base64_of_hex(std::string_view hex, char* out) noexcept {
  if (hex.size() % 2 != 0) return nullptr;
  std::uint32_t seen = 0;  // collects the high bits that a digit's value never has
  const auto byte = [&](std::size_t i) {
    const std::uint32_t high = internal::kHexValues[static_cast<unsigned char>(hex[i])];
    const std::uint32_t low = internal::kHexValues[static_cast<unsigned char>(hex[i + 1])];
    seen |= high | low;
    return (high << 4 | low) & 0xFF;
  };
  std::size_t i = 0;
  for (; hex.size() - i >= 6; i += 6) {
    const std::uint32_t first = byte(i);
    const std::uint32_t second = byte(i + 2);
    out = internal::put_base64_group(out, first << 16 | second << 8 | byte(i + 4));
  }
  if (i != hex.size()) {
    const bool two = hex.size() - i == 4;
    const std::uint32_t first = byte(i);
    out = internal::put_base64_tail(out, first, two ? byte(i + 2) : 0, two);
  }
  return seen < 16 ? out : nullptr;
}

}  // namespace millrace::format
