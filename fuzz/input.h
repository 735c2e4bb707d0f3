// SPDX-License-Identifier: Apache-2.0
// How targets read their input: a few bytes that choose, then the bytes to decode.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string_view>

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
  const std::size_t wanted = take_byte(input);
  const std::size_t n = std::min(wanted, input.size());
  const auto taken = input.first(n);
  input = input.subspan(n);
  return taken;
}

/// Takes a number of so many bytes off the front, highest first; what is missing counts as zero.
inline std::uint64_t take_number(std::span<const std::uint8_t>& input, int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | take_byte(input);
  return value;
}

/// What is left, as text.
inline std::string_view text_of(std::span<const std::uint8_t> input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

/// A property that must hold for every input.
inline void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(), static_cast<unsigned>(where.line()));
  std::abort();
}

}  // namespace millrace::fuzz
