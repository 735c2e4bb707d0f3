// SPDX-License-Identifier: Apache-2.0
// bit and varbit to little-endian bytes: bit 0 of byte 0 is the literal's rightmost bit, and bytes end with
// the highest bit that is set. Source: debezium-contract 2.10.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "millrace/base/cursor.h"
#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

/// A bit string as text: '0' and '1', leftmost first.
class BitText {
 public:
  explicit BitText(std::string_view text) noexcept : text_(text) {}
  bool valid() const noexcept { return text_.find_first_not_of("01") == std::string_view::npos; }
  /// Bits up to the highest one that is set, counted from the right.
  std::size_t significant_bits() const noexcept {
    const std::size_t first = text_.find('1');
    return first == std::string_view::npos ? 0 : text_.size() - first;
  }
  /// The i-th eight bits from the right.
  std::uint8_t byte(std::size_t i) const noexcept {
    const std::size_t end = text_.size() - 8 * i;
    if (end >= 8) {
      // Each character's lowest bit, gathered into the top byte with the first character highest.
      std::uint64_t word;
      std::memcpy(&word, text_.data() + end - 8, sizeof word);
      return static_cast<std::uint8_t>((word & 0x0101'0101'0101'0101) * 0x8040'2010'0804'0201 >> 56);
    }
    unsigned bits = 0;
    for (std::size_t at = 0; at < end; ++at) bits = bits << 1 | (text_[at] == '1');
    return static_cast<std::uint8_t>(bits);
  }

 private:
  std::string_view text_;
};

/// The binary form: a bit count, then bytes with the leftmost bit highest.
class BitWire {
 public:
  explicit BitWire(std::span<const std::byte> wire) noexcept {
    if (wire.size() < 4) return;
    const auto count = load_be<std::uint32_t>(wire.data());
    valid_ = count <= 0x7FFF'FFFF && wire.size() - 4 == (std::size_t{count} + 7) / 8;
    if (valid_) {
      bits_ = count;
      bytes_ = wire.subspan(4);
    }
  }
  bool valid() const noexcept { return valid_; }
  std::size_t significant_bits() const noexcept {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      const auto byte = std::to_integer<unsigned>(bytes_[i]);
      if (byte == 0) continue;
      const std::size_t first = 8 * i + static_cast<std::size_t>(__builtin_clz(byte)) - 24;
      return first < bits_ ? bits_ - first : 0;
    }
    return 0;
  }
  std::uint8_t byte(std::size_t i) const noexcept {
    const std::size_t end = bits_ - 8 * i;  // behind the last of the eight bits, from the left
    const std::size_t last = (end - 1) / 8;
    auto bits = std::to_integer<unsigned>(bytes_[last]);
    if (last > 0) bits |= std::to_integer<unsigned>(bytes_[last - 1]) << 8;
    return static_cast<std::uint8_t>(bits >> (7 - (end - 1) % 8));
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t bits_ = 0;
  bool valid_ = false;
};

}  // namespace millrace::postgres
