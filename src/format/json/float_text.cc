// SPDX-License-Identifier: Apache-2.0
#include "format/json/float_text.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "format/json/number_text.h"

namespace millrace::format {

namespace {

template <class Float>
struct Limits;
template <>
struct Limits<double> {
  static constexpr std::size_t kDigits = 17;  // that any value needs at most
  static constexpr int kExponentMax = 308;
  static constexpr int kExponentMin = -324;
  static constexpr int kSingleDigitBelow = -320;
  static constexpr std::size_t kDistinctDigits = 15;  // decimals of so many digits are different values
  static constexpr int kHalfwayFrom = 15;             // 2^53 and more
};
template <>
struct Limits<float> {
  static constexpr std::size_t kDigits = 9;
  static constexpr int kExponentMax = 38;
  static constexpr int kExponentMin = -45;
  static constexpr int kSingleDigitBelow = -43;
  static constexpr std::size_t kDistinctDigits = 6;
  static constexpr int kHalfwayFrom = 7;  // 2^24 and more
};

/// d.ddd * 10^exponent: significant digits without zeros at either end; none: zero.
struct Decimal {
  char digits[32];
  std::size_t count = 0;
  int exponent = 0;
};

char* put(char* out, std::string_view text) noexcept {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_decimal(char* out, const Decimal& number) noexcept {
  const char* const digits = number.digits;
  const std::size_t count = number.count;
  const int exponent = number.exponent;
  if (count == 0) return put(out, "0.0");
  if (exponent >= 0 && exponent < 7) {
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    std::memset(out, '0', 8);
    std::memcpy(out, digits, count < whole ? count : whole);
    out += whole;
    *out++ = '.';
    if (count <= whole) {
      *out++ = '0';
      return out;
    }
    return put(out, {digits + whole, count - whole});
  }
  if (exponent < 0 && exponent >= -3) {
    std::memcpy(out, "0.000000", 8);
    return put(out + 1 - exponent, {digits, count});
  }
  *out++ = digits[0];
  *out++ = '.';
  if (count == 1) {
    *out++ = '0';
  } else {
    out = put(out, {digits + 1, count - 1});
  }
  *out++ = 'E';
  return put_integer(out, exponent);
}

/// From the scientific notation of std::to_chars or printf: d[.ddd]e[+-]dd.
Decimal read_scientific(const char* at, const char* end) noexcept {
  Decimal number;
  for (; at != end && *at != 'e'; ++at) {
    if (*at != '.') number.digits[number.count++] = *at;
  }
  if (at != end) {
    ++at;
    if (*at == '+') ++at;
    std::from_chars(at, end, number.exponent);
  }
  while (number.count > 0 && number.digits[number.count - 1] == '0') --number.count;
  return number;
}

// Where a value next to zero has a single digit, Java prints the two digits that come closest: 4.9E-324, not
// 5E-324. Everywhere else both agree with the shortest digits.
template <class Float>
Decimal with_two_digits(Float magnitude) noexcept {
  char text[32];
  const int size = std::snprintf(text, sizeof text, "%.1e", static_cast<double>(magnitude));
  return read_scientific(text, text + size);
}

template <class Float>
char* put_float(char* out, Float value) noexcept {
  if (std::isnan(value)) return put(out, "\"NaN\"");
  if (std::isinf(value)) return put(out, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
  if (std::signbit(value)) *out++ = '-';
  const Float magnitude = std::fabs(value);
  if (magnitude == 0) return put(out, "0.0");
  char text[32];
  const char* const end =
      std::to_chars(text, text + sizeof text, magnitude, std::chars_format::scientific).ptr;
  Decimal number = read_scientific(text, end);
  if (number.exponent < Limits<Float>::kSingleDigitBelow && number.count == 1)
    number = with_two_digits(magnitude);
  return put_decimal(out, number);
}

/// For text of any length, such as a default's literal.
template <class Float>
char* convert_text(char* out, std::string_view text) noexcept {
  Float value = 0;
  const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return nullptr;
  return put_float(out, value);
}

template <class Float>
char* put_text(char* out, std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  at += negative;
  if (at == end) return nullptr;
  if (static_cast<unsigned char>(*at - '0') > 9) {
    if (text == "NaN") return put(out, "\"NaN\"");
    if (text == "Infinity") return put(out, "\"Infinity\"");
    if (text == "-Infinity") return put(out, "\"-Infinity\"");
    return nullptr;
  }
  Decimal number;
  const char* first = nullptr;  // the first digit that counts
  const char* point = nullptr;
  for (; at != end; ++at) {
    const auto digit = static_cast<unsigned char>(*at - '0');
    if (digit <= 9) {
      if (number.count == sizeof number.digits) return convert_text<Float>(out, text);
      number.digits[number.count] = *at;
      if (number.count == 0 && digit == 0) continue;
      if (number.count++ == 0) first = at;
    } else if (*at == '.' && point == nullptr) {
      point = at;
    } else {
      break;
    }
  }
  const char* const digits_end = at;
  if (digits_end[-1] == '.') return nullptr;
  int exponent = 0;
  if (at != end) {
    if (*at != 'e') return nullptr;
    at += end - at > 1 && at[1] == '+' ? 2 : 1;
    const std::from_chars_result result = std::from_chars(at, end, exponent);
    if (result.ec != std::errc{} || result.ptr != end || exponent > 400 || exponent < -400) return nullptr;
  }
  if (number.count != 0) {
    const char* const whole_end = point == nullptr ? digits_end : point;
    number.exponent = exponent + static_cast<int>(whole_end - first) - (first < whole_end ? 1 : 0);
    while (number.digits[number.count - 1] == '0') --number.count;
    if (number.count > Limits<Float>::kDigits) return convert_text<Float>(out, text);
    if (number.exponent > Limits<Float>::kExponentMax || number.exponent < Limits<Float>::kExponentMin) {
      return nullptr;
    }
    if (number.exponent < Limits<Float>::kSingleDigitBelow) return convert_text<Float>(out, text);
    // PostgreSQL never prints a decimal that lies exactly between two values, though it rounds to the one
    // meant; Java does when it is shorter: 1.0E23, where the server has 9.999999999999999e+22. Below 2^53
    // such decimals are too long.
    if (number.exponent >= Limits<Float>::kHalfwayFrom && number.count > Limits<Float>::kDistinctDigits) {
      return convert_text<Float>(out, text);
    }
  }
  if (negative) *out++ = '-';
  return put_decimal(out, number);
}

}  // namespace

char* put_float64(char* out, double value) noexcept { return put_float(out, value); }
char* put_float32(char* out, float value) noexcept { return put_float(out, value); }
char* put_float64_text(char* out, std::string_view text) noexcept { return put_text<double>(out, text); }
char* put_float32_text(char* out, std::string_view text) noexcept { return put_text<float>(out, text); }

}  // namespace millrace::format
