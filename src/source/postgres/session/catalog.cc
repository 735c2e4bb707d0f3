// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/catalog.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/concat.h"
#include "source/postgres/session/quoting.h"

namespace millrace::postgres {
namespace {

std::string oid_array(std::span<const std::uint32_t> oids) {
  std::string out = "'{";
  for (const std::uint32_t oid : oids) append(out, out.size() > 2 ? "," : "", oid);
  return out + "}'::oid[]";
}

// Four statements: tables, columns, keys, types. Source: PostgreSQL docs, pg_class, pg_attribute, pg_index,
// pg_type. None may lock a table: who alters one keeps it locked until the commit, and the commit may wait
// for us, as a synchronous standby. Named its table, pg_get_expr() locks it; a default has no need of that.
std::string describe_sql(const std::string& oids) {
  return concat(R"(
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relreplident
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ()",
                oids, R"();
SELECT a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated <> '', a.attidentity <> '',
       CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, 0) END
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = ANY ()",
                oids, R"() AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum;
SELECT i.indrelid, i.indexrelid, i.indisprimary, a.attname
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
  LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0
  WHERE i.indrelid = ANY ()",
                oids, R"() AND i.indisunique AND i.indisvalid AND k.place <= i.indnkeyatts
  ORDER BY i.indrelid, i.indisprimary DESC, i.indisclustered DESC, c.relname, k.place;
WITH RECURSIVE reached (oid) AS (
  SELECT DISTINCT atttypid FROM pg_attribute WHERE attrelid = ANY ()",
                oids, R"() AND attnum > 0 AND NOT attisdropped
  UNION
  SELECT next.oid FROM reached r JOIN pg_type t ON t.oid = r.oid
    CROSS JOIN LATERAL (VALUES (CASE WHEN t.typcategory = 'A' AND t.typtype = 'b' THEN t.typelem END),
                               (t.typbasetype)) AS next (oid)
    WHERE next.oid <> 0)
SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typdelim,
       CASE WHEN t.typcategory = 'A' AND t.typtype = 'b' AND t.oid NOT IN (22, 30) THEN t.typelem ELSE 0 END,
       t.typbasetype, t.typtypmod, t.typnotnull, e.enumlabel
  FROM reached r JOIN pg_type t ON t.oid = r.oid JOIN pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_enum e ON e.enumtypid = t.oid ORDER BY t.oid, e.enumsortorder)");
}

using Tables = std::map<std::uint32_t, TableDescription>;
using Types = std::map<std::uint32_t, TypeDescription>;

struct CatalogTypes {
  Types types;
  absl::flat_hash_set<std::uint32_t> not_null;  // domains declared NOT NULL
};

CatalogTypes read_types(const Result& rows) {
  CatalogTypes out;
  for (int row = 0; row < rows.rows(); ++row) {
    const auto oid = rows.number<std::uint32_t>(row, 0);
    const auto [at, is_new] = out.types.try_emplace(oid);
    TypeDescription& type = at->second;
    if (is_new) {
      type.oid = oid;
      type.schema = rows.text(row, 1);
      type.name = rows.text(row, 2);
      type.kind = rows.character(row, 3);
      type.category = rows.character(row, 4);
      type.delimiter = rows.character(row, 5);
      type.element = rows.number<std::uint32_t>(row, 6);
      type.base = rows.number<std::uint32_t>(row, 7);
      type.base_modifier = rows.number<std::int32_t>(row, 8);
      if (rows.boolean(row, 9)) out.not_null.insert(oid);
    }
    if (!rows.is_null(row, 10)) type.labels.push_back(rows.text(row, 10));
  }
  return out;
}

// A domain's own NOT NULL, or that of a domain below it. Chains are short; the bound is against a catalog
// gone mad.
bool domain_not_null(const CatalogTypes& catalog, std::uint32_t oid) {
  for (int depth = 0; depth < 64; ++depth) {
    if (catalog.not_null.contains(oid)) return true;
    const auto found = catalog.types.find(oid);
    if (found == catalog.types.end() || found->second.base == 0) return false;
    oid = found->second.base;
  }
  return false;
}

void add_reachable(const Types& all, std::uint32_t oid, Types& out) {
  const auto found = all.find(oid);
  if (found == all.end() || !out.emplace(*found).second) return;
  if (found->second.element != 0) add_reachable(all, found->second.element, out);
  if (found->second.base != 0) add_reachable(all, found->second.base, out);
}

void read_columns(const Result& rows, const CatalogTypes& catalog, Tables& tables) {
  for (int row = 0; row < rows.rows(); ++row) {
    const auto table = tables.find(rows.number<std::uint32_t>(row, 0));
    if (table == tables.end()) continue;
    ColumnDescription column;
    column.name = rows.text(row, 1);
    column.type = rows.number<std::uint32_t>(row, 2);
    column.type_modifier = rows.number<std::int32_t>(row, 3);
    column.not_null = rows.boolean(row, 4) || domain_not_null(catalog, column.type);
    column.generated = rows.boolean(row, 5);
    column.identity = rows.boolean(row, 6);
    if (!rows.is_null(row, 7)) column.default_expression = rows.text(row, 7);
    add_reachable(catalog.types, column.type, table->second.types);
    table->second.columns.push_back(std::move(column));
  }
}

// The primary key, and the first unique index made of plain columns only (contract 1.4).
void read_keys(const Result& rows, Tables& tables) {
  for (int row = 0; row < rows.rows();) {
    const auto index = rows.number<std::uint32_t>(row, 1);
    const auto table = tables.find(rows.number<std::uint32_t>(row, 0));
    const bool primary = rows.boolean(row, 2);
    bool plain = true;
    std::vector<std::string> columns;
    for (; row < rows.rows() && rows.number<std::uint32_t>(row, 1) == index; ++row) {
      plain = plain && !rows.is_null(row, 3);
      columns.push_back(rows.text(row, 3));
    }
    if (table == tables.end() || !plain) continue;
    std::vector<std::string>& key = primary ? table->second.primary_key : table->second.unique_key;
    if (key.empty()) key = std::move(columns);
  }
}

absl::Status incomplete(std::string_view doing) {
  return action_error({ReasonCode::kSourceProtocol, Action::kStop},
                      concat("postgres: ", doing, ": an answer is missing"));
}

}  // namespace

