// SPDX-License-Identifier: Apache-2.0
// Keys as header texts: what Kafka Connect's SimpleHeaderConverter makes of a struct (debezium-contract 1.9).
#include "format/debezium/header_text.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace millrace::debezium {
namespace {

Schema of(SchemaType type) {
  Schema schema;
  schema.type = type;
  return schema;
}

Schema decimal(const char* scale) {
  Schema schema = of(SchemaType::kBytes);
  schema.name = "org.apache.kafka.connect.data.Decimal";
  schema.parameters = {{"scale", scale}};
  return schema;
}

Schema array(Schema items) {
  Schema schema = of(SchemaType::kArray);
  schema.element = std::make_shared<const Schema>(std::move(items));
  return schema;
}

Schema variable_decimal() {
  Schema schema = of(SchemaType::kStruct);
  schema.fields = {{"scale", of(SchemaType::kInt32)}, {"value", of(SchemaType::kBytes)}};
  return schema;
}

struct Header {
  const char* name;
  Schema schema;
  std::string json;
  std::string text;
};
class HeaderText : public testing::TestWithParam<Header> {};
TEST_P(HeaderText, OfAKeysOnlyField) {
  Schema key = of(SchemaType::kStruct);
  key.fields = {{"k", GetParam().schema}};
  std::string out = "before ";
  append_header_text(out, "{\"k\":" + GetParam().json + "}", key);
  EXPECT_EQ(out, "before {\"k\":" + GetParam().text + "}");
}
INSTANTIATE_TEST_SUITE_P(
    Table, HeaderText,
    testing::Values(
        Header{"number", of(SchemaType::kInt64), "-9223372036854775808", "-9223372036854775808"},
        Header{"boolean", of(SchemaType::kBoolean), "true", "true"},
        Header{"null", of(SchemaType::kString), "null", "null"},
        Header{"float", of(SchemaType::kFloat64), "1.0E-5", "1.0E-5"},
        Header{"nan_is_not_quoted", of(SchemaType::kFloat64), "\"NaN\"", "NaN"},
        Header{"infinity_is_not_quoted", of(SchemaType::kFloat32), "\"-Infinity\"", "-Infinity"},
        Header{"string", of(SchemaType::kString), "\"x,}]\"", "\"x,}]\""},
        Header{"quotes_and_backslashes_stay_escaped", of(SchemaType::kString), R"("a\"b\\")", R"("a\"b\\")"},
        Header{"control_characters_are_raw", of(SchemaType::kString), R"("\b\t\n\f\r\u0001\u001F")",
               "\"\b\t\n\f\r\x01\x1F\""},
        Header{"other_utf8_stays", of(SchemaType::kString), "\"\xC3\xA9\xE2\x82\xAC\"",
               "\"\xC3\xA9\xE2\x82\xAC\""},
        Header{"surrogates_become_one_character", of(SchemaType::kString), R"("a\uD83D\uDE00b")",
               "\"a\xF0\x9F\x98\x80"
               "b\""},
        Header{"bytes_are_base64", of(SchemaType::kBytes), "\"3q2+\"", "\"3q2+\""},
        Header{"decimal", decimal("2"), "\"MDk=\"", "123.45"},
        Header{"decimal_negative", decimal("2"), "\"gA==\"", "-1.28"},
        Header{"decimal_minus_one", decimal("0"), "\"/w==\"", "-1"},
        Header{"decimal_zero", decimal("0"), "\"AA==\"", "0"},
        Header{"decimal_zero_with_scale", decimal("3"), "\"AA==\"", "0.000"},
        Header{"decimal_below_one", decimal("4"), "\"AQ==\"", "0.0001"},
        // java.math.BigDecimal.toString() leaves plain notation below 1E-6 and for negative scales.
        Header{"decimal_at_1e_minus_6", decimal("6"), "\"AQ==\"", "0.000001"},
        Header{"decimal_at_1e_minus_7", decimal("7"), "\"AQ==\"", "1E-7"},
        Header{"decimal_12e_minus_8", decimal("8"), "\"DA==\"", "1.2E-7"},
        Header{"decimal_zero_far_below", decimal("8"), "\"AA==\"", "0E-8"},
        Header{"decimal_negative_scale", decimal("-3"), "\"DA==\"", "1.2E+4"},
        Header{"decimal_of_many_words", decimal("10"), "\"AY7pD/bDc+DuTj8K0g==\"",
               "12345678901234567890.1234567890"},
        Header{"decimal_word_of_zeros", decimal("0"), "\"DeC2s6dkAAA=\"", "1000000000000000000"},
        Header{"array", array(of(SchemaType::kInt32)), "[1,null,3]", "[1,null,3]"},
        Header{"empty_array", array(of(SchemaType::kInt32)), "[]", "[]"},
        Header{"array_of_strings", array(of(SchemaType::kString)), R"(["a,]","\n"])", "[\"a,]\",\"\n\"]"},
        Header{"variable_decimal_is_a_struct", variable_decimal(), R"({"scale":1,"value":"aQ=="})",
               R"({"scale":1,"value":"aQ=="})"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(HeaderTexts, FieldsFollowEachOther) {
  Schema key = of(SchemaType::kStruct);
  key.fields = {
      {"a\"", of(SchemaType::kInt32)}, {"b", of(SchemaType::kString)}, {"c", array(of(SchemaType::kInt32))}};
  std::string out;
  append_header_text(out, R"({"a\"":1,"b":"x","c":[1]})", key);
  EXPECT_EQ(out, R"({"a\"":1,"b":"x","c":[1]})");
}

}  // namespace
}  // namespace millrace::debezium
