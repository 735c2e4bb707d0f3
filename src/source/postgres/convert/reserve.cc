// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/convert/reserve.h"

#include <algorithm>

#include "format/json/escape.h"
#include "source/postgres/convert/op.h"
#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace {

/// Base64 of the two's complement of so many decimal digits, quotes included: 4.16 bits a digit, 3 bytes to 4
/// characters.
std::size_t decimal_bytes(std::size_t digits) noexcept { return digits * 9 / 16 + 12; }

std::size_t scale_digits(const Conversion& conversion) noexcept {
  return static_cast<std::size_t>(std::max(conversion.argument, 0));
}

/// Decimal digits that a binary numeric can expand to.
std::size_t binary_numeric_digits(const std::byte* data, std::size_t size, std::size_t scale) noexcept {
  if (size < 8) return 0;
  const auto weight = load_be<std::int16_t>(data + 2);
  const std::size_t fraction = std::max<std::size_t>(load_be<std::uint16_t>(data + 6), scale);
  return 4 * static_cast<std::size_t>(std::max(weight + 1, 0)) + fraction + size;
}

std::size_t binary_range_bytes(FieldView field) noexcept {
  std::size_t bytes = 16;
  std::size_t at = 1;
  for (int bound = 0; bound < 2 && field.size - std::min<std::size_t>(at, field.size) >= 4; ++bound) {
    const auto length = load_be<std::uint32_t>(field.data + at);
    at += 4;
    const std::size_t size = std::min<std::size_t>(length, field.size - at);
    bytes += binary_numeric_digits(field.data + at, size, 0) + 16;
    at += size;
  }
  return bytes;
}

std::size_t binary_array_bytes(FieldView field, const Conversion& element) noexcept {
  constexpr std::size_t kHeaderBytes = 20;  // of one dimension; an empty array has none
  std::size_t bytes = 16;
  std::size_t at = kHeaderBytes;
  while (at + 4 <= field.size) {
    const auto length = load_be<std::int32_t>(field.data + at);
    at += 4;
    const std::size_t size =
        length < 0 ? 0 : std::min<std::size_t>(static_cast<std::size_t>(length), field.size - at);
    const auto kind = length < 0 ? FieldKind::kNull : FieldKind::kBinary;
    bytes += worst_case_bytes({field.data + at, static_cast<std::uint32_t>(size), kind}, element) + 1;
    at += size;
  }
  return bytes;
}

std::size_t text_array_bytes(FieldView field, const Conversion& element) noexcept {
  const std::size_t elements_max = field.size / 2 + 1;  // a character and a comma each
  const Op op = op_of(element);
  if (op == Op::kDecimal) return elements_max * decimal_bytes(scale_digits(element)) + field.size + 16;
  if (op == Op::kVariableDecimal) return elements_max * fixed_bytes(element) + field.size + 16;
  if (writes_text(op)) return format::escaped_bytes(field.text()) + 2 * std::size_t{field.size} + 16;
  if (op == Op::kHstoreJson)
    return 2 * format::escaped_bytes(field.text()) + 2 * std::size_t{field.size} + 16;
  return 3 * std::size_t{field.size} + 16;  // 't,' becomes 'false,'; nothing else grows more
}

}  // namespace

std::size_t fixed_bytes(const Conversion& conversion) noexcept {
  switch (op_of(conversion)) {
    case Op::kDecimal:
      return decimal_bytes(scale_digits(conversion));
    case Op::kVariableDecimal:
      return 48;
    case Op::kMoney:
      return decimal_bytes(scale_digits(conversion)) + 16;
    case Op::kZonedTimestamp:
    case Op::kZonedTime:
      return 48;
    case Op::kPoint:
      return 128;
    default:
      return 32;  // the widest number
  }
}

bool growth_is_bounded(const Conversion& conversion, FieldKind wire) noexcept {
  switch (op_of(conversion)) {
    case Op::kDecimal:
    case Op::kVariableDecimal:
    case Op::kNumRange:
      return wire != FieldKind::kBinary;
    case Op::kHstoreJson:
      return false;
    case Op::kArray: {
      if (conversion.element == nullptr) return true;
      const Op element = op_of(*conversion.element);
      return element != Op::kDecimal && element != Op::kVariableDecimal &&
             growth_is_bounded(*conversion.element, wire);
    }
    default:
      return true;
  }
}

std::size_t worst_case_bytes(FieldView field, const Conversion& conversion) noexcept {
  if (!field.has_value()) return 8;
  const std::size_t size = field.size;
  if (size <= kExactFrom && growth_is_bounded(conversion, field.kind)) {
    return kGrowth * size + fixed_bytes(conversion);
  }
  const bool binary = field.kind == FieldKind::kBinary;
  const Op op = op_of(conversion);
  switch (op) {
    case Op::kDecimal:
    case Op::kVariableDecimal: {
      const std::size_t scale = op == Op::kDecimal ? scale_digits(conversion) : 0;
      const std::size_t digits = binary ? binary_numeric_digits(field.data, size, scale) : size + scale;
      return decimal_bytes(digits) + fixed_bytes(conversion);
    }
    case Op::kNumRange:
      return binary ? binary_range_bytes(field) : format::escaped_bytes(field.text()) + 2;
    case Op::kHstoreJson:
      return 2 * format::escaped_bytes(field.text()) + 16;
    case Op::kBytes:
    case Op::kBit1:
    case Op::kBits:
      return size / 3 * 4 + 16;
    case Op::kArray:
      if (conversion.element == nullptr) return 8;
      return binary ? binary_array_bytes(field, *conversion.element)
                    : text_array_bytes(field, *conversion.element);
    default:
      if (writes_text(op) && (!binary || op == Op::kText || op == Op::kJsonb || op == Op::kLtree)) {
        return format::escaped_bytes(field.text()) + 2;
      }
      return kGrowth * size + fixed_bytes(conversion);
  }
}

}  // namespace millrace::postgres
