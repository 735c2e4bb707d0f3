// SPDX-License-Identifier: Apache-2.0
// point: its two coordinates, and the same as well-known binary, which Debezium's geometry carries beside
// them.
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace millrace::postgres {

struct Point {
  double x = 0;
  double y = 0;
};

bool read_point_text(std::string_view text, Point& out) noexcept;  ///< "(1.5,2)"
bool read_point(std::span<const std::byte> wire, Point& out) noexcept;

/// Little-endian WKB of a point without SRID: byte order 1, type 1, x, y.
inline std::array<std::byte, 21> point_wkb(const Point& point) noexcept {
  static_assert(std::endian::native == std::endian::little);
  std::array<std::byte, 21> wkb{std::byte{1}, std::byte{1}};
  std::memcpy(wkb.data() + 5, &point.x, 8);
  std::memcpy(wkb.data() + 13, &point.y, 8);
  return wkb;
}

}  // namespace millrace::postgres
