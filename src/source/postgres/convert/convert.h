// SPDX-License-Identifier: Apache-2.0
// write_value(): see value.h for what it promises. The switch over ops is a jump table; what a row needs
// often stands in this file or is inlined into it, the rest is called.
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/slab.h"
#include "source/postgres/convert/array.h"
#include "source/postgres/convert/bits.h"
#include "source/postgres/convert/fixed_text.h"
#include "source/postgres/convert/hstore.h"
#include "source/postgres/convert/integer.h"
#include "source/postgres/convert/interval.h"
#include "source/postgres/convert/numeric.h"
#include "source/postgres/convert/point.h"
#include "source/postgres/convert/range.h"
#include "source/postgres/convert/temporal.h"
#include "source/postgres/convert/tsvector.h"
#include "source/postgres/convert/usual.h"
#include "source/postgres/convert/value.h"
#include "source/postgres/convert/wire.h"

namespace millrace::postgres {

namespace internal {

inline constexpr DecodeError kOk{};
inline constexpr DecodeError kBad{Reason::kBadValue, 0};

/// Conversions of one value to a writer. A class for its template parameter alone.
template <class Writer>
class ValueWriter {
 public:
  ValueWriter(FieldView field, Writer& writer) noexcept : field_(field), writer_(writer) {}

