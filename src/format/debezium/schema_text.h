// SPDX-License-Identifier: Apache-2.0
// Kafka Connect's schemas as JSON text: what stands under "schema" when schemas.enable is on.
//
//   primitive  type optional [name] [version] [doc] [parameters] [default] [field]
//   array      type items optional ...        map  type keys values optional ...
//   struct     type fields optional ...
//
// Cold path: called when plans are made. Source: debezium-contract 1.11, Kafka Connect
// JsonConverter.asJsonSchema.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "millrace/change/schema.h"

namespace millrace::debezium {

/// What a schema node shows that is not the schema's but its use's. Borrows.
struct SchemaUse {
  std::string_view default_json;  ///< A payload value; empty: no default.
  std::string_view field;         ///< The name inside a struct, when in_struct.
  bool in_struct = false;
};

/// Appends the node. Fields of structs inside `schema` carry no defaults.
void append_schema(std::string& out, const Schema& schema, const SchemaUse& use = {});

/// Appends a struct's node whose fields' nodes are text already. `shape.fields` is not read.
void append_struct_schema(std::string& out, const Schema& shape, std::span<const std::string> field_nodes,
                          const SchemaUse& use = {});

/// Appends `text` as a JSON string with its quotes, escaped as values are. What is not UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace millrace::debezium
