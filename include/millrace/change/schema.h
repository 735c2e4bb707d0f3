// SPDX-License-Identifier: Apache-2.0
// The schema of a value as consumers know it: the Kafka Connect schema model, which Debezium's messages are
// made of.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

/// Kafka Connect's schema types.
enum class SchemaType : std::uint8_t {
  kBoolean,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat32,
  kFloat64,
  kString,
  kBytes,
  kArray,
  kMap,
  kStruct,
};

struct SchemaField;

/// A value's schema. Immutable once a Relation holds it. Defaults are not here but in Column: they are kept
/// in the source's notation and converted by the format that prints them. Source: debezium-contract 1.11
/// (JSON form), Kafka Connect ConnectSchema.
struct Schema {
  SchemaType type = SchemaType::kString;
  bool optional = false;
  std::string name;  ///< Logical name, such as io.debezium.time.Date; empty: none.
  int version = 0;   ///< 0: none.
  std::string doc;   ///< Empty: none.
  std::vector<std::pair<std::string, std::string>> parameters;  ///< In insertion order.
  std::vector<SchemaField> fields;                              ///< kStruct.
  std::shared_ptr<const Schema> key;                            ///< kMap.
  std::shared_ptr<const Schema> element;                        ///< kArray: items; kMap: values.
};

struct SchemaField {
  std::string name;
  Schema schema;
};

}  // namespace millrace
