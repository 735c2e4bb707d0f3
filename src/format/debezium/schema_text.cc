// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/schema_text.h"
#include "base/concat.h"

#include "format/json/escape.h"
#include "runtime/slab.h"

namespace millrace::debezium {
namespace {

std::string_view type_name(SchemaType type) {
  switch (type) {
    case SchemaType::kBoolean:
      return "boolean";
    case SchemaType::kInt8:
      return "int8";
    case SchemaType::kInt16:
      return "int16";
    case SchemaType::kInt32:
      return "int32";
    case SchemaType::kInt64:
      return "int64";
    case SchemaType::kFloat32:
      return "float";
    case SchemaType::kFloat64:
      return "double";
    case SchemaType::kString:
      return "string";
    case SchemaType::kBytes:
      return "bytes";
    case SchemaType::kArray:
      return "array";
    case SchemaType::kMap:
      return "map";
    case SchemaType::kStruct:
      return "struct";
  }
  return "";
}

/// What every node ends with.
void append_tail(std::string& out, const Schema& schema, const SchemaUse& use) {
  append(out, ",\"optional\":", schema.optional ? "true" : "false");
  if (!schema.name.empty()) {
    out += ",\"name\":";
    append_json_string(out, schema.name);
  }
  if (schema.version != 0) append(out, ",\"version\":", schema.version);
  if (!schema.doc.empty()) {
    out += ",\"doc\":";
    append_json_string(out, schema.doc);
  }
  if (!schema.parameters.empty()) {
    char separator = '{';
    out += ",\"parameters\":";
    for (const auto& [key, value] : schema.parameters) {
      out += separator;
      append_json_string(out, key);
      out += ':';
      append_json_string(out, value);
      separator = ',';
    }
    out += '}';
  }
  if (!use.default_json.empty()) append(out, ",\"default\":", use.default_json);
  if (use.in_struct) {
    out += ",\"field\":";
    append_json_string(out, use.field);
  }
  out += '}';
}

}  // namespace

void append_schema(std::string& out, const Schema& schema, const SchemaUse& use) {
  if (schema.type == SchemaType::kStruct) {
    std::vector<std::string> nodes(schema.fields.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      append_schema(nodes[i], schema.fields[i].schema,
                    {.default_json = {}, .field = schema.fields[i].name, .in_struct = true});
    }
    append_struct_schema(out, schema, nodes, use);
    return;
  }
  append(out, "{\"type\":\"", type_name(schema.type), "\"");
  if (schema.type == SchemaType::kArray) {
    out += ",\"items\":";
    append_schema(out, *schema.element);
  } else if (schema.type == SchemaType::kMap) {
    out += ",\"keys\":";
    append_schema(out, *schema.key);
    out += ",\"values\":";
    append_schema(out, *schema.element);
  }
  append_tail(out, schema, use);
}

void append_struct_schema(std::string& out, const Schema& shape, std::span<const std::string> field_nodes,
                          const SchemaUse& use) {
  out += "{\"type\":\"struct\",\"fields\":[";
  for (std::size_t i = 0; i < field_nodes.size(); ++i) {
    if (i != 0) out += ',';
    out += field_nodes[i];
  }
  out += ']';
  append_tail(out, shape, use);
}

void append_json_string(std::string& out, std::string_view text) {
  std::string padded(text);
  padded.append(kPadding, '\0');
  std::string escaped(6 * text.size() + kPadding, '\0');
  const char* const end =
      format::escape_json<format::Isa::kScalar>({padded.data(), text.size()}, escaped.data());
  if (end == nullptr) {  // keep what is ASCII, so that a broken name still can be recognised
    std::string repaired;
    for (const char c : text)
      repaired += static_cast<unsigned char>(c) < 0x80 ? std::string(1, c) : "\xEF\xBF\xBD";
    return append_json_string(out, repaired);
  }
  out += '"';
  out.append(escaped, 0, static_cast<std::size_t>(end - escaped.data()));
  out += '"';
}

}  // namespace millrace::debezium