  DecodeError write(const Conversion& conversion) noexcept {
    switch (op_of(conversion)) {
      case Op::kNone:
        break;
      case Op::kBool:
        return boolean();
      case Op::kInt16:
        return integer<std::int16_t>(kInt16Range);
      case Op::kInt32:
        return integer<std::int32_t>(kInt32Range);
      case Op::kInt64:
        return integer<std::int64_t>(kInt64Range);
      case Op::kOid:
        return integer<std::uint32_t>(kOidRange);
      case Op::kFloat32:
        return float32();
      case Op::kFloat64:
        return float64();
      case Op::kDecimal:
        return decimal(conversion.argument);
      case Op::kVariableDecimal:
        return variable_decimal();
      case Op::kMoney:
        return money(conversion.argument);
      case Op::kText:
        return text(field_.text());
      case Op::kServerText:
        return binary() ? DecodeError{Reason::kUnknownConversion, 0} : text(field_.text());
      case Op::kChar:
        return binary() ? fixed_text(put_char) : text(field_.text());
      case Op::kJsonb:
      case Op::kLtree:
        return binary() ? versioned_text() : text(field_.text());
      case Op::kUuid:
        return binary() ? fixed_text(put_uuid) : text(field_.text());
      case Op::kInet:
        return binary() ? fixed_text(put_inet) : text(field_.text());
      case Op::kMacaddr:
        return binary() ? fixed_text(put_macaddr) : text(field_.text());
      case Op::kBytes:
        return bytes();
      case Op::kBit1:
        return bit();
      case Op::kBits:
        return bits();
      case Op::kDate:
        return date();
      case Op::kTimeMillis:
        return time(1'000);
      case Op::kTimeMicros:
        return time(1);
      case Op::kTimestampMillis:
        return timestamp_millis();
      case Op::kTimestampMicros:
        return timestamp_micros();
      case Op::kZonedTime:
        return zoned_time();
      case Op::kZonedTimestamp:
        return zoned_timestamp(conversion.argument);
      case Op::kInterval:
        return interval();
      case Op::kInt4Range:
      case Op::kInt8Range:
      case Op::kNumRange:
      case Op::kTsRange:
      case Op::kTstzRange:
      case Op::kDateRange:
        return binary() ? write_range(op_of(conversion), field_.bytes(), writer_) : text(field_.text());
      case Op::kTsvector:
        return binary() ? write_tsvector(field_.bytes(), writer_) : text(field_.text());
      case Op::kHstoreJson:
        return write_hstore(field_.text(), binary() ? HstoreForm::kBinary : HstoreForm::kText, writer_);
      case Op::kPoint:
        return point();
      case Op::kArray:
        return write_array(conversion, field_, writer_);
    }
    return {Reason::kUnknownConversion, 0};
  }

 private:
  bool binary() const noexcept { return field_.kind == FieldKind::kBinary; }

  /// The wire's integer; false when it has another size.
  template <class Int>
  bool load(Int& value) const noexcept {
    if (field_.size != sizeof(Int)) return false;
    value = load_be<Int>(field_.data);
    return true;
  }

  DecodeError text(std::string_view value) noexcept {
    if (writer_.string(value)) [[likely]]
      return kOk;
    return {Reason::kBadUtf8, static_cast<std::uint32_t>(Writer::error_offset(value))};
  }

  /// A version byte (1), then text.
  DecodeError versioned_text() noexcept {
    if (field_.size == 0 || field_.data[0] != std::byte{1}) return kBad;
    const DecodeError error = text(field_.text().substr(1));
    return error ? DecodeError{error.reason, error.byte_offset + 1} : kOk;
  }

  DecodeError fixed_text(char* (*put)(char*, std::span<const std::byte>) noexcept) noexcept {
    char rendered[kFixedTextMax + kPadding];
    const char* const end = put(rendered, field_.bytes());
    if (end == nullptr) return kBad;
    return text({rendered, static_cast<std::size_t>(end - rendered)});
  }

  DecodeError boolean() noexcept {
    const std::string_view value = field_.text();
    if (binary()) {
      if (value.size() != 1 || static_cast<unsigned char>(value[0]) > 1) return kBad;
      writer_.boolean(value[0] != 0);
      return kOk;
    }
    bool yes = value.size() == 1 && value[0] == 't';
    if (!yes && !(value.size() == 1 && value[0] == 'f')) [[unlikely]] {
      yes = value == "true";  // the words stand in defaults
      if (!yes && value != "false") return kBad;
    }
    writer_.boolean(yes);
    return kOk;
  }

  template <class Int>
  DecodeError integer(const IntegerRange& range) noexcept {
    if (binary()) {
      Int value;
      if (!load(value)) return kBad;
      writer_.integer(static_cast<std::int64_t>(value));
      return kOk;
    }
    if (!is_integer(field_.text(), range)) return kBad;
    writer_.integer_text(field_.text());
    return kOk;
  }

  DecodeError float32() noexcept {
    if (!binary()) return writer_.float32_text(field_.text()) ? kOk : kBad;
    std::uint32_t wire;
    if (!load(wire)) return kBad;
    writer_.float32(std::bit_cast<float>(wire));
    return kOk;
  }

  DecodeError float64() noexcept {
    if (!binary()) return writer_.float64_text(field_.text()) ? kOk : kBad;
    std::uint64_t wire;
    if (!load(wire)) return kBad;
    writer_.float64(std::bit_cast<double>(wire));
    return kOk;
  }

  void unscaled(std::int64_t value) noexcept {
    writer_.short_bytes(static_cast<std::uint64_t>(value), twos_complement_bytes(value));
  }

  DecodeError decimal(std::int32_t scale) noexcept {
    std::int64_t value;
    if (binary() ? read_short_numeric(field_.bytes(), scale, value)
                 : read_short_decimal(field_.text(), scale, value)) [[likely]] {
      unscaled(value);
      return kOk;
    }
    return long_decimal(scale);
  }

  [[gnu::noinline]] DecodeError long_decimal(std::int32_t scale) noexcept {
    UnscaledBytes value;
    NumericText rendered;
    std::string_view digits = field_.text();
    if (const DecodeError error = numeric_text(rendered, digits)) return error;
    if (const DecodeError error = read_decimal(digits, scale, value)) return error;
    writer_.bytes(value.span());
    return kOk;
  }

  /// The text of a numeric in either form.
  DecodeError numeric_text(NumericText& rendered, std::string_view& digits) noexcept {
    if (!binary()) return kOk;
    if (const DecodeError error = render_numeric(field_.bytes(), rendered)) return error;
    digits = {rendered.data(), rendered.size()};
    return kOk;
  }

  DecodeError variable_decimal() noexcept {
    ShortDecimal value;
    if (binary() || !read_short_decimal(field_.text(), value)) return long_variable_decimal();
    begin_variable_decimal(value.scale);
    unscaled(value.unscaled);
    writer_.end_struct();
    return kOk;
  }

  [[gnu::noinline]] DecodeError long_variable_decimal() noexcept {
    UnscaledBytes value;
    NumericText rendered;
    std::int32_t scale = 0;
    std::string_view digits = field_.text();
    if (const DecodeError error = numeric_text(rendered, digits)) return error;
    if (const DecodeError error = read_variable_decimal(digits, scale, value)) return error;
    begin_variable_decimal(scale);
    writer_.bytes(value.span());
    writer_.end_struct();
    return kOk;
  }

  void begin_variable_decimal(std::int32_t scale) noexcept {
    writer_.begin_struct();
    writer_.field("scale");
    writer_.integer(scale);
    writer_.field("value");
  }

  DecodeError money(std::int32_t scale) noexcept {
    std::int64_t value = 0;
    const DecodeError error =
        binary() ? read_money(field_.bytes(), scale, value) : read_money_text(field_.text(), scale, value);
    if (error) return error;
    unscaled(value);
    return kOk;
  }

  DecodeError bytes() noexcept {
    if (binary()) {
      writer_.bytes(field_.bytes());
      return kOk;
    }
    const std::string_view value = field_.text();
    if (value.starts_with("\\x")) return writer_.bytes_of_hex(value.substr(2)) ? kOk : kBad;
    return escaped_bytes();
  }

  /// bytea_output=escape: a backslash doubled, other bytes as they are or as \ooo.
  [[gnu::noinline]] DecodeError escaped_bytes() noexcept {
    const std::string_view value = field_.text();
    std::size_t count = 0;
    std::size_t at = 0;
    const auto octal = [&](std::size_t i) { return static_cast<unsigned char>(value[at + i] - '0'); };
    const auto step = [&]() -> std::size_t {  // characters of the byte at `at`; 0: none
      if (value[at] != '\\') return 1;
      const std::size_t left = value.size() - at;
      if (left >= 2 && value[at + 1] == '\\') return 2;
      return left >= 4 && octal(1) <= 3 && octal(2) <= 7 && octal(3) <= 7 ? 4 : 0;
    };
    for (; at < value.size(); ++count) {
      const std::size_t characters = step();
      if (characters == 0) return {Reason::kBadValue, static_cast<std::uint32_t>(at)};
      at += characters;
    }
    at = 0;
    writer_.bytes_from(count, [&](std::size_t) {
      const std::size_t characters = step();
      const unsigned byte = characters == 4 ? static_cast<unsigned>(octal(1) << 6 | octal(2) << 3 | octal(3))
                                            : static_cast<unsigned char>(value[at]);
      at += characters;
      return byte;
    });
    return kOk;
  }

  DecodeError bit() noexcept {
    if (binary()) {
      const BitWire value(field_.bytes());
      if (!value.valid() || field_.size > 5) return kBad;
      writer_.boolean(value.significant_bits() != 0);
      return kOk;
    }
    const BitText value(field_.text());
    if (!value.valid() || field_.size > 1) return kBad;
    writer_.boolean(value.significant_bits() != 0);
    return kOk;
  }

  DecodeError bits() noexcept {
    return binary() ? bits_of(BitWire(field_.bytes())) : bits_of(BitText(field_.text()));
  }

  template <class Bits>
  DecodeError bits_of(const Bits& value) noexcept {
    if (!value.valid()) return kBad;
    writer_.bytes_from((value.significant_bits() + 7) / 8, [&](std::size_t i) { return value.byte(i); });
    return kOk;
  }

  DecodeError date() noexcept {
    // What the driver's sentinels for infinity become as 32-bit days [contract 2.11].
    constexpr std::int64_t kInfinity = -2'147'472'692;
    constexpr std::int64_t kMinusInfinity = -2'147'472'691;
    std::int32_t days;
    if (binary() ? !load(days) : !read_date(field_.text(), days)) return kBad;
    const std::int64_t unix_days = std::int64_t{days} + kPgEpochUnixDays;
    writer_.integer(days == kDateInfinity        ? kInfinity
                    : days == kDateMinusInfinity ? kMinusInfinity
                                                 : unix_days);
    return kOk;
  }

  DecodeError time(std::int64_t us_per_unit) noexcept {
    std::int64_t us;
    if (binary() ? !load(us) || us < 0 || us > kUsPerDay : !read_time(field_.text(), us)) return kBad;
    writer_.integer(us / us_per_unit);
    return kOk;
  }

  bool read_instant(std::int64_t& us) const noexcept {
    return binary() ? load(us) : read_timestamp(field_.text(), us);
  }

  // The driver's timestamps for infinity in ms [contract 2.11].
  static constexpr std::int64_t kInfinityMs = 9'223'372'036'825'200;
  static constexpr std::int64_t kMinusInfinityMs = -9'223'372'036'832'400;

  DecodeError timestamp_micros() noexcept {
    std::int64_t us;
    if (!read_instant(us)) return kBad;
    std::int64_t unix_us;
    if (us == kTimestampInfinity || us == kTimestampMinusInfinity) [[unlikely]] {
      unix_us = (us == kTimestampInfinity ? kInfinityMs : kMinusInfinityMs) * 1'000;
    } else if (__builtin_add_overflow(us, kPgEpochUnixUs, &unix_us)) [[unlikely]] {
      return {Reason::kUnrepresentable, 0};  // from the year 294247
    }
    writer_.integer(unix_us);
    return kOk;
  }

  DecodeError timestamp_millis() noexcept {
    std::int64_t us;
    if (!read_instant(us)) return kBad;
    if (us == kTimestampInfinity || us == kTimestampMinusInfinity) [[unlikely]] {
      writer_.integer(us == kTimestampInfinity ? kInfinityMs : kMinusInfinityMs);
      return kOk;
    }
    const std::int64_t ms = us / 1'000 - (us % 1'000 < 0);
    writer_.integer(ms + kPgEpochUnixUs / 1'000);
    return kOk;
  }

  DecodeError zoned_timestamp(std::int32_t fraction_digits) noexcept {
    const std::int32_t digits = fraction_digits < 0 ? 0 : fraction_digits > 6 ? 6 : fraction_digits;
    if (!binary() && writer_.ascii_of([&](char* out) noexcept {
          return rewrite_zoned_timestamp(field_.text(), digits, out);
        })) [[likely]] {
      return kOk;
    }
    std::int64_t us;
    if (!read_instant(us)) return kBad;
    writer_.ascii_of([&](char* out) noexcept { return put_zoned_timestamp(out, us, digits); });
    return kOk;
  }

  DecodeError zoned_time() noexcept {
    std::int64_t us;
    if (binary()) {
      constexpr std::size_t kWireBytes = 12;  // us of the local day, seconds west of UTC
      constexpr std::int32_t kZoneMax = 16 * 3'600;
      if (field_.size != kWireBytes) return kBad;
      us = load_be<std::int64_t>(field_.data);
      const auto west = load_be<std::int32_t>(field_.data + 8);
      if (us < 0 || us > kUsPerDay || west > kZoneMax || west < -kZoneMax) return kBad;
      us = (us + west * kUsPerSecond + kUsPerDay) % kUsPerDay;
    } else if (!read_zoned_time(field_.text(), us)) {
      return kBad;
    }
    writer_.ascii_of([&](char* out) noexcept { return put_zoned_time(out, us); });
    return kOk;
  }

  DecodeError interval() noexcept {
    std::int64_t us = 0;
    const DecodeError error =
        binary() ? postgres::read_interval(field_.bytes(), us) : read_interval_text(field_.text(), us);
    if (!error) writer_.integer(us);
    return error;
  }

  DecodeError point() noexcept {
    Point value;
    if (!(binary() ? read_point(field_.bytes(), value) : read_point_text(field_.text(), value))) return kBad;
    writer_.begin_struct();
    writer_.field("x");
    writer_.float64(value.x);
    writer_.field("y");
    writer_.float64(value.y);
    writer_.field("wkb");
    writer_.bytes(point_wkb(value));
    writer_.field("srid");
    writer_.null();
    writer_.end_struct();
    return kOk;
  }

  FieldView field_;
  Writer& writer_;
};

}  // namespace internal

template <class Writer>
DecodeError write_value(const Conversion& conversion, FieldView field, Writer& writer) noexcept {
  if (field.kind == FieldKind::kNull) {
    writer.null();
    return {};
  }
  if (!field.has_value()) [[unlikely]]
    return {Reason::kBadValue, 0};
  const auto before = writer.position();
  const DecodeError error = internal::ValueWriter<Writer>(field, writer).write(conversion);
  if (error) [[unlikely]]
    writer.rewind(before);
  return error;
}

}  // namespace millrace::postgres
