// SPDX-License-Identifier: Apache-2.0
#include "millrace/source/postgres/ids.h"

#include <charconv>

namespace millrace::postgres {
namespace {

constexpr std::size_t kHalfDigitsMax = 8;

char* write_half(std::uint32_t half, char* out) noexcept {
  constexpr char kDigits[] = "0123456789ABCDEF";
  int shift = 28;
  while (shift > 0 && (half >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) *out++ = kDigits[(half >> shift) & 0xF];
  return out;
}

// from_chars alone would take "0x" as 0 and a rest; a half is digits from end to end.
std::optional<std::uint32_t> read_half(std::string_view text) noexcept {
  if (text.empty() || text.size() > kHalfDigitsMax) return std::nullopt;
  std::uint32_t half = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, half, 16);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return half;
}

}  // namespace

std::string_view format_lsn(Lsn lsn, std::span<char, kLsnTextMax> out) noexcept {
  char* end = write_half(static_cast<std::uint32_t>(value_of(lsn) >> 32), out.data());
  *end++ = '/';
  end = write_half(static_cast<std::uint32_t>(value_of(lsn)), end);
  return {out.data(), static_cast<std::size_t>(end - out.data())};
}

std::string to_string(Lsn lsn) {
  std::array<char, kLsnTextMax> buffer;
  return std::string(format_lsn(lsn, buffer));
}

std::optional<Lsn> parse_lsn(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = read_half(text.substr(0, slash));
  const auto low = read_half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn{std::uint64_t{*high} << 32 | *low};
}

}  // namespace millrace::postgres
