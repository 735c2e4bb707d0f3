// SPDX-License-Identifier: Apache-2.0
#include "pipeline/postgres_relations.h"

#include "base/concat.h"
#include "base/log.h"

namespace millrace {

namespace {

/// Everything a relation version depends on, as text to compare. Names end in a NUL, which none of them
/// holds.
std::string fingerprint(const postgres::RelationView& announced,
                        const postgres::TableDescription* described) {
  std::string text = concat(announced.schema, std::string_view("\0", 1), announced.name,
                            std::string_view("\0", 1), static_cast<int>(announced.identity));
  for (const postgres::ColumnView& column : announced.columns) {
    append(text, " ", column.name, std::string_view("\0", 1), value_of(column.type_oid), ":",
           column.type_modifier, column.in_key ? "k" : "-");
  }
  if (described == nullptr) return text;
  append(text, described->found ? "found" : "gone", static_cast<int>(described->replica_identity));
  for (const postgres::ColumnDescription& column : described->columns) {
    append(text, " ", column.name, std::string_view("\0", 1), column.type, ":", column.type_modifier,
           column.not_null ? "n" : "-", column.generated ? "g" : "-", column.default_expression.value_or(""),
           column.default_expression ? "d" : "-");
  }
  for (const std::string& name : described->primary_key) append(text, " pk ", name);
  for (const std::string& name : described->unique_key) append(text, " uk ", name);
  for (const auto& [oid, type] : described->types) {
    append(text, " ", oid, ":", type.name, std::string_view("\0", 1), type.base, ":", type.base_modifier, ":",
           type.element);
    for (const std::string& label : type.labels) append(text, std::string_view("\0", 1), label);
  }
  return text;
}

}  // namespace

const Topic* Topics::find(const std::string& name) {
  auto& topic = topics_[name];
  if (topic == nullptr) {
    topic = std::make_unique<Topic>();
    topic->name = name;
    topic->id = static_cast<std::uint32_t>(topics_.size() - 1);
  }
  return topic.get();
}

bool PostgresRelations::captures(std::string_view schema, std::string_view table) const {
  // Debezium's built-in exclusions: debezium-contract 2.1.
  if (schema == "pg_catalog" || schema == "information_schema" || table == "spatial_ref_sys") return false;
  return options_.schemas.accepts(schema) && options_.tables.accepts(concat(schema, ".", table));
}

absl::StatusOr<RelationPtr> PostgresRelations::make(const postgres::RelationView& announced,
                                                    const postgres::TableDescription* described) {
  const std::uint64_t oid = value_of(announced.oid);
  std::string from = fingerprint(announced, described);
  Made& newest = newest_[oid];
  if (newest.relation != nullptr && newest.from == from) return newest.relation;
  Relation relation;
  if (described == nullptr) {
    relation.captured = false;
    relation.schema = std::string(announced.schema);
    relation.table = std::string(announced.name);
    relation.columns.resize(announced.columns.size());
  } else {
    postgres::MappedRelation mapped = postgres::map_relation(announced, *described, options_.types);
    relation = std::move(mapped.relation);
    for (const std::string& warning : mapped.warnings) {
      log_warn("postgres", warning,
               {{"pipeline", options_.pipeline}, {"table", concat(relation.schema, ".", relation.table)}});
    }
    relation.topic = topics_.find(options_.naming.data_topic(relation.schema, relation.table));
    const std::string table = concat(relation.schema, ".", relation.table);
    const auto [owner, added] = table_of_topic_.try_emplace(relation.topic->name, table);
    if (!added && owner->second != table) {
      log_warn("postgres", "two tables go to one topic",
               {{"pipeline", options_.pipeline},
                {"topic", relation.topic->name},
                {"table", table},
                {"other_table", owner->second}});
    }
  }
  relation.id = oid;
  relation.version = ++versions_;
  newest.from = std::move(from);
  newest.relation = std::make_shared<const Relation>(std::move(relation));
  return newest.relation;
}

}  // namespace millrace
