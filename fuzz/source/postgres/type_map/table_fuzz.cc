// SPDX-License-Identifier: Apache-2.0
// A table as a server announces and describes it. Input: options (1: the catalog knows it), columns, for each
// its type's choice, modifier, options and default (counted), types that the catalog describes, then texts
// for the names. Its relation has a key that exists, and events of it, with their schemas, are JSON with the
// table's columns in order, or a failure that is told.
#include <array>
#include <set>
#include <string>
#include <vector>

#include "pipeline/encoders/encoders.h"
#include "source/postgres/type_map/default_expression.h"
#include "source/postgres/type_map/type_oids.h"
#include "strict_json.h"
#include "support/change_batch.h"

namespace {

using namespace millrace;
using fuzz::require;
namespace json = boost::json;

/// Built in, of extensions, described below, and unknown.
std::uint32_t type_of(std::uint8_t choice) {
  namespace oid = postgres::oid;
  constexpr std::array kTypes = {oid::kBool,
                                 oid::kBytea,
                                 oid::kChar,
                                 oid::kName,
                                 oid::kInt8,
                                 oid::kInt2,
                                 oid::kInt4,
                                 oid::kText,
                                 oid::kOid,
                                 oid::kJson,
                                 oid::kXml,
                                 oid::kPoint,
                                 oid::kCidr,
                                 oid::kFloat4,
                                 oid::kFloat8,
                                 oid::kMacaddr8,
                                 oid::kMoney,
                                 oid::kInet,
                                 oid::kBpchar,
                                 oid::kVarchar,
                                 oid::kDate,
                                 oid::kTime,
                                 oid::kTimestamp,
                                 oid::kTimestamptz,
                                 oid::kInterval,
                                 oid::kTimetz,
                                 oid::kBit,
                                 oid::kVarbit,
                                 oid::kNumeric,
                                 oid::kUuid,
                                 oid::kTsvector,
                                 oid::kJsonb,
                                 oid::kInt4range,
                                 oid::kNumrange,
                                 oid::kTsrange,
                                 oid::kTstzrange,
                                 oid::kBoolArray,
                                 oid::kInt4Array,
                                 oid::kNumericArray,
                                 oid::kTextArray,
                                 oid::kDateArray,
                                 oid::kByteaArray,
                                 oid::kTimestamptzArray,
                                 oid::kTsvectorArray};
  if (choice < 32) return 20'000U + choice % 8U;  // described, or not
  return kTypes[choice % kTypes.size()];
}

postgres::TypeDescription described_type(std::span<const std::uint8_t>& input, std::uint32_t oid) {
  constexpr std::array kNames = {"citext", "isbn", "ltree", "hstore", "other"};
  postgres::TypeDescription type;
  type.oid = oid;
  type.schema = "s";
  type.name = kNames[fuzz::take_byte(input) % kNames.size()];
  type.kind = "bcdermp"[fuzz::take_byte(input) % 7];
  type.category = (fuzz::take_byte(input) & 1) != 0 ? 'A' : 'U';
  type.delimiter = (fuzz::take_byte(input) & 7) == 0 ? ';' : ',';
  type.element = type_of(fuzz::take_byte(input));
  type.base = type_of(fuzz::take_byte(input));
  type.base_modifier = static_cast<std::int32_t>(fuzz::take_number(input, 4));
  for (unsigned i = fuzz::take_byte(input) % 3; i > 0; --i) {
    type.labels.emplace_back(fuzz::text_of(fuzz::take_counted(input)));
  }
  return type;
}

/// Names that differ, as a table's do.
std::string name_of(std::span<const std::uint8_t>& input, std::size_t i) {
  return std::string(fuzz::text_of(fuzz::take_counted(input))) + std::to_string(i);
}

void check_event(const json::value& event, const Relation& relation) {
  const json::value& payload = event.at("payload");
  const json::value& image = payload.at(payload.at("after").is_null() ? "before" : "after");
  if (image.is_null()) return;
  std::size_t captured = 0;
  for (const Column& column : relation.columns) {
    if (!column.captured) continue;
    ++captured;
    require(image.as_object().contains(column.name));
  }
  require(image.as_object().size() == captured);
  for (const json::value& field : event.at("schema").at("fields").as_array()) {
    if (field.at("field") == "after") require(field.at("fields").as_array().size() == captured);
  }
}

void check_events(const RelationPtr& relation, std::size_t columns, std::uint8_t kinds) {
  Topic messages;
  debezium::EnvelopeOptions options;
  options.topic_prefix = "p";
  options.database = "d";
  options.skipped.truncate = false;
  const auto encoder = make_postgres_debezium_json_encoder(options);
  const test::Tuple row(columns, (kinds & 1) != 0 ? test::unchanged() : test::null());
  test::ChangeBatch batch;
  batch.insert(relation, row);
  batch.update(relation, (kinds & 2) != 0 ? 'O' : 'K', row, row);
  batch.remove(relation, 'K', row);
  batch.truncate(relation);
  const test::EncodedBatch encoded = test::encode_all(*encoder, batch.batch());
  (void)encoder->take_warnings();
  for (const test::EncodedRecord& record : encoded.records) {
    require(record.key.has_value() == !relation->key.empty());
    if (record.key) {
      const json::value key = fuzz::parse_strictly(*record.key);
      require(key.at("payload").as_object().size() == relation->key.size());
    }
    if (record.value) check_event(fuzz::parse_strictly(*record.value), *relation);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> input(data, size);
  const std::uint8_t options = fuzz::take_byte(input);
  const std::size_t columns = fuzz::take_byte(input) % 12;
  std::vector<std::string> names;
  std::vector<postgres::ColumnView> announced(columns);
  postgres::TableDescription described;
  described.oid = 16'384;
  described.found = (options & 1) != 0;
  described.schema = "s";
  described.replica_identity = "dnfi"[options / 2 % 4];
  for (std::uint32_t oid = 20'000; oid < 20'004; ++oid) described.types[oid] = described_type(input, oid);
  for (postgres::ColumnView& column : announced) {
    column.type_oid = postgres::TypeOid{type_of(fuzz::take_byte(input))};
    column.type_modifier = static_cast<std::int32_t>(fuzz::take_number(input, 4));
    const std::uint8_t choice = fuzz::take_byte(input);
    column.in_key = (choice & 1) != 0;
    postgres::ColumnDescription description;
    description.type = postgres::value_of(column.type_oid);
    description.type_modifier = column.type_modifier;
    description.not_null = (choice & 2) != 0;
    if ((choice & 4) != 0) {
      description.default_expression = fuzz::text_of(fuzz::take_counted(input));
      const auto type = described.types.find(description.type);
      (void)postgres::default_text(description.type, description.type_modifier,
                                   type == described.types.end() ? nullptr : &type->second,
                                   *description.default_expression);
    }
    if ((choice & 8) != 0) described.types.erase(description.type);
    described.columns.push_back(std::move(description));
    names.emplace_back();
  }
  const std::string table = name_of(input, 0);
  described.name = table;
  for (std::size_t i = 0; i < columns; ++i) {
    names[i] = name_of(input, i);
    announced[i].name = names[i];
    described.columns[i].name = names[i];
    const std::uint8_t keys = fuzz::take_byte(input);
    if ((keys & 1) != 0) described.primary_key.push_back(names[i]);
    if ((keys & 2) != 0) described.unique_key.push_back(names[i]);
    if ((keys & 4) != 0) described.columns[i].type = 25;  // the catalog is ahead of the log
  }
  const postgres::RelationView view{postgres::RelationOid{16'384}, "s", table,
                                    static_cast<postgres::ReplicaIdentity>(described.replica_identity),
                                    announced};
  postgres::TypeMapOptions map_options;
  map_options.database = "d";
  postgres::MappedRelation mapped = postgres::map_relation(view, described, map_options);
  require(mapped.relation.columns.size() == columns);
  std::set<std::uint16_t> key;
  for (const std::uint16_t index : mapped.relation.key) {
    require(index < columns && mapped.relation.columns[index].captured && key.insert(index).second);
  }
  Topic topic;
  topic.name = "p.s.t";
  mapped.relation.version = 1;
  mapped.relation.topic = &topic;
  check_events(std::make_shared<const Relation>(std::move(mapped.relation)), columns, options / 8);
  return 0;
}
