// SPDX-License-Identifier: Apache-2.0
// write_usual(): what most values of most rows are, without a call. See value.h for what it promises.
// Nothing branches on what varies from row to row: signs, lengths up to a vector's, true or false.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/change/field.h"
#include "millrace/change/relation.h"
#include "source/postgres/convert/calendar.h"
#include "source/postgres/convert/integer.h"
#include "source/postgres/convert/op.h"
#include "source/postgres/convert/temporal.h"
#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace internal {

template <class Writer>
[[gnu::always_inline]] inline bool write_usual_integer(std::string_view text, const IntegerRange& range,
                                                       Writer& writer) noexcept {
  if (!is_usual_integer(text, range)) [[unlikely]]
    return false;
  writer.integer_text(text);
  return true;
}

template <class Writer>
[[gnu::always_inline]] inline bool write_usual_boolean(std::string_view text, Writer& writer) noexcept {
  const char letter = *text.data();
  const bool yes = letter == 't';
  if (text.size() != 1 || !(yes | (letter == 'f'))) [[unlikely]]
    return false;
  writer.boolean(yes);
  return true;
}

template <class Writer>
[[gnu::always_inline]] inline bool write_usual_text(const Conversion& conversion, std::string_view text,
                                                    Writer& writer) noexcept {
  switch (op_of(conversion)) {
    case Op::kBool:
      return write_usual_boolean(text, writer);
    case Op::kInt16:
      return write_usual_integer(text, kInt16Range, writer);
    case Op::kInt32:
      return write_usual_integer(text, kInt32Range, writer);
    case Op::kInt64:
      return write_usual_integer(text, kInt64Range, writer);
    case Op::kText:
      return writer.string(text);
    case Op::kDate: {
      std::int64_t unix_days;
      if (!read_usual_date(text, unix_days)) [[unlikely]]
        return false;
      writer.integer(unix_days);
      return true;
    }
    case Op::kTimestampMicros: {
      std::int64_t unix_us;
      if (!read_usual_timestamp(text, unix_us)) [[unlikely]]
        return false;
      writer.integer(unix_us);
      return true;
    }
    case Op::kZonedTimestamp: {
      const std::int32_t digits = conversion.argument;
      if (digits < 0 || digits > 6) [[unlikely]]
        return false;
      return writer.ascii_of([&](char* out) noexcept { return rewrite_zoned_timestamp(text, digits, out); });
    }
    default:
      return false;
  }
}

template <class Int, class Writer>
[[gnu::always_inline]] inline bool write_wire_integer(std::span<const std::byte> wire,
                                                      Writer& writer) noexcept {
  if (wire.size() != sizeof(Int)) [[unlikely]]
    return false;
  writer.integer(static_cast<std::int64_t>(load_be<Int>(wire.data())));
  return true;
}

template <class Writer>
[[gnu::always_inline]] inline bool write_usual_binary(const Conversion& conversion, FieldView field,
                                                      Writer& writer) noexcept {
  switch (op_of(conversion)) {
    case Op::kBool:
      if (field.size != 1 || field.data[0] > std::byte{1}) [[unlikely]]
        return false;
      writer.boolean(field.data[0] != std::byte{0});
      return true;
    case Op::kInt16:
      return write_wire_integer<std::int16_t>(field.bytes(), writer);
    case Op::kInt32:
      return write_wire_integer<std::int32_t>(field.bytes(), writer);
    case Op::kInt64:
      return write_wire_integer<std::int64_t>(field.bytes(), writer);
    case Op::kText:
      return writer.string(field.text());
    case Op::kDate: {
      if (field.size != sizeof(std::int32_t)) [[unlikely]]
        return false;
      const auto days = load_be<std::int32_t>(field.data);
      if (days == kDateInfinity || days == kDateMinusInfinity) [[unlikely]]
        return false;
      writer.integer(days + kPgEpochUnixDays);
      return true;
    }
    case Op::kTimestampMicros: {
      if (field.size != sizeof(std::int64_t)) [[unlikely]]
        return false;
      const auto us = load_be<std::int64_t>(field.data);
      std::int64_t unix_us;  // overflows for infinity, too
      if (us == kTimestampMinusInfinity || __builtin_add_overflow(us, kPgEpochUnixUs, &unix_us)) [[unlikely]]
        return false;
      writer.integer(unix_us);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace internal

template <class Writer>
[[gnu::always_inline]] inline bool write_usual(const Conversion& conversion, FieldView field,
                                               Writer& writer) noexcept {
  if (field.kind == FieldKind::kText) [[likely]]
    return internal::write_usual_text(conversion, field.text(), writer);
  return field.kind == FieldKind::kBinary && internal::write_usual_binary(conversion, field, writer);
}

}  // namespace millrace::postgres
