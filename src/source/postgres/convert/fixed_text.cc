// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/fixed_text.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace {

constexpr char kHex[] = "0123456789abcdef";

char* put_hex(char* out, std::byte byte) noexcept {
  const auto value = std::to_integer<unsigned>(byte);
  *out++ = kHex[value >> 4];
  *out++ = kHex[value & 15];
  return out;
}

char* put_number(char* out, unsigned value, int base = 10) noexcept {
  return std::to_chars(out, out + 8, value, base).ptr;
}

char* put_ipv4(char* out, const std::byte* address) noexcept {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) *out++ = '.';
    out = put_number(out, std::to_integer<unsigned>(address[i]));
  }
  return out;
}

/// The first longest run of zero words becomes "::" if it has two words or more; an IPv4 address inside is
/// dotted.
char* put_ipv6(char* out, const std::byte* address) noexcept {
  std::array<unsigned, 8> words{};
  for (std::size_t i = 0; i < 8; ++i) words[i] = load_be<std::uint16_t>(address + 2 * i);
  std::size_t best_at = 8;
  std::size_t best_words = 1;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && words[end] == 0) ++end;
    if (end - i > best_words) {
      best_at = i;
      best_words = end - i;
    }
    i = end + (end == i);
  }
  if (best_at == 8) best_words = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i >= best_at && i < best_at + best_words) {
      if (i == best_at) *out++ = ':';
      continue;
    }
    if (i != 0) *out++ = ':';
    const bool embedded = best_at == 0 && (best_words == 6 || (best_words == 7 && words[7] != 1) ||
                                           (best_words == 5 && words[5] == 0xFFFF));
    if (i == 6 && embedded) return put_ipv4(out, address + 12);
    out = put_number(out, words[i], 16);
  }
  if (best_at != 8 && best_at + best_words == 8) *out++ = ':';
  return out;
}

}  // namespace

char* put_uuid(char* out, std::span<const std::byte> wire) noexcept {
  if (wire.size() != 16) return nullptr;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    out = put_hex(out, wire[i]);
  }
  return out;
}

char* put_macaddr(char* out, std::span<const std::byte> wire) noexcept {
  if (wire.size() != 6 && wire.size() != 8) return nullptr;
  for (std::size_t i = 0; i < wire.size(); ++i) {
    if (i != 0) *out++ = ':';
    out = put_hex(out, wire[i]);
  }
  return out;
}

char* put_inet(char* out, std::span<const std::byte> wire) noexcept {
  constexpr std::size_t kHeadBytes = 4;  // family, bits, is_cidr, address bytes
  if (wire.size() < kHeadBytes) return nullptr;
  const auto family = std::to_integer<unsigned>(wire[0]);
  const auto bits = std::to_integer<unsigned>(wire[1]);
  const auto is_cidr = std::to_integer<unsigned>(wire[2]);
  const std::size_t size = std::to_integer<std::size_t>(wire[3]);
  const bool v4 = family == 2 && size == 4;  // the server's own numbers, the same on every platform
  const bool v6 = family == 3 && size == 16;
  const unsigned bits_max = v4 ? 32 : 128;
  if ((!v4 && !v6) || wire.size() != kHeadBytes + size || bits > bits_max || is_cidr > 1) return nullptr;
  out = v4 ? put_ipv4(out, wire.data() + kHeadBytes) : put_ipv6(out, wire.data() + kHeadBytes);
  if (bits != bits_max || is_cidr != 0) {
    *out++ = '/';
    out = put_number(out, bits);
  }
  return out;
}

char* put_char(char* out, std::span<const std::byte> wire) noexcept {
  if (wire.size() != 1) return nullptr;
  const auto byte = std::to_integer<unsigned>(wire[0]);
  if (byte >= 0x80) {
    *out++ = '\\';
    for (int shift = 6; shift >= 0; shift -= 3) *out++ = static_cast<char>('0' + (byte >> shift & 7));
  } else if (byte != 0) {
    *out++ = static_cast<char>(byte);
  }
  return out;
}

}  // namespace millrace::postgres
