// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include "base/concat.h"
#include "source/postgres/convert/op.h"
#include "source/postgres/type_map/type_map.h"
#include "source/postgres/type_map/type_oids.h"

namespace millrace::postgres {
namespace {

constexpr int kDomainDepthMax = 64;  // a catalog has no cycles; a hostile server might show one

Schema plain(SchemaType type) {
  Schema schema;
  schema.type = type;
  return schema;
}

Schema logical(SchemaType type, std::string name) {
  Schema schema = plain(type);
  schema.name = std::move(name);
  schema.version = 1;
  return schema;
}

Schema optional(Schema schema) {
  schema.optional = true;
  return schema;
}

MappedType simple(SchemaType type, Op op) { return {plain(type), make_conversion(op)}; }

MappedType named(SchemaType type, std::string name, Op op, std::int32_t argument = 0) {
  return {logical(type, std::move(name)), make_conversion(op, argument)};
}

MappedType without_marker(MappedType mapped) {
  mapped.unavailable = Unavailable::kNull;
  return mapped;
}

Schema decimal(std::int32_t scale) {
  Schema schema = logical(SchemaType::kBytes, "org.apache.kafka.connect.data.Decimal");
  schema.parameters.emplace_back("scale", concat(scale));
  return schema;
}

// The modifier holds precision in the upper half and an 11-bit signed scale, plus 4.
// Source: PostgreSQL, src/backend/utils/adt/numeric.c, make_numeric_typmod.
MappedType map_numeric(std::int32_t modifier) {
  if (modifier < 4) {
    MappedType mapped =
        named(SchemaType::kStruct, "io.debezium.data.VariableScaleDecimal", Op::kVariableDecimal);
    mapped.schema.doc = "Variable scaled decimal";
    mapped.schema.fields = {{"scale", plain(SchemaType::kInt32)}, {"value", plain(SchemaType::kBytes)}};
    return mapped;
  }
  const std::int32_t packed = modifier - 4;
  const std::int32_t precision = (packed >> 16) & 0xFFFF;
  const std::int32_t scale = ((packed & 0x7FF) ^ 0x400) - 0x400;
  MappedType mapped{decimal(scale), make_conversion(Op::kDecimal, scale)};
  mapped.schema.parameters.emplace_back("connect.decimal.precision", concat(precision));
  return mapped;
}

MappedType map_bits(std::uint32_t oid, std::int32_t modifier) {
  // bit without a length is bit(1); bit varying without one has none.
  const std::int32_t unlimited = oid == oid::kVarbit ? 2147483647 : 1;
  const std::int32_t length = modifier > 0 ? modifier : unlimited;
  if (length == 1) return simple(SchemaType::kBoolean, Op::kBit1);
  MappedType mapped = named(SchemaType::kBytes, "io.debezium.data.Bits", Op::kBits);
  mapped.schema.parameters.emplace_back("length", concat(length));
  return mapped;
}

MappedType map_point() {
  MappedType mapped = named(SchemaType::kStruct, "io.debezium.data.geometry.Point", Op::kPoint);
  mapped.schema.doc = "Geometry (POINT)";
  mapped.schema.fields = {{"x", plain(SchemaType::kFloat64)},
                          {"y", plain(SchemaType::kFloat64)},
                          {"wkb", optional(plain(SchemaType::kBytes))},
                          {"srid", optional(plain(SchemaType::kInt32))}};
  return mapped;
}

/// Declared fractional digits; 6 when undeclared.
std::int32_t time_precision(std::int32_t modifier) { return modifier < 0 ? 6 : modifier; }

std::optional<MappedType> map_builtin(std::uint32_t oid, std::int32_t modifier,
                                      const TypeMapOptions& options) {
  using enum SchemaType;
  const std::int32_t precision = time_precision(modifier);
  switch (oid) {
    case oid::kBool:
      return simple(kBoolean, Op::kBool);
    case oid::kInt2:
      return simple(kInt16, Op::kInt16);
    case oid::kInt4:
      return simple(kInt32, Op::kInt32);
    case oid::kInt8:
      return simple(kInt64, Op::kInt64);
    case oid::kOid:
      return simple(kInt64, Op::kOid);
    case oid::kFloat4:
      return simple(kFloat32, Op::kFloat32);
    case oid::kFloat8:
      return simple(kFloat64, Op::kFloat64);
    case oid::kNumeric:
      return without_marker(map_numeric(modifier));
    case oid::kMoney:
      return without_marker({decimal(options.money_fraction_digits),
                             make_conversion(Op::kMoney, options.money_fraction_digits)});
    case oid::kText:
    case oid::kVarchar:
    case oid::kBpchar:
    case oid::kName:
      return simple(kString, Op::kText);
    case oid::kChar:
      return simple(kString, Op::kChar);
    case oid::kJson:
      return named(kString, "io.debezium.data.Json", Op::kText);
    case oid::kJsonb:
      return named(kString, "io.debezium.data.Json", Op::kJsonb);
    case oid::kXml:
      return named(kString, "io.debezium.data.Xml", Op::kText);
    case oid::kUuid:
      return named(kString, "io.debezium.data.Uuid", Op::kUuid);
    case oid::kTsvector:
      return named(kString, "io.debezium.data.Tsvector", Op::kTsvector);
    case oid::kInet:
    case oid::kCidr:
      return simple(kString, Op::kInet);
    case oid::kMacaddr:
    case oid::kMacaddr8:
      return simple(kString, Op::kMacaddr);
    case oid::kInt4range:
      return simple(kString, Op::kInt4Range);
    case oid::kInt8range:
      return simple(kString, Op::kInt8Range);
    case oid::kNumrange:
      return simple(kString, Op::kNumRange);
    case oid::kTsrange:
      return simple(kString, Op::kTsRange);
    case oid::kTstzrange:
      return simple(kString, Op::kTstzRange);
    case oid::kDaterange:
      return simple(kString, Op::kDateRange);
    case oid::kBytea:
      return simple(kBytes, Op::kBytes);
    case oid::kBit:
    case oid::kVarbit:
      return without_marker(map_bits(oid, modifier));
    case oid::kDate:
      return named(kInt32, "io.debezium.time.Date", Op::kDate);
    case oid::kTime:
      return precision <= 3 ? named(kInt32, "io.debezium.time.Time", Op::kTimeMillis)
                            : named(kInt64, "io.debezium.time.MicroTime", Op::kTimeMicros);
    case oid::kTimestamp:
      return precision <= 3 ? named(kInt64, "io.debezium.time.Timestamp", Op::kTimestampMillis)
                            : named(kInt64, "io.debezium.time.MicroTimestamp", Op::kTimestampMicros);
    case oid::kTimestamptz:
      return named(kString, "io.debezium.time.ZonedTimestamp", Op::kZonedTimestamp, precision);
    case oid::kTimetz:
      return named(kString, "io.debezium.time.ZonedTime", Op::kZonedTime);
    case oid::kInterval:
      return named(kInt64, "io.debezium.time.MicroDuration", Op::kInterval);
    case oid::kPoint:
      return map_point();
    default:
      return std::nullopt;
  }
}

MappedType array_of(const MappedType& element, bool element_optional, Unavailable unavailable) {
  MappedType mapped;
  mapped.schema = plain(SchemaType::kArray);
  Schema items = element.schema;
  items.optional = element_optional;
  mapped.schema.element = std::make_shared<const Schema>(std::move(items));
  mapped.conversion = make_conversion(Op::kArray);
  mapped.conversion.element = std::make_shared<const Conversion>(element.conversion);
  mapped.unavailable = unavailable;
  return mapped;
}

/// How events show arrays of a built-in type: which, with optional elements or not, with a TOAST marker or
/// not.
struct ArrayRule {
  std::uint32_t array;
  std::uint32_t element;
  bool element_optional = true;
  Unavailable unavailable = Unavailable::kNull;
};

// Source: debezium-contract 2.10 (Arrays) and 2.5. What is not here is not supported: arrays of bit, money,
// name, interval, varbit, xml and point among them.
constexpr ArrayRule kArrays[] = {
    {oid::kBoolArray, oid::kBool},
    {oid::kInt2Array, oid::kInt2},
    {oid::kInt4Array, oid::kInt4, true, Unavailable::kMarker},
    {oid::kInt8Array, oid::kInt8, true, Unavailable::kMarker},
    {oid::kOidArray, oid::kOid},
    {oid::kFloat4Array, oid::kFloat4},
    {oid::kFloat8Array, oid::kFloat8},
    {oid::kNumericArray, oid::kNumeric},
    {oid::kCharArray, oid::kChar},
    {oid::kTextArray, oid::kText, true, Unavailable::kMarker},
    {oid::kVarcharArray, oid::kVarchar, true, Unavailable::kMarker},
    {oid::kBpcharArray, oid::kBpchar, true, Unavailable::kMarker},
    {oid::kJsonArray, oid::kJson, true, Unavailable::kMarker},
    {oid::kJsonbArray, oid::kJsonb, true, Unavailable::kMarker},
    {oid::kUuidArray, oid::kUuid, true, Unavailable::kMarker},
    {oid::kByteaArray, oid::kBytea, true, Unavailable::kMarker},
    {oid::kDateArray, oid::kDate, true, Unavailable::kMarker},
    {oid::kTimeArray, oid::kTime},
    {oid::kTimetzArray, oid::kTimetz},
    {oid::kTimestampArray, oid::kTimestamp},
    {oid::kTimestamptzArray, oid::kTimestamptz},
    {oid::kInetArray, oid::kInet},
    {oid::kCidrArray, oid::kCidr},
    {oid::kMacaddrArray, oid::kMacaddr},
    {oid::kMacaddr8Array, oid::kMacaddr8},
    {oid::kInt4rangeArray, oid::kInt4range},
    {oid::kInt8rangeArray, oid::kInt8range},
    {oid::kNumrangeArray, oid::kNumrange},
    {oid::kTsrangeArray, oid::kTsrange},
    {oid::kTstzrangeArray, oid::kTstzrange},
    {oid::kDaterangeArray, oid::kDaterange},
    {oid::kTsvectorArray, oid::kTsvector, false},
};

/// Types of extensions have no fixed oid; Debezium knows them by name.
std::optional<MappedType> map_extension(const TypeDescription& type) {
  if (type.kind != 'b') return std::nullopt;
  if (type.name == "citext") return simple(SchemaType::kString, Op::kText);
  if (type.name == "isbn") return simple(SchemaType::kString, Op::kServerText);
  if (type.name == "ltree") return named(SchemaType::kString, "io.debezium.data.Ltree", Op::kLtree);
  if (type.name == "hstore") {
    MappedType mapped = named(SchemaType::kString, "io.debezium.data.Json", Op::kHstoreJson);
    mapped.unavailable = Unavailable::kMarkerPair;
    return mapped;
  }
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) {
    if (&label != labels.data()) out += ',';
    out += label;
  }
  return out;
}

MappedType map_enum(const TypeDescription& type) {
  MappedType mapped = named(SchemaType::kString, "io.debezium.data.Enum", Op::kText);
  mapped.schema.parameters.emplace_back("allowed", joined(type.labels));
  return mapped;
}

std::optional<MappedType> map_described_array(const TypeDescription& type, const TypeDescriptions& types) {
  const auto element = types.find(type.element);
  if (element == types.end() || type.delimiter != ',') return std::nullopt;
  if (element->second.kind == 'e') return array_of(map_enum(element->second), false, Unavailable::kNull);
  const std::optional<MappedType> mapped = map_extension(element->second);
  if (!mapped) return std::nullopt;
  return array_of(*mapped, element->second.name != "isbn", Unavailable::kNull);
}

}  // namespace

std::optional<MappedType> map_type(std::uint32_t oid, std::int32_t modifier, const TypeDescriptions& types,
                                   const TypeMapOptions& options) {
  for (int depth = 0; depth < kDomainDepthMax; ++depth) {
    for (const ArrayRule& rule : kArrays) {
      if (rule.array != oid) continue;
      const std::optional<MappedType> element = map_builtin(rule.element, modifier, options);
      return array_of(*element, rule.element_optional, rule.unavailable);
    }
    if (std::optional<MappedType> mapped = map_builtin(oid, modifier, options)) return mapped;
    const auto found = types.find(oid);
    if (found == types.end()) return std::nullopt;
    const TypeDescription& type = found->second;
    if (type.kind == 'e') return map_enum(type);
    if (type.kind != 'd') {
      return type.element != 0 && type.category == 'A' ? map_described_array(type, types)
                                                       : map_extension(type);
    }
    // The outermost modifier that is set counts: PostgreSQL allows none on a domain's use.
    if (modifier == -1) modifier = type.base_modifier;
    oid = type.base;
  }
  return std::nullopt;
}

}  // namespace millrace::postgres
