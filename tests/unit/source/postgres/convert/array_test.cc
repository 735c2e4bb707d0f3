// SPDX-License-Identifier: Apache-2.0
// Arrays of every kind of element. Expected: debezium-contract 2.10, Arrays.
#include <string>

#include "unit/source/postgres/convert/cases.h"

namespace millrace::test {
namespace {

using postgres::Op;

class PostgresArray : public testing::TestWithParam<Case> {};
TEST_P(PostgresArray, BecomesAnArrayOfItsElements) {
  const Case& row = GetParam();
  expect_json(array_of(row.op, row.argument), row.text, row.binary, row.json);
}

INSTANTIATE_TEST_SUITE_P(
    Forms, PostgresArray,
    testing::Values(
        Case{"empty", Op::kInt32, 0, "{}", "00000000 00000000 00000017", "[]"},
        Case{"one", Op::kInt32, 0, "{7}", "00000001 00000000 00000017 00000001 00000001 00000004 00000007",
             "[7]"},
        Case{"bounds_and_null", Op::kInt32, 0, "[2:3]={7,NULL}",
             "00000001 00000001 00000017 00000002 00000002 00000004 00000007 ffffffff", "[7,null]"},
        Case{"negative_bound", Op::kInt32, 0, "[-1:0]={7,8}", nullptr, "[7,8]"},
        Case{"texts", Op::kText, 0, "{a,\"b c\",\"\",\"NULL\",NULL}",
             "00000001 00000001 00000019 00000005 00000001 00000001 'a' 00000003 'b c' 00000000 00000004 "
             "'NULL' ffffffff",
             R"(["a","b c","","NULL",null])"},
        Case{"escaped_texts", Op::kText, 0, R"({"a\"b","c\\d","{,}","é\"😀"})", nullptr,
             R"(["a\"b","c\\d","{,}","é\"\uD83D\uDE00"])"},
        Case{"trailing_bracket_in_text", Op::kText, 0, R"({"[","{",x})", nullptr, R"(["[","{","x"])"}),
    case_name);

INSTANTIATE_TEST_SUITE_P(
    Elements, PostgresArray,
    testing::Values(
        Case{"bools", Op::kBool, 0, "{t,f}",
             "00000001 00000000 00000010 00000002 00000001 00000001 01 00000001 00", "[true,false]"},
        Case{"floats", Op::kFloat64, 0, "{1,1e+20,NaN}", nullptr, "[1.0,1.0E20,\"NaN\"]"},
        Case{"decimals", Op::kDecimal, 2, "{1.00,-1.28}", nullptr, R"(["ZA==","gA=="])"},
        Case{"decimals_with_a_wide_scale", Op::kDecimal, 30,
             "{1.000000000000000000000000000000,0.000000000000000000000000000000}", nullptr,
             R"(["DJ8snNBGdO3qQAAAAA==","AA=="])"},
        Case{"variable_decimals", Op::kVariableDecimal, 0, "{1,2,3,4}", nullptr,
             R"([{"scale":0,"value":"AQ=="},{"scale":0,"value":"Ag=="},{"scale":0,"value":"Aw=="},)"
             R"({"scale":0,"value":"BA=="}])"},
        Case{"dates", Op::kDate, 0, "{1970-01-02,\"0044-03-15 BC\"}", nullptr, "[1,-735160]"},
        Case{"timestamps", Op::kTimestampMicros, 0, "{\"2000-01-01 00:00:00\",infinity}", nullptr,
             "[946684800000000,9223372036825200000]"},
        Case{"zoned_timestamps", Op::kZonedTimestamp, 6, "{\"2000-01-01 00:00:00+00\"}", nullptr,
             R"(["2000-01-01T00:00:00.000000Z"])"},
        Case{"uuids", Op::kUuid, 0, "{b68a35a7-17ad-35b3-af2a-ae46edb4545a}", nullptr,
             R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])"},
        Case{"bytes", Op::kBytes, 0, R"({"\\xdeadbe","\\x"})",
             "00000001 00000000 00000011 00000002 00000001 00000003 deadbe 00000000", R"(["3q2+",""])"},
        Case{"json_documents", Op::kText, 0, R"({"{\"a\": 1}",null})", nullptr, R"(["{\"a\": 1}","null"])"},
        Case{"ranges", Op::kTsRange, 0, R"x({"[\"2000-01-01 00:00:00\",)","[,)"})x", nullptr,
             R"x(["[\"2000-01-01 00:00:00\",)","[,)"])x"},
        Case{"hstores", Op::kHstoreJson, 0, R"({"\"a\"=>\"b\\\"c\"",""})", nullptr,
             R"(["{\"a\":\"b\\\"c\"}","{}"])"},
        Case{"chars", Op::kChar, 0, R"({a,"\\377",""})", nullptr, R"(["a","\\377",""])"}),
    case_name);

TEST(PostgresArray, MoreThanOneDimensionIsUnrepresentable) {
  const Conversion ints = array_of(Op::kInt32);
  EXPECT_EQ(convert_text(ints, "{{1,2},{3,4}}").error, (DecodeError{Reason::kUnrepresentable, 1}));
  EXPECT_EQ(convert_text(ints, "[1:1][1:2]={{1,2}}").error.reason, Reason::kUnrepresentable);
  EXPECT_EQ(
      convert_binary(ints, "00000002 00000000 00000017 00000001 00000001 00000001 00000001 00000004 00000007")
          .error.reason,
      Reason::kUnrepresentable);
}

TEST(PostgresArray, MalformedTextIsABadValueAtItsPlace) {
  const struct {
    const char* text;
    std::uint32_t byte_offset;
  } rows[] = {
      {"", 0},         {"1", 0},        {"{", 1},    {"{1", 2},        {"{1,", 3},  {"{,1}", 1},
      {"{1,,2}", 3},   {"{1}x", 2},     {"{x}", 1},  {"{1 }", 1},      {"{\"1", 3}, {"{\"1\"", 4},
      {"{\"1\"x}", 4}, {"{1\"2\"}", 2}, {"[1:2", 4}, {"[a:2]={1}", 1},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(convert_text(array_of(Op::kInt32), row.text).error,
              (DecodeError{Reason::kBadValue, row.byte_offset}))
        << row.text;
  }
}

TEST(PostgresArray, EveryCutOfABinaryArrayIsABadValue) {
  const std::string hex =
      "00000001000000000000001700000002000000010000000400000007"
      "0000000400000008";
  const Conversion ints = array_of(Op::kInt32);
  EXPECT_EQ(convert_binary(ints, hex).json, "[7,8]");
  for (std::size_t size = 0; size < hex.size(); size += 2) {
    EXPECT_EQ(convert_binary(ints, hex.substr(0, size)).error.reason, Reason::kBadValue) << size / 2;
  }
  EXPECT_EQ(convert_binary(ints, hex + "00").error.reason, Reason::kBadValue);
}

}  // namespace
}  // namespace millrace::test
