// SPDX-License-Identifier: Apache-2.0
// What is not a value of its type: found, named with its place, and never written.
#include <string>

#include "unit/source/postgres/convert/cases.h"

namespace millrace::test {
namespace {

using postgres::Op;

struct BadValue {
  const char* name;
  Op op;
  std::int32_t argument;
  FieldKind kind;
  const char* value;  ///< Text, or hex of the binary form.
  Reason reason = Reason::kBadValue;
  std::uint32_t byte_offset = 0;
  friend void PrintTo(const BadValue& row, std::ostream* out) { *out << row.name; }
};

class RejectsPostgresValue : public testing::TestWithParam<BadValue> {};
TEST_P(RejectsPostgresValue, WithReasonAndOffset) {
  const BadValue& row = GetParam();
  const Conversion conversion = postgres::make_conversion(row.op, row.argument);
  const Converted converted = row.kind == FieldKind::kText ? convert_text(conversion, row.value)
                                                           : convert_binary(conversion, row.value);
  EXPECT_EQ(converted.error, (DecodeError{row.reason, row.byte_offset})) << converted.json;
}
constexpr FieldKind kText = FieldKind::kText;
constexpr FieldKind kBinary = FieldKind::kBinary;

INSTANTIATE_TEST_SUITE_P(
    Text, RejectsPostgresValue,
    testing::Values(
        BadValue{"bool_word", Op::kBool, 0, kText, "x"}, BadValue{"bool_empty", Op::kBool, 0, kText, ""},
        BadValue{"int_empty", Op::kInt32, 0, kText, ""}, BadValue{"int_sign_only", Op::kInt32, 0, kText, "-"},
        BadValue{"int_plus", Op::kInt32, 0, kText, "+1"}, BadValue{"int_blank", Op::kInt32, 0, kText, " 1"},
        BadValue{"int_letter_inside", Op::kInt64, 0, kText, "12345678x0"},
        BadValue{"int_leading_zero", Op::kInt32, 0, kText, "01"},
        BadValue{"int_closes_the_document", Op::kInt32, 0, kText, "1}"},
        BadValue{"int2_over", Op::kInt16, 0, kText, "32768"},
        BadValue{"int4_over", Op::kInt32, 0, kText, "2147483648"},
        BadValue{"int8_over", Op::kInt64, 0, kText, "9223372036854775808"},
        BadValue{"oid_negative", Op::kOid, 0, kText, "-1"},
        BadValue{"oid_over", Op::kOid, 0, kText, "4294967296"},
        BadValue{"float_empty", Op::kFloat64, 0, kText, ""},
        BadValue{"float_word", Op::kFloat64, 0, kText, "nan"},
        BadValue{"float_point_only", Op::kFloat64, 0, kText, "1."},
        BadValue{"float_two_points", Op::kFloat64, 0, kText, "1.2.3"},
        BadValue{"float_bare_exponent", Op::kFloat64, 0, kText, "1e"},
        BadValue{"float_over", Op::kFloat64, 0, kText, "1e+309"},
        BadValue{"float4_over", Op::kFloat32, 0, kText, "1e+39"},
        BadValue{"decimal_word", Op::kDecimal, 2, kText, "abc"},
        BadValue{"decimal_two_points", Op::kDecimal, 2, kText, "1.2.3", Reason::kBadValue, 3},
        BadValue{"decimal_lost_digits", Op::kDecimal, 1, kText, "1.25"},
        BadValue{"decimal_lost_whole_digits", Op::kDecimal, -2, kText, "12345"},
        BadValue{"money_word", Op::kMoney, 2, kText, "$x", Reason::kBadValue, 1},
        BadValue{"bytes_odd", Op::kBytes, 0, kText, "\\x0"},
        BadValue{"bytes_no_hex", Op::kBytes, 0, kText, "\\x0g"},
        BadValue{"bytes_bad_escape", Op::kBytes, 0, kText, "ab\\9", Reason::kBadValue, 2},
        BadValue{"bit_digit", Op::kBits, 3, kText, "012"}, BadValue{"bit1_of_two", Op::kBit1, 0, kText, "10"},
        BadValue{"date_short", Op::kDate, 0, kText, "2024-1-01"},
        BadValue{"date_month_13", Op::kDate, 0, kText, "2024-13-01"},
        BadValue{"date_february_30", Op::kDate, 0, kText, "2024-02-30"},
        BadValue{"date_february_29", Op::kDate, 0, kText, "2023-02-29"},
        BadValue{"date_year_0", Op::kDate, 0, kText, "0000-01-01"},
        BadValue{"date_style_german", Op::kDate, 0, kText, "29.02.2024"},
        BadValue{"time_over_a_day", Op::kTimeMicros, 0, kText, "24:00:01"},
        BadValue{"time_minute_60", Op::kTimeMicros, 0, kText, "00:60:00"},
        BadValue{"time_seven_digits", Op::kTimeMicros, 0, kText, "00:00:00.1234567"},
        BadValue{"timestamp_date_only", Op::kTimestampMicros, 0, kText, "2024-02-29"},
        BadValue{"timestamp_hour_25", Op::kTimestampMicros, 0, kText, "2024-02-29 25:00:00"},
        BadValue{"timestamp_letter", Op::kTimestampMicros, 0, kText, "2024-02-29 0x:00:00"},
        BadValue{"timestamp_bare_point", Op::kTimestampMicros, 0, kText, "2024-02-29 00:00:00."},
        BadValue{"timestamp_tail", Op::kTimestampMicros, 0, kText, "2024-02-29 00:00:00 AD"},
        BadValue{"timestamp_february_30", Op::kZonedTimestamp, 6, kText, "2024-02-30 00:00:00+00"},
        BadValue{"zoned_fraction_letter", Op::kZonedTimestamp, 6, kText, "2024-02-29 00:00:00.12x+00"},
        BadValue{"zoned_seven_digits", Op::kZonedTimestamp, 6, kText, "2024-02-29 00:00:00.1234567+00"},
        BadValue{"zoned_time_without_seconds", Op::kZonedTime, 0, kText, "12:00+00"},
        BadValue{"interval_empty", Op::kInterval, 0, kText, ""},
        BadValue{"interval_unit", Op::kInterval, 0, kText, "1 week", Reason::kBadValue, 1},
        BadValue{"interval_seconds", Op::kInterval, 0, kText, "01:02:0x", Reason::kBadValue, 2},
        BadValue{"point_open", Op::kPoint, 0, kText, "(1,2"},
        BadValue{"point_word", Op::kPoint, 0, kText, "(a,b)"},
        BadValue{"hstore_open", Op::kHstoreJson, 0, kText, "\"a\"=>\"b", Reason::kBadValue, 7},
        BadValue{"hstore_no_arrow", Op::kHstoreJson, 0, kText, "\"a\":1", Reason::kBadValue, 4}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Binary, RejectsPostgresValue,
    testing::Values(
        BadValue{"bool_2", Op::kBool, 0, kBinary, "02"}, BadValue{"bool_long", Op::kBool, 0, kBinary, "0101"},
        BadValue{"int2_size", Op::kInt16, 0, kBinary, "000001"},
        BadValue{"int4_size", Op::kInt32, 0, kBinary, "0001"},
        BadValue{"int8_size", Op::kInt64, 0, kBinary, "00000001"},
        BadValue{"oid_size", Op::kOid, 0, kBinary, ""},
        BadValue{"float4_size", Op::kFloat32, 0, kBinary, "3ff0000000000000"},
        BadValue{"float8_size", Op::kFloat64, 0, kBinary, "3f800000"},
        BadValue{"numeric_head", Op::kDecimal, 0, kBinary, "0000 0000 0000"},
        BadValue{"numeric_count", Op::kDecimal, 0, kBinary, "0002 0000 0000 0000 0001"},
        BadValue{"numeric_sign", Op::kDecimal, 0, kBinary, "0001 0000 1234 0000 0001", Reason::kBadValue, 4},
        BadValue{"numeric_digit", Op::kDecimal, 0, kBinary, "0001 0000 0000 0000 2710", Reason::kBadValue, 8},
        BadValue{"numeric_scale", Op::kDecimal, 0, kBinary, "0001 0000 0000 4000 0001", Reason::kBadValue, 6},
        BadValue{"jsonb_version", Op::kJsonb, 0, kBinary, "02 7b7d"},
        BadValue{"jsonb_empty", Op::kJsonb, 0, kBinary, ""},
        BadValue{"uuid_size", Op::kUuid, 0, kBinary, "00"},
        BadValue{"inet_family", Op::kInet, 0, kBinary, "01200004 0a000001"},
        BadValue{"inet_bits", Op::kInet, 0, kBinary, "02210004 0a000001"},
        BadValue{"inet_size", Op::kInet, 0, kBinary, "02200004 0a0000"},
        BadValue{"mac_size", Op::kMacaddr, 0, kBinary, "08002b0102"},
        BadValue{"char_size", Op::kChar, 0, kBinary, ""},
        BadValue{"bits_count", Op::kBits, 9, kBinary, "00000009 80"},
        BadValue{"bits_negative", Op::kBits, 9, kBinary, "ffffffff"},
        BadValue{"date_size", Op::kDate, 0, kBinary, "0000"},
        BadValue{"time_over", Op::kTimeMicros, 0, kBinary, "000000141dd76001"},
        BadValue{"zone_over", Op::kZonedTime, 0, kBinary, "0000000000000000 7fffffff"},
        BadValue{"interval_size", Op::kInterval, 0, kBinary, "00"},
        BadValue{"range_empty_body", Op::kInt4Range, 0, kBinary, ""},
        BadValue{"range_bound_size", Op::kInt4Range, 0, kBinary, "02 00000002 0001 00000004 00000005",
                 Reason::kBadValue, 5},
        BadValue{"range_cut", Op::kInt4Range, 0, kBinary, "02 00000004 0000", Reason::kBadValue, 5},
        BadValue{"range_tail", Op::kInt4Range, 0, kBinary, "18 00", Reason::kBadValue, 1},
        BadValue{"tsvector_count", Op::kTsvector, 0, kBinary, "00000002 6100 0000", Reason::kBadValue, 8},
        BadValue{"hstore_count", Op::kHstoreJson, 0, kBinary, "7fffffff", Reason::kBadValue, 4},
        BadValue{"server_text_has_no_binary", Op::kServerText, 0, kBinary, "00", Reason::kUnknownConversion},
        BadValue{"none", Op::kNone, 0, kText, "x", Reason::kUnknownConversion},
        BadValue{"number_beyond_the_ops", static_cast<Op>(0xFFFF), 0, kText, "x", Reason::kUnknownConversion},
        BadValue{"array_of_nothing", Op::kArray, 0, kText, "{}", Reason::kUnknownConversion},
        BadValue{"interval_infinity", Op::kInterval, 0, kBinary, "7fffffffffffffff 7fffffff 7fffffff",
                 Reason::kUnrepresentable},
        BadValue{"micros_after_294247", Op::kTimestampMicros, 0, kText, "294276-12-31 23:59:59",
                 Reason::kUnrepresentable}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RejectsPostgresValue, InvalidUtf8AtEveryPlace) {
  const char* const bad[] = {
      "\x80",
      "\xbf",
      "\xc0\x80",
      "\xc1\xbf",
      "\xc3",
      "\xe0\x80\x80",
      "\xe0\x9f\xbf",
      "\xe2\x82",
      "\xed\xa0\x80",
      "\xed\xbf\xbf",
      "\xf0\x80\x80\x80",
      "\xf0\x8f\xbf\xbf",
      "\xf0\x9f\x98",
      "\xf4\x90\x80\x80",
      "\xf5\x80\x80\x80",
      "\xff",
      "\xe2\x28\xa1",
      "\xf0\x28\x8c\xbc",
  };
  const Conversion text = postgres::make_conversion(Op::kText);
  for (const char* sequence : bad) {
    for (std::size_t before = 0; before < 70; ++before) {
      const std::string value = std::string(before, 'a') + sequence;
      EXPECT_EQ(convert_text(text, value).error,
                (DecodeError{Reason::kBadUtf8, static_cast<std::uint32_t>(before)}));
      EXPECT_EQ(convert_text(text, value + "bcd").error.reason, Reason::kBadUtf8);
    }
    EXPECT_EQ(convert_text(array_of(Op::kText), "{\"\\\"" + std::string(sequence) + "\"}").error.reason,
              Reason::kBadUtf8);
    EXPECT_EQ(
        convert_text(postgres::make_conversion(Op::kHstoreJson), "\"" + std::string(sequence) + "x\"=>NULL")
            .error.reason,
        Reason::kBadUtf8);
  }
}

TEST(RejectsPostgresValue, ThatIsNoValueAtAll) {
  for (const FieldKind kind : {FieldKind::kUnchanged, FieldKind::kAbsent}) {
    EXPECT_EQ(convert(postgres::make_conversion(Op::kText), kind, {}).error.reason, Reason::kBadValue);
  }
}

}  // namespace
}  // namespace millrace::test
