// SPDX-License-Identifier: Apache-2.0
#include "format/debezium/placeholders.h"
#include "base/concat.h"

#include <absl/strings/escaping.h>
#include <openssl/evp.h>

#include <array>

#include "format/debezium/schema_text.h"

namespace millrace::debezium {
namespace {

std::string base64(std::string_view bytes) {
  return concat("\"", absl::Base64Escape({bytes.data(), bytes.size()}), "\"");
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

/// Java's UUID.nameUUIDFromBytes: version 3, of the MD5 digest.
std::string name_uuid(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr) != 1 || size != 16)
    return {};
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0F) | 0x30);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3F) | 0x80);
  const std::string hex = absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), 16});
  const std::string_view h = hex;
  return concat(h.substr(0, 8), "-", h.substr(8, 4), "-", h.substr(12, 4), "-", h.substr(16, 4), "-",
                h.substr(20));
}

/// Every byte as a signed number.
std::string byte_array(std::string_view bytes) {
  std::string out = "[";
  for (const char c : bytes)
    append(out, out.size() == 1 ? "" : ",", static_cast<int>(static_cast<signed char>(c)));
  return out + "]";
}

std::string zero_struct(const Schema& schema) {
  // A point at (0,0): little-endian WKB, type 1, two zero coordinates.
  if (schema.name == "io.debezium.data.geometry.Point") {
    return concat("{\"x\":0.0,\"y\":0.0,\"wkb\":",
                  base64(std::string("\x01\x01\0\0\0", 5) + std::string(16, '\0')), ",\"srid\":null}");
  }
  const bool is_decimal = schema.name == "io.debezium.data.VariableScaleDecimal";
  std::string out = "{";
  for (const SchemaField& field : schema.fields) {
    append(out, out.size() == 1 ? "" : ",", quoted(field.name), ":");
    if (is_decimal && field.schema.type == SchemaType::kBytes) {
      out += "\"AA==\"";
    } else {
      out += field.schema.optional ? "null" : type_zero(field.schema);
    }
  }
  return out + "}";
}

}  // namespace

std::string type_zero(const Schema& schema) {
  switch (schema.type) {
    case SchemaType::kBoolean:
      return "false";
    case SchemaType::kInt8:
    case SchemaType::kInt16:
    case SchemaType::kInt32:
    case SchemaType::kInt64:
      return "0";
    case SchemaType::kFloat32:
    case SchemaType::kFloat64:
      return "0.0";
    case SchemaType::kString:
      if (schema.name == "io.debezium.time.ZonedTimestamp") return "\"1970-01-01T00:00:00Z\"";
      if (schema.name == "io.debezium.time.ZonedTime") return "\"00:00:00Z\"";
      return "\"\"";
    case SchemaType::kBytes:
      return schema.name == "org.apache.kafka.connect.data.Decimal" ? "\"AA==\"" : "\"\"";  // one zero byte
    case SchemaType::kArray:
      return "[]";
    case SchemaType::kMap:
      return "{}";
    case SchemaType::kStruct:
      return zero_struct(schema);
  }
  return "null";
}

std::string placeholder_bytes(std::string_view configured) {
  if (!configured.starts_with("hex:")) return std::string(configured);
  return absl::HexStringToBytes(std::string(configured.substr(4)));
}

std::string unavailable_marker(const Column& column, std::string_view placeholder) {
  const std::string bytes = placeholder_bytes(placeholder);
  switch (column.unavailable) {
    case Unavailable::kNull:
      return {};
    case Unavailable::kMarkerPair:
      return quoted(concat("{", quoted(bytes), ":", quoted(bytes), "}"));
    case Unavailable::kMarker:
      break;
  }
  const auto scalar = [&](const Schema& schema) -> std::string {
    if (schema.type == SchemaType::kBytes) return base64(bytes);
    if (schema.type != SchemaType::kString) return {};
    return quoted(schema.name == "io.debezium.data.Uuid" && &schema != &column.schema ? name_uuid(bytes)
                                                                                      : bytes);
  };
  if (column.schema.type != SchemaType::kArray) return scalar(column.schema);
  const SchemaType element = column.schema.element->type;
  if (element == SchemaType::kInt32 || element == SchemaType::kInt64) return byte_array(bytes);
  const std::string item = scalar(*column.schema.element);
  return item.empty() ? item : concat("[", item, "]");
}

}  // namespace millrace::debezium
