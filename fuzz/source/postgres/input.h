// SPDX-License-Identifier: Apache-2.0
// How the targets here read their input: a few bytes that choose, then the bytes to decode.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace millrace::fuzz {

/// Takes the next byte off the front; zero when there is none.
inline std::uint8_t take_byte(std::span<const std::uint8_t>& input) {
  if (input.empty()) return 0;
  const std::uint8_t byte = input.front();
  input = input.subspan(1);
  return byte;
}

/// Takes as many bytes off the front as the byte before them says, or what there is.
inline std::span<const std::uint8_t> take_counted(std::span<const std::uint8_t>& input) {
  const std::size_t n = std::min<std::size_t>(take_byte(input), input.size());
  const auto taken = input.first(n);
  input = input.subspan(n);
  return taken;
}

/// A property that must hold for every input.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace millrace::fuzz
