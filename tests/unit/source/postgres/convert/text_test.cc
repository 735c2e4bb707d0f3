// SPDX-License-Identifier: Apache-2.0
// Types shown as strings, and what has to be composed for them. Expected:
// debezium-contract 1.11, 2.10, 2.13, 10.3, 12.
#include <string>

#include "source/postgres/convert/reserve.h"
#include "unit/source/postgres/convert/cases.h"

namespace millrace::test {
namespace {

using postgres::Op;

class PostgresText : public testing::TestWithParam<Case> {};
TEST_P(PostgresText, BecomesTheContractsJson) { expect_json(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Texts, PostgresText,
    testing::Values(Case{"empty", Op::kText, 0, "", "", "\"\""},
                    Case{"padded_bpchar", Op::kText, 0, "ab   ", "'ab   '", "\"ab   \""},
                    Case{"escapes", Op::kText, 0, "\"\\\b\t\n\f\r\x01\x1f/\x7f", nullptr,
                         "\"\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u001F/\x7f\""},
                    Case{"two_and_three_bytes_stay_raw", Op::kText, 0, "é€", "c3a9 e282ac", "\"é€\""},
                    Case{"four_bytes_become_surrogates", Op::kText, 0, "😀", "f09f9880",
                         "\"\\uD83D\\uDE00\""},
                    Case{"last_code_point", Op::kText, 0, "\xf4\x8f\xbf\xbf", nullptr, "\"\\uDBFF\\uDFFF\""},
                    Case{"json_verbatim", Op::kText, 0, "{\"a\" :1}", nullptr, R"("{\"a\" :1}")"},
                    Case{"server_text", Op::kServerText, 0, "(1,x)", nullptr, "\"(1,x)\""},
                    Case{"jsonb", Op::kJsonb, 0, "{\"a\": 1}", "01 '{\"a\": 1}'", R"("{\"a\": 1}")"},
                    Case{"ltree", Op::kLtree, 0, "a.b.c", "01 'a.b.c'", "\"a.b.c\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Ranges, PostgresText,
    testing::Values(
        Case{"int4", Op::kInt4Range, 0, "[1,5)", "02 00000004 00000001 00000004 00000005", "\"[1,5)\""},
        Case{"empty", Op::kInt4Range, 0, "empty", "01", "\"empty\""},
        Case{"unbounded", Op::kInt8Range, 0, "(,)", "18", "\"(,)\""},
        Case{"lower_only", Op::kInt8Range, 0, "[-7,)", "12 00000008 fffffffffffffff9", "\"[-7,)\""},
        Case{"num", Op::kNumRange, 0, "(1.50,NaN]",
             "04 0000000c 0002 0000 0000 0002 0001 1388 00000008 0000 0000 c000 0000", "\"(1.50,NaN]\""},
        Case{"timestamps_quoted", Op::kTsRange, 0, "[\"2000-01-01 00:00:00\",infinity)",
             "02 00000008 0000000000000000 00000008 7fffffffffffffff",
             R"x("[\"2000-01-01 00:00:00\",infinity)")x"},
        Case{"zoned", Op::kTstzRange, 0, "[\"2000-01-01 00:00:00.5+00\",)", "12 00000008 000000000007a120",
             R"x("[\"2000-01-01 00:00:00.5+00\",)")x"},
        Case{"dates", Op::kDateRange, 0, "[2000-01-01,2000-01-02)", "02 00000004 00000000 00000004 00000001",
             "\"[2000-01-01,2000-01-02)\""}),
    case_name);

INSTANTIATE_TEST_SUITE_P(Tsvectors, PostgresText,
                         testing::Values(Case{"positions_and_weights", Op::kTsvector, 0, "'a':1A 'b':2",
                                              "00000002 6100 0001 c001 6200 0001 0002", "\"'a':1A 'b':2\""},
                                         Case{"several_positions", Op::kTsvector, 0, "'a':1,2B,3C",
                                              "00000001 6100 0003 0001 8002 4003", "\"'a':1,2B,3C\""},
                                         Case{"quotes_and_backslashes_doubled", Op::kTsvector, 0,
                                              "'i''t\\\\'", "00000001 69 27 74 5c 00 0000",
                                              "\"'i''t\\\\\\\\'\""},
                                         Case{"empty", Op::kTsvector, 0, "", "00000000", "\"\""}),
                         case_name);

INSTANTIATE_TEST_SUITE_P(
    Hstores, PostgresText,
    testing::Values(Case{"empty", Op::kHstoreJson, 0, "", "00000000", "\"{}\""},
                    Case{"pairs", Op::kHstoreJson, 0, "\"a\"=>\"1\", \"b\"=>NULL",
                         "00000002 00000001 'a' 00000001 '1' 00000001 'b' ffffffff",
                         R"("{\"a\":\"1\",\"b\":null}")"},
                    // Buckets of 16: "b" is 98 & 15 = 2, "aa" 3104 & 15 = 0.
                    Case{"order_of_a_java_map", Op::kHstoreJson, 0, "\"b\"=>\"1\", \"aa\"=>\"2\"",
                         "00000002 00000001 'b' 00000001 '1' 00000002 'aa' 00000001 '2'",
                         R"("{\"aa\":\"2\",\"b\":\"1\"}")"},
                    Case{"escapes_twice", Op::kHstoreJson, 0, "\"a\"=>\"\\\"\\\\\n\x01\"",
                         "00000001 00000001 'a' 00000004 22 5c 0a 01", R"("{\"a\":\"\\\"\\\\\\n\\u0001\"}")"},
                    Case{"beyond_the_bmp", Op::kHstoreJson, 0, "\"😀\"=>\"é\"",
                         "00000001 00000004 f09f9880 00000002 c3a9", R"("{\"\uD83D\uDE00\":\"é\"}")"}),
    case_name);

TEST(PostgresText, EscapesAreFoundAtEveryPlaceOfEveryLength) {
  for (std::size_t size = 1; size <= 100; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '"';
      std::string json = "\"" + text + "\"";
      json.insert(at + 1, "\\");
      EXPECT_EQ(convert_text(postgres::make_conversion(Op::kText), text).json, json);
    }
  }
}

TEST(PostgresText, HugeTextReservesWhatItNeeds) {
  const Conversion conversion = postgres::make_conversion(Op::kText);
  std::string text(100'000, 'x');
  EXPECT_EQ(convert_text(conversion, text).json.size(),
            text.size() + 2);  // the harness compares with the bound
  const FieldView field{reinterpret_cast<const std::byte*>(text.data()), 100'000, FieldKind::kText};
  EXPECT_EQ(postgres::worst_case_bytes(field, conversion), text.size() + 2);
  for (std::size_t i = 0; i < text.size(); i += 7) text[i] = '\x02';
  convert_text(conversion, text);
}

TEST(PostgresText, ManyPairsOfAnHstoreAllArrive) {
  std::string text;
  for (int i = 0; i < 500; ++i) {
    if (i != 0) text += ", ";
    text += "\"key" + std::to_string(i) + "\"=>\"v\"";
  }
  const Converted converted = convert_text(postgres::make_conversion(Op::kHstoreJson), text);
  for (int i = 0; i < 500; ++i) {
    EXPECT_NE(converted.json.find("\\\"key" + std::to_string(i) + "\\\":"), std::string::npos) << i;
  }
}

}  // namespace
}  // namespace millrace::test
