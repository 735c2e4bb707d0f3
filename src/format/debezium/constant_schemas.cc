// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/constant_schemas.h"
#include "base/concat.h"

#include <utility>
#include <vector>

#include "format/debezium/schema_text.h"

namespace millrace::debezium {
namespace {

enum class Presence : bool { kRequired, kOptional };
using enum Presence;

Schema shape(SchemaType type, Presence presence, std::string name = {}, int version = 0) {
  Schema schema;
  schema.type = type;
  schema.optional = presence == kOptional;
  schema.name = std::move(name);
  schema.version = version;
  return schema;
}

std::string node(std::string_view field, SchemaType type, Presence presence) {
  std::string out;
  append_schema(out, shape(type, presence), {.default_json = {}, .field = field, .in_struct = true});
  return out;
}

std::string struct_node(std::string_view field, const Schema& schema, const std::vector<std::string>& nodes) {
  std::string out;
  append_struct_schema(out, schema, nodes, {.default_json = {}, .field = field, .in_struct = true});
  return out;
}

std::string snapshot_node() {
  Schema schema = shape(SchemaType::kString, kOptional, "io.debezium.data.Enum", 1);
  schema.parameters = {
      {"allowed", "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"}};
  std::string out;
  append_schema(out, schema, {.default_json = "\"false\"", .field = "snapshot", .in_struct = true});
  return out;
}

std::string source_node() {
  using enum SchemaType;
  return struct_node(
      "source", shape(kStruct, kRequired, "io.debezium.connector.postgresql.Source", 1),
      {node("version", kString, kRequired), node("connector", kString, kRequired),
       node("name", kString, kRequired), node("ts_ms", kInt64, kRequired), snapshot_node(),
       node("db", kString, kRequired), node("sequence", kString, kOptional), node("ts_us", kInt64, kOptional),
       node("ts_ns", kInt64, kOptional), node("schema", kString, kRequired),
       node("table", kString, kRequired), node("txId", kInt64, kOptional), node("lsn", kInt64, kOptional),
       node("xmin", kInt64, kOptional), node("origin", kString, kOptional),
       node("origin_lsn", kInt64, kOptional)});
}

std::string transaction_node() {
  using enum SchemaType;
  return struct_node("transaction", shape(kStruct, kOptional, "event.block", 1),
                     {node("id", kString, kRequired), node("total_order", kInt64, kRequired),
                      node("data_collection_order", kInt64, kRequired)});
}

std::string struct_text(const Schema& schema, const std::vector<std::string>& nodes) {
  std::string out;
  append_struct_schema(out, schema, nodes);
  return out;
}

}  // namespace

std::string envelope_schema(std::string_view topic, std::string_view before_node,
                            std::string_view after_node) {
  using enum SchemaType;
  return struct_text(shape(kStruct, kRequired, concat(topic, ".Envelope"), 2),
                     {std::string(before_node), std::string(after_node), source_node(), transaction_node(),
                      node("op", kString, kRequired), node("ts_ms", kInt64, kOptional),
                      node("ts_us", kInt64, kOptional), node("ts_ns", kInt64, kOptional)});
}

std::string message_key_schema() {
  return struct_text(shape(SchemaType::kStruct, kRequired, "io.debezium.connector.postgresql.MessageKey", 1),
                     {node("prefix", SchemaType::kString, kOptional)});
}

std::string message_value_schema() {
  using enum SchemaType;
  const Schema message = shape(kStruct, kRequired, "io.debezium.connector.postgresql.Message", 1);
  return struct_text(
      shape(kStruct, kRequired, "io.debezium.connector.postgresql.MessageValue", 1),
      {node("op", kString, kRequired), node("ts_ms", kInt64, kOptional), source_node(), transaction_node(),
       struct_node("message", message,
                   {node("prefix", kString, kOptional), node("content", kBytes, kOptional)})});
}

}  // namespace millrace::debezium
