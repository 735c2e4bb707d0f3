// SPDX-License-Identifier: Apache-2.0
// Reading PostgreSQL's binary forms: big-endian integers at places whose bounds were checked.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace millrace::postgres {

template <class Int>
[[gnu::always_inline]] inline Int load_be(const std::byte* at) noexcept {
  static_assert(std::endian::native == std::endian::little);
  Int value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (sizeof(Int) == 2)
    return static_cast<Int>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  if constexpr (sizeof(Int) == 4)
    return static_cast<Int>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  if constexpr (sizeof(Int) == 8)
    return static_cast<Int>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  return value;
}

}  // namespace millrace::postgres
