// SPDX-License-Identifier: Apache-2.0
// Schema nodes: the order of their keys is the contract's (1.11).
#include "format/debezium/schema_text.h"

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

std::string text_of(const Schema& schema, const SchemaUse& use = {}) {
  std::string out;
  append_schema(out, schema, use);
  return out;
}

TEST(SchemaText, NamesEveryType) {
  const std::pair<SchemaType, const char*> names[] = {
      {SchemaType::kBoolean, "boolean"}, {SchemaType::kInt8, "int8"},     {SchemaType::kInt16, "int16"},
      {SchemaType::kInt32, "int32"},     {SchemaType::kInt64, "int64"},   {SchemaType::kFloat32, "float"},
      {SchemaType::kFloat64, "double"},  {SchemaType::kString, "string"}, {SchemaType::kBytes, "bytes"}};
  for (const auto& [type, name] : names) {
    EXPECT_EQ(text_of(of(type)), std::string("{\"type\":\"") + name + "\",\"optional\":false}");
  }
}

TEST(SchemaText, KeysStandInOrder) {
  Schema schema = of(SchemaType::kBytes);
  schema.optional = true;
  schema.name = "n\"";
  schema.version = 2;
  schema.doc = "d";
  schema.parameters = {{"z", "1"}, {"a", "2"}};
  EXPECT_EQ(
      text_of(schema, {.default_json = "\"AA==\"", .field = "f", .in_struct = true}),
      R"({"type":"bytes","optional":true,"name":"n\"","version":2,"doc":"d","parameters":{"z":"1","a":"2"},)"
      R"("default":"AA==","field":"f"})");
}

TEST(SchemaText, FieldMayBeNamedByNothing) {
  EXPECT_EQ(text_of(of(SchemaType::kInt32), {.default_json = {}, .field = "", .in_struct = true}),
            R"({"type":"int32","optional":false,"field":""})");
}

TEST(SchemaText, NestedTypes) {
  Schema array = of(SchemaType::kArray);
  array.element = std::make_shared<const Schema>(of(SchemaType::kInt32));
  EXPECT_EQ(text_of(array), R"({"type":"array","items":{"type":"int32","optional":false},"optional":false})");
  Schema map = of(SchemaType::kMap);
  map.key = std::make_shared<const Schema>(of(SchemaType::kString));
  map.element = std::make_shared<const Schema>(array);
  EXPECT_EQ(text_of(map),
            R"({"type":"map","keys":{"type":"string","optional":false},"values":{"type":"array","items":)"
            R"({"type":"int32","optional":false},"optional":false},"optional":false})");
  Schema outer = of(SchemaType::kStruct);
  outer.fields = {{"a", array}, {"b", of(SchemaType::kString)}};
  EXPECT_EQ(
      text_of(outer),
      R"({"type":"struct","fields":[{"type":"array","items":{"type":"int32","optional":false},)"
      R"("optional":false,"field":"a"},{"type":"string","optional":false,"field":"b"}],"optional":false})");
  EXPECT_EQ(text_of(of(SchemaType::kStruct)), R"({"type":"struct","fields":[],"optional":false})");
}

TEST(SchemaText, BrokenNamesStayReadable) {
  std::string out;
  append_json_string(out,
                     "a\xFF\x01"
                     "b");
  EXPECT_EQ(out, "\"a\xEF\xBF\xBD\\u0001b\"");
}

}  // namespace
}  // namespace millrace::debezium