absl::StatusOr<Tables> describe_tables(Connection& connection, Phase phase,
                                       std::span<const std::uint32_t> oids) {
  Tables tables;
  constexpr std::size_t kAtOnce = 500;  // keeps the text of a statement small
  for (std::size_t done = 0; done < oids.size(); done += kAtOnce) {
    const auto part = oids.subspan(done, std::min(kAtOnce, oids.size() - done));
    absl::StatusOr<std::vector<Result>> results =
        connection.query_all(phase, "describe tables", describe_sql(oid_array(part)));
    if (!results.ok()) return results.status();
    if (results->size() != 4) return incomplete("describe tables");
    const Result& rows = results->front();
    for (int row = 0; row < rows.rows(); ++row) {
      TableDescription& table = tables[rows.number<std::uint32_t>(row, 0)];
      table.oid = rows.number<std::uint32_t>(row, 0);
      table.found = true;
      table.schema = rows.text(row, 1);
      table.name = rows.text(row, 2);
      table.kind = rows.character(row, 3);
      table.replica_identity = rows.character(row, 4);
    }
    read_columns((*results)[1], read_types((*results)[3]), tables);
    read_keys((*results)[2], tables);
  }
  return tables;
}

absl::StatusOr<TableDescription> describe_table(Connection& connection, std::uint32_t oid) {
  absl::StatusOr<Tables> tables = describe_tables(connection, Phase::kQuery, std::span(&oid, 1));
  if (!tables.ok()) return tables.status();
  if (tables->empty()) {
    TableDescription gone;
    gone.oid = oid;
    return gone;
  }
  return std::move(tables->begin()->second);
}

bool captures(const PipelineConfig& config, std::string_view schema, std::string_view table) {
  if (schema == "information_schema" || schema.starts_with("pg_") || table == "spatial_ref_sys") return false;
  return config.schemas.accepts(schema) && config.tables.accepts(concat(schema, ".", table));
}

