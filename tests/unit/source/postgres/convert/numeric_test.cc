// SPDX-License-Identifier: Apache-2.0
// Decimals. Expected: debezium-contract 2.12 and 10.6 at decimal.handling.mode=precise.
#include <string>

#include "unit/source/postgres/convert/cases.h"

namespace millrace::test {
namespace {

using postgres::Op;

class PostgresNumeric : public testing::TestWithParam<Case> {};
TEST_P(PostgresNumeric, BecomesTheContractsJson) { expect_json(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Decimals, PostgresNumeric,
    testing::Values(
        Case{"zero", Op::kDecimal, 2, "0.00", "0000 0000 0000 0002", "\"AA==\""},
        Case{"one_byte_most", Op::kDecimal, 2, "1.27", "0002 0000 0000 0002 0001 0a8c", "\"fw==\""},
        Case{"one_bit_more", Op::kDecimal, 2, "1.28", "0002 0000 0000 0002 0001 0af0", "\"AIA=\""},
        Case{"minus_one", Op::kDecimal, 0, "-1", "0001 0000 4000 0000 0001", "\"/w==\""},
        Case{"minus_128", Op::kDecimal, 0, "-128", "0001 0000 4000 0000 0080", "\"gA==\""},
        Case{"twelve_digits", Op::kDecimal, 2, "1234567890.12", "0004 0002 0000 0002 000c 0d80 1ed2 04b0",
             "\"HL6ZGhQ=\""},
        Case{"below_one", Op::kDecimal, 4, "0.0001", "0001 ffff 0000 0004 0001", "\"AQ==\""},
        Case{"negative_fraction", Op::kDecimal, 4, "-12345.6700", "0003 0001 4000 0004 0001 0929 1a2c",
             "\"+KQzRA==\""},
        Case{"eighteen_digits", Op::kDecimal, 0, "999999999999999999",
             "0005 0004 0000 0000 0063 270f 270f 270f 270f", "\"DeC2s6dj//8=\""},
        Case{"nineteen_digits", Op::kDecimal, 0, "9999999999999999999",
             "0005 0004 0000 0000 03e7 270f 270f 270f 270f", "\"AIrHIwSJ5///\""},
        Case{"thirty_eight_digits", Op::kDecimal, 0, "99999999999999999999999999999999999999",
             "000a 0009 0000 0000 0063 270f 270f 270f 270f 270f 270f 270f 270f 270f",
             "\"SztMqFqGxHoJiiI//////w==\""},
        Case{"fewer_digits_than_scale", Op::kDecimal, 2, "7", nullptr, "\"Arw=\""},
        Case{"more_zeros_than_scale", Op::kDecimal, 1, "1.5000", nullptr, "\"Dw==\""},
        Case{"negative_scale", Op::kDecimal, -2, "12300", "0002 0001 0000 0000 0001 08fc", "\"ew==\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    VariableScale, PostgresNumeric,
    testing::Values(Case{"trailing_zeros_stripped", Op::kVariableDecimal, 0, "10.500",
                         "0002 0000 0000 0003 000a 1388", R"({"scale":1,"value":"aQ=="})"},
                    Case{"whole_zeros_stay", Op::kVariableDecimal, 0, "1000", "0001 0000 0000 0000 03e8",
                         R"({"scale":0,"value":"A+g="})"},
                    Case{"only_zeros_behind_the_point", Op::kVariableDecimal, 0, "1000.00",
                         "0001 0000 0000 0002 03e8", R"({"scale":0,"value":"A+g="})"},
                    Case{"zero", Op::kVariableDecimal, 0, "0.000", "0000 0000 0000 0003",
                         R"({"scale":0,"value":"AA=="})"},
                    Case{"small", Op::kVariableDecimal, 0, "0.0000000001", "0001 fffd 0000 000a 0064",
                         R"({"scale":10,"value":"AQ=="})"},
                    Case{"twenty_digits", Op::kVariableDecimal, 0, "12345678901234567890",
                         "0005 0004 0000 0000 04d2 162e 2334 0d80 1ed2",
                         R"({"scale":0,"value":"AKtUqYzrHwrS"})"}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Money, PostgresNumeric,
    testing::Values(
        Case{"dollars", Op::kMoney, 2, "$1,234.56", "000000000001e240", "\"AeJA\""},
        Case{"negative", Op::kMoney, 2, "-$0.01", "ffffffffffffffff", "\"/w==\""},
        Case{"more_digits_than_the_server", Op::kMoney, 4, "$1.00", "0000000000000064", "\"JxA=\""},
        Case{"rounded_half_up", Op::kMoney, 1, "$0.25", "0000000000000019", "\"Aw==\""},
        Case{"rounded_away_from_zero", Op::kMoney, 1, "-$0.25", "ffffffffffffffe7", "\"/Q==\""},
        Case{"least", Op::kMoney, 2, "-$92,233,720,368,547,758.08", "8000000000000000", "\"gAAAAAAAAAA=\""}),
    case_name);

TEST(PostgresNumeric, SpecialValuesAreUnrepresentable) {
  for (const Op op : {Op::kDecimal, Op::kVariableDecimal}) {
    const Conversion conversion = postgres::make_conversion(op, 2);
    for (const char* text : {"NaN", "Infinity", "-Infinity"}) {
      EXPECT_EQ(convert_text(conversion, text).error.reason, Reason::kUnrepresentable) << text;
    }
    for (const char* hex : {"0000 0000 c000 0000", "0000 0000 d000 0020", "0000 0000 f000 0020"}) {
      EXPECT_EQ(convert_binary(conversion, hex).error.reason, Reason::kUnrepresentable) << hex;
    }
  }
}

// 10^n is known in binary notation: its bytes end in n / 8 zero bytes, and its size follows from n *
// log2(10).
TEST(PostgresNumeric, NumbersOfManyDigitsKeepTheirSize) {
  for (const int zeros : {37, 38, 39, 100, 1'000, 5'000, 20'000}) {
    const std::string text = "1" + std::string(static_cast<std::size_t>(zeros), '0');
    const Converted converted = convert_text(postgres::make_conversion(Op::kDecimal, 0), text);
    const auto bits = static_cast<std::size_t>(zeros * 3.321928094887362) + 1;
    const std::size_t bytes = bits / 8 + 1;
    EXPECT_EQ(converted.json.size(), (bytes + 2) / 3 * 4 + 2) << zeros;
  }
}

TEST(PostgresNumeric, FewWireBytesMayMeanManyDigits) {
  const Converted converted =
      convert_binary(postgres::make_conversion(Op::kDecimal, 0), "0001 7fff 0000 0000 0001");
  EXPECT_GT(converted.json.size(), 70'000U);
}

}  // namespace
}  // namespace millrace::test
