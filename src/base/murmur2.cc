// SPDX-License-Identifier: Apache-2.0
#include "base/murmur2.h"

#include <cstring>

namespace millrace {

std::uint32_t murmur2(std::span<const std::byte> bytes) noexcept {
  constexpr std::uint32_t kMultiplier = 0x5bd1'e995;
  constexpr int kShift = 24;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint32_t hash = 0x9747'b28cU ^ static_cast<std::uint32_t>(left);
  for (; left >= 4; left -= 4, at += 4) {
    std::uint32_t word;
    std::memcpy(&word, at, sizeof word);
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }
  switch (left) {
    case 3:
      hash ^= static_cast<std::uint32_t>(at[2]) << 16;
      [[fallthrough]];
    case 2:
      hash ^= static_cast<std::uint32_t>(at[1]) << 8;
      [[fallthrough]];
    case 1:
      hash ^= static_cast<std::uint32_t>(at[0]);
      hash *= kMultiplier;
      break;
    default:
      break;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

}  // namespace millrace
