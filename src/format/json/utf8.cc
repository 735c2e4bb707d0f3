// SPDX-License-Identifier: Apache-2.0
#include "format/json/utf8.h"

#include <algorithm>

namespace millrace::format {

std::size_t utf8_error_offset(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    char sequence[4] = {};
    const std::size_t left = std::min<std::size_t>(text.size() - at, 4);
    std::memcpy(sequence, text.data() + at, left);
    const std::size_t bytes = utf8_sequence_bytes(sequence, left);
    if (bytes == 0) return at;
    at += bytes;
  }
  return at;
}

}  // namespace millrace::format
