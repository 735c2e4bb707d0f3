// SPDX-License-Identifier: Apache-2.0
// Types without time and decimals. Expected: debezium-contract 1.11, 2.10, 10.
#include <string>

#include "unit/source/postgres/convert/cases.h"

namespace millrace::test {
namespace {

using postgres::Op;

class PostgresScalar : public testing::TestWithParam<Case> {};
TEST_P(PostgresScalar, BecomesTheContractsJson) { expect_json(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Booleans, PostgresScalar,
                         testing::Values(Case{"bool_true", Op::kBool, 0, "t", "01", "true"},
                                         Case{"bool_false", Op::kBool, 0, "f", "00", "false"},
                                         Case{"bool_default_word", Op::kBool, 0, "true", nullptr, "true"},
                                         Case{"bit1_set", Op::kBit1, 0, "1", "00000001 80", "true"},
                                         Case{"bit1_clear", Op::kBit1, 0, "0", "00000001 00", "false"}),
                         case_name);

INSTANTIATE_TEST_SUITE_P(
    Integers, PostgresScalar,
    testing::Values(
        Case{"int2_zero", Op::kInt16, 0, "0", "0000", "0"},
        Case{"int2_least", Op::kInt16, 0, "-32768", "8000", "-32768"},
        Case{"int2_most", Op::kInt16, 0, "32767", "7fff", "32767"},
        Case{"int4_one", Op::kInt32, 0, "1", "00000001", "1"},
        Case{"int4_minus_one", Op::kInt32, 0, "-1", "ffffffff", "-1"},
        Case{"int4_nine_digits", Op::kInt32, 0, "123456789", "075bcd15", "123456789"},
        Case{"int4_least", Op::kInt32, 0, "-2147483648", "80000000", "-2147483648"},
        Case{"int4_most", Op::kInt32, 0, "2147483647", "7fffffff", "2147483647"},
        Case{"int8_ten_digits", Op::kInt64, 0, "1234567890", "00000000499602d2", "1234567890"},
        Case{"int8_16_digits", Op::kInt64, 0, "9999999999999999", "002386f26fc0ffff", "9999999999999999"},
        Case{"int8_17_digits", Op::kInt64, 0, "10000000000000000", "002386f26fc10000", "10000000000000000"},
        Case{"int8_least", Op::kInt64, 0, "-9223372036854775808", "8000000000000000", "-9223372036854775808"},
        Case{"int8_most", Op::kInt64, 0, "9223372036854775807", "7fffffffffffffff", "9223372036854775807"},
        Case{"oid_most", Op::kOid, 0, "4294967295", "ffffffff", "4294967295"}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Floats, PostgresScalar,
    testing::Values(
        Case{"one", Op::kFloat64, 0, "1", "3ff0000000000000", "1.0"},
        Case{"zero", Op::kFloat64, 0, "0", "0000000000000000", "0.0"},
        Case{"minus_zero", Op::kFloat64, 0, "-0", "8000000000000000", "-0.0"},
        Case{"thousandth_stays_plain", Op::kFloat64, 0, "0.001", "3f50624dd2f1a9fc", "0.001"},
        Case{"below_a_thousandth", Op::kFloat64, 0, "0.0001", "3f1a36e2eb1c432d", "1.0E-4"},
        Case{"below_ten_millions_plain", Op::kFloat64, 0, "9999999.5", "416312cff0000000", "9999999.5"},
        Case{"ten_millions", Op::kFloat64, 0, "10000000", "416312d000000000", "1.0E7"},
        Case{"plain_on_the_server_only", Op::kFloat64, 0, "12345678.9", "41678c29dccccccd", "1.23456789E7"},
        Case{"exponent", Op::kFloat64, 0, "1.234e-05", "3ee9e0fcaf9380fc", "1.234E-5"},
        Case{"large", Op::kFloat64, 0, "1e+100", "54b249ad2594c37d", "1.0E100"},
        Case{"seventeen_digits", Op::kFloat64, 0, "0.30000000000000004", "3fd3333333333334",
             "0.30000000000000004"},
        Case{"most", Op::kFloat64, 0, "1.7976931348623157e+308", "7fefffffffffffff",
             "1.7976931348623157E308"},
        Case{"least_is_two_digits_in_java", Op::kFloat64, 0, "5e-324", "0000000000000001", "4.9E-324"},
        Case{"nan", Op::kFloat64, 0, "NaN", "7ff8000000000000", "\"NaN\""},
        Case{"infinity", Op::kFloat64, 0, "Infinity", "7ff0000000000000", "\"Infinity\""},
        Case{"minus_infinity", Op::kFloat64, 0, "-Infinity", "fff0000000000000", "\"-Infinity\""},
        Case{"literal_longer_than_needed", Op::kFloat64, 0, "0.1000000000000000055511151231257827", nullptr,
             "0.1"},
        Case{"float4_tenth", Op::kFloat32, 0, "0.1", "3dcccccd", "0.1"},
        Case{"float4_most", Op::kFloat32, 0, "3.4028235e+38", "7f7fffff", "3.4028235E38"},
        Case{"float4_least", Op::kFloat32, 0, "1e-45", "00000001", "1.4E-45"},
        Case{"float4_nan", Op::kFloat32, 0, "NaN", "7fc00000", "\"NaN\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Bits, PostgresScalar,
    testing::Values(
        Case{"rightmost_bit_first", Op::kBits, 5, "10110", "00000005 b0", "\"Fg==\""},
        Case{"all_zero_is_empty", Op::kBits, 8, "00000000", "00000008 00", "\"\""},
        Case{"zeros_in_front_trimmed", Op::kBits, 16, "0000000000000001", "00000010 0001", "\"AQ==\""},
        Case{"nine_bits", Op::kBits, 9, "100000001", "00000009 8080", "\"AQE=\""},
        Case{"sixteen_bits_little_endian", Op::kBits, 16, "0000000100000010", "00000010 0102", "\"AgE=\""},
        Case{"empty_varbit", Op::kBits, 100, "", "00000000", "\"\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Bytes, PostgresScalar,
    testing::Values(Case{"empty", Op::kBytes, 0, "\\x", "", "\"\""},
                    Case{"one", Op::kBytes, 0, "\\x00", "00", "\"AA==\""},
                    Case{"two", Op::kBytes, 0, "\\x00ff", "00ff", "\"AP8=\""},
                    Case{"three", Op::kBytes, 0, "\\xdeadbe", "deadbe", "\"3q2+\""},
                    Case{"seven", Op::kBytes, 0, "\\xdeadbeefcafe01", "deadbeefcafe01", "\"3q2+78r+AQ==\""},
                    Case{"upper_case_hex", Op::kBytes, 0, "\\xDEADBE", nullptr, "\"3q2+\""},
                    Case{"escape_output", Op::kBytes, 0, "a\\\\b\\000\\377", "615c6200ff", "\"YVxiAP8=\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Addresses, PostgresScalar,
    testing::Values(
        Case{"ipv4_network", Op::kInet, 0, "10.0.0.1/24", "02180004 0a000001", "\"10.0.0.1/24\""},
        Case{"ipv4_host", Op::kInet, 0, "255.255.255.255", "02200004 ffffffff", "\"255.255.255.255\""},
        Case{"cidr_host_keeps_length", Op::kInet, 0, "10.0.0.1/32", "02200104 0a000001", "\"10.0.0.1/32\""},
        Case{"ipv6_any", Op::kInet, 0, "::", "03800010 00000000000000000000000000000000", "\"::\""},
        Case{"ipv6_loopback", Op::kInet, 0, "::1", "03800010 00000000000000000000000000000001", "\"::1\""},
        Case{"ipv6_trailing_run", Op::kInet, 0, "2001:db8::/32", "03200010 20010db8000000000000000000000000",
             "\"2001:db8::/32\""},
        Case{"ipv6_first_longest_run", Op::kInet, 0, "1:0:0:2::3",
             "03800010 00010000000000020000000000000003", "\"1:0:0:2::3\""},
        Case{"ipv4_mapped", Op::kInet, 0, "::ffff:1.2.3.4", "03800010 00000000000000000000ffff01020304",
             "\"::ffff:1.2.3.4\""},
        Case{"ipv6_one_zero_word_stays", Op::kInet, 0, "1:0:3:4:5:6:7:8",
             "03800010 00010000000300040005000600070008", "\"1:0:3:4:5:6:7:8\""},
        Case{"macaddr", Op::kMacaddr, 0, "08:00:2b:01:02:03", "08002b010203", "\"08:00:2b:01:02:03\""},
        Case{"macaddr8", Op::kMacaddr, 0, "08:00:2b:01:02:03:04:ff", "08002b01020304ff",
             "\"08:00:2b:01:02:03:04:ff\""},
        Case{"uuid", Op::kUuid, 0, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11",
             "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
        Case{"char_letter", Op::kChar, 0, "x", "78", "\"x\""},
        Case{"char_nul", Op::kChar, 0, "", "00", "\"\""},
        Case{"char_high", Op::kChar, 0, "\\377", "ff", "\"\\\\377\""},
        Case{"char_quote", Op::kChar, 0, "\"", "22", "\"\\\"\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Points, PostgresScalar,
    testing::Values(Case{"origin", Op::kPoint, 0, "(0,0)", "0000000000000000 0000000000000000",
                         R"({"x":0.0,"y":0.0,"wkb":"AQEAAAAAAAAAAAAAAAAAAAAAAAAA","srid":null})"},
                    Case{"fraction", Op::kPoint, 0, "(1.5,-2)", "3ff8000000000000 c000000000000000",
                         R"({"x":1.5,"y":-2.0,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAADA","srid":null})"}),
    case_name);

TEST(PostgresScalar, NullIsNullForEveryOp) {
  for (int op = 0; op <= static_cast<int>(Op::kArray); ++op) {
    EXPECT_EQ(convert(postgres::make_conversion(static_cast<Op>(op)), FieldKind::kNull, {}).json, "null")
        << op;
  }
}

TEST(PostgresScalar, IntegersOfEveryLengthAgreeInBothForms) {
  std::int64_t value = 7;
  for (int digits = 1; digits <= 18; ++digits) {
    for (const std::int64_t signed_value : {value, -value}) {
      const std::string text = std::to_string(signed_value);
      char hex[17];
      std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(signed_value));
      expect_json(postgres::make_conversion(Op::kInt64), text.c_str(), hex, text);
    }
    value = value * 10 + digits % 10;
  }
}

}  // namespace
}  // namespace millrace::test
