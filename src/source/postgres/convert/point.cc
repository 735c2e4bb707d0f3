// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/point.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace {
/// The text form knows one NaN: whatever bits a binary one has, its well-known binary is the same.
double with_one_nan(double value) noexcept {
  return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
}
}  // namespace

bool read_point_text(std::string_view text, Point& out) noexcept {
  const std::size_t comma = text.find(',');
  if (text.size() < 2 || !text.starts_with('(') || !text.ends_with(')') || comma == std::string_view::npos)
    return false;
  const auto read = [](const char* begin, const char* end, double& value) {
    const std::from_chars_result result = std::from_chars(begin, end, value);
    value = with_one_nan(value);
    return result.ec == std::errc{} && result.ptr == end;
  };
  const char* const begin = text.data();
  return read(begin + 1, begin + comma, out.x) && read(begin + comma + 1, begin + text.size() - 1, out.y);
}

bool read_point(std::span<const std::byte> wire, Point& out) noexcept {
  if (wire.size() != 16) return false;
  out.x = with_one_nan(std::bit_cast<double>(load_be<std::uint64_t>(wire.data())));
  out.y = with_one_nan(std::bit_cast<double>(load_be<std::uint64_t>(wire.data() + 8)));
  return true;
}

}  // namespace millrace::postgres