absl::StatusOr<std::vector<CatalogTable>> captured_tables(Connection& connection,
                                                          const PipelineConfig& config) {
  const absl::StatusOr<Result> rows = connection.query(Phase::kQuery, "list tables", R"(
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, h.inhparent
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits h ON h.inhrelid = c.oid AND c.relispartition
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
    AND left(n.nspname, 3) <> 'pg_' ORDER BY c.oid)");
  if (!rows.ok()) return rows.status();
  std::vector<CatalogTable> out;
  for (int row = 0; row < rows->rows(); ++row) {
    if (!captures(config, rows->view(row, 1), rows->view(row, 2))) continue;
    CatalogTable table;
    table.oid = rows->number<std::uint32_t>(row, 0);
    table.schema = rows->text(row, 1);
    table.name = rows->text(row, 2);
    table.kind = rows->character(row, 3);
    table.persistence = rows->character(row, 4);
    table.parent = rows->number<std::uint32_t>(row, 5);
    out.push_back(std::move(table));
  }
  return out;
}

std::vector<CatalogTable> publishable(const std::vector<CatalogTable>& tables) {
  absl::flat_hash_map<std::uint32_t, const CatalogTable*> by_oid;
  for (const CatalogTable& table : tables) by_oid.emplace(table.oid, &table);
  std::vector<CatalogTable> out;
  std::ranges::copy_if(tables, std::back_inserter(out), [&](const CatalogTable& table) {
    return table.persistence != 'u' && !by_oid.contains(table.parent);
  });
  return out;
}

absl::StatusOr<std::vector<PublishedTable>> published_tables(Connection& connection, Phase phase,
                                                             const PipelineConfig& config) {
  const bool lists = connection.server_version() >= 150000;  // column lists and row filters
  const std::string from = concat(R"(
  FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename)");
  const std::string where = concat(" WHERE p.pubname = ", quote_literal(config.publication.name));
  absl::StatusOr<std::vector<Result>> results = connection.query_all(
      phase, "list published tables",
      concat(R"(
SELECT c.oid, n.nspname, c.relname, c.relkind, )",
             lists ? "p.rowfilter" : "NULL", R"(,
       CASE WHEN c.relkind = 'p' THEN (SELECT sum(l.reltuples) FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
                                       WHERE t.isleaf AND l.reltuples >= 0) ELSE nullif(c.reltuples, -1) END::bigint,
       row_security_active(c.oid), has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'), c.relpages)",
             from, where, R"( ORDER BY c.oid;
SELECT c.oid, a.attname, a.attgenerated <> '', has_column_privilege(c.oid, a.attnum, 'SELECT'))",
             from, R"(
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND )",
             connection.server_version() >= 180000 ? "a.attgenerated <> 'v'" : "a.attgenerated = ''",
             lists ? " AND a.attname = ANY (p.attnames)" : "", where, " ORDER BY c.oid, a.attnum"));
  if (!results.ok()) return results.status();
  if (results->size() != 2) return incomplete("list published tables");
  std::vector<PublishedTable> tables;
  const Result& rows = results->front();
  const Result& columns = results->back();
  for (int row = 0, at = 0; row < rows.rows(); ++row) {
    PublishedTable table;
    table.oid = rows.number<std::uint32_t>(row, 0);
    table.schema = rows.text(row, 1);
    table.name = rows.text(row, 2);
    table.kind = rows.character(row, 3);
    table.row_filter = rows.text(row, 4);
    // Before 14 a table that was never analyzed has 0 rows, as an empty one does: pages tell.
    const bool analyzed =
        !rows.is_null(row, 5) && (connection.server_version() >= 140000 || table.kind == 'p' ||
                                  rows.number<std::int64_t>(row, 9) != 0);
    if (analyzed) table.estimated_rows = rows.number<std::int64_t>(row, 5);
    table.filtered_by_policy = rows.boolean(row, 6);
    table.may_use_schema = rows.boolean(row, 7);
    bool every_column = true;
    for (; at < columns.rows() && columns.number<std::uint32_t>(at, 0) == table.oid; ++at) {
      table.columns.push_back(columns.text(at, 1));
      table.any_generated = table.any_generated || columns.boolean(at, 2);
      every_column = every_column && columns.boolean(at, 3);
    }
    table.may_select = rows.boolean(row, 8) || (every_column && !table.columns.empty());
    if (captures(config, table.schema, table.name)) tables.push_back(std::move(table));
  }
  const auto place = [&config](const PublishedTable& table) {
    const std::string name = concat(table.schema, ".", table.name);
    return std::tuple(config.tables.include.first_match(name).value_or(0), name);
  };
  std::ranges::sort(tables, {}, place);
  return tables;
}

}  // namespace millrace::postgres
