// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/type_map/type_map.h"

#include <algorithm>
#include <string_view>

#include "base/concat.h"
#include "source/postgres/convert/op.h"
#include "source/postgres/type_map/default_expression.h"

namespace millrace::postgres {
namespace {

const ColumnDescription* find_column(const TableDescription& described, std::string_view name) {
  const auto at = std::find_if(described.columns.begin(), described.columns.end(),
                               [name](const ColumnDescription& column) { return column.name == name; });
  return described.found && at != described.columns.end() ? &*at : nullptr;
}

const TypeDescription* find_type(const TableDescription& described, std::uint32_t oid) {
  const auto at = described.types.find(oid);
  return at == described.types.end() ? nullptr : &at->second;
}

Column map_column(const ColumnView& announced, const TableDescription& described,
                  const TypeMapOptions& options, std::vector<std::string>& warnings) {
  Column column;
  column.name = std::string(announced.name);
  const std::uint32_t oid = value_of(announced.type_oid);
  const TypeDescription* type = find_type(described, oid);
  std::optional<MappedType> mapped = map_type(oid, announced.type_modifier, described.types, options);
  if (!mapped) {
    column.captured = false;
    column.schema.optional = true;
    warnings.push_back(concat("column \"", column.name, "\" is left out of events: type ",
                              type != nullptr ? type->name : concat("with oid ", oid), " is not supported"));
    return column;
  }
  const ColumnDescription* known = find_column(described, announced.name);
  if (known != nullptr && known->type != oid) known = nullptr;  // the catalog is ahead of the log
  column.schema = std::move(mapped->schema);
  column.conversion = std::move(mapped->conversion);
  column.unavailable = mapped->unavailable;
  column.nullable = known == nullptr || !known->not_null;
  column.schema.optional = column.nullable;
  if (known != nullptr && known->default_expression) {
    DefaultText result = default_text(oid, announced.type_modifier, type, *known->default_expression);
    column.default_text = std::move(result.text);
    if (!result.understood) {
      warnings.push_back(concat("column \"", column.name, "\": the default ", *known->default_expression,
                                " is no literal; its schema carries none"));
    }
  }
  return column;
}

std::optional<std::uint16_t> index_of(std::span<const ColumnView> columns, std::string_view name) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

/// The named columns' indices, in the order of the names; those not announced are left out.
std::vector<std::uint16_t> indices_of(std::span<const ColumnView> columns,
                                      const std::vector<std::string>& names) {
  std::vector<std::uint16_t> out;
  for (const std::string& name : names) {
    if (const auto index = index_of(columns, name)) out.push_back(*index);
  }
  return out;
}

std::vector<std::uint16_t> marked(std::span<const ColumnView> columns) {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].in_key) out.push_back(static_cast<std::uint16_t>(i));
  }
  return out;
}

bool same_set(std::vector<std::uint16_t> a, std::vector<std::uint16_t> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

std::vector<std::uint16_t> choose_key(const RelationView& announced, const TableDescription& described) {
  const std::vector<std::uint16_t> in_message = marked(announced.columns);
  if (!described.found) {
    return announced.identity == ReplicaIdentity::kFull ? std::vector<std::uint16_t>{} : in_message;
  }
  const std::vector<std::uint16_t> primary = indices_of(announced.columns, described.primary_key);
  const std::vector<std::uint16_t> unique = indices_of(announced.columns, described.unique_key);
  switch (announced.identity) {
    case ReplicaIdentity::kDefault:
      // The marks are the primary key as it was at this place of the log.
      if (!same_set(primary, in_message)) return in_message.empty() ? unique : in_message;
      break;
    case ReplicaIdentity::kIndex:
      // The marks are the index. They help out when the key's columns are not all announced.
      if (primary.size() != described.primary_key.size() && !in_message.empty()) return in_message;
      break;
    case ReplicaIdentity::kFull:
    case ReplicaIdentity::kNothing:
      break;
  }
  return primary.empty() ? unique : primary;
}

}  // namespace

MappedRelation map_relation(const RelationView& announced, const TableDescription& described,
                            const TypeMapOptions& options) {
  MappedRelation out;
  Relation& relation = out.relation;
  relation.id = value_of(announced.oid);
  relation.database = options.database;
  relation.schema = announced.schema.empty() ? "pg_catalog" : std::string(announced.schema);
  relation.table = std::string(announced.name);
  relation.old_tuple_is_key = announced.identity != ReplicaIdentity::kFull;
  relation.columns.reserve(announced.columns.size());
  for (const ColumnView& column : announced.columns) {
    relation.columns.push_back(map_column(column, described, options, out.warnings));
  }
  relation.key = choose_key(announced, described);
  std::erase_if(relation.key, [&](std::uint16_t index) { return !relation.columns[index].captured; });
  for (std::string& warning : out.warnings) {
    warning = concat("table ", relation.schema, ".", relation.table, ": ", warning);
  }
  return out;
}

MappedRelation map_snapshot_relation(const TableDescription& described, std::span<const std::string> columns,
                                     const TypeMapOptions& options) {
  const auto identity = static_cast<ReplicaIdentity>(described.replica_identity);
  std::vector<ColumnView> views;
  views.reserve(columns.size());
  for (const std::string& name : columns) {
    ColumnView view;
    view.name = name;
    if (const ColumnDescription* column = find_column(described, name)) {
      view.type_oid = TypeOid{column->type};
      view.type_modifier = column->type_modifier;
    }
    // With the default identity a message marks the primary key.
    view.in_key = identity == ReplicaIdentity::kFull ||
                  std::find(described.primary_key.begin(), described.primary_key.end(), name) !=
                      described.primary_key.end();
    views.push_back(view);
  }
  return map_relation(
      RelationView{RelationOid{described.oid}, described.schema, described.name, identity, views}, described,
      options);
}

}  // namespace millrace::postgres
