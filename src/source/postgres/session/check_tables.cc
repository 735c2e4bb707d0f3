// SPDX-License-Identifier: Apache-2.0
// Each captured table: can it be read, will its changes come, will updates on it still work.
#include <absl/container/flat_hash_map.h>
#include <absl/strings/ascii.h>

#include <algorithm>
#include <map>
#include <utility>

#include "source/postgres/session/check_context.h"
#include "source/postgres/session/quoting.h"
#include "source/postgres/type_map/type_map.h"

namespace millrace::postgres {
namespace {

constexpr std::size_t kFindingsMax = 50;  // of one kind; a schema of 10,000 tables must stay readable

struct TableState {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  std::uint32_t parent = 0;
  char kind = 'r';
  char persistence = 'p';
  char replica_identity = 'd';
  bool has_primary_key = false;
  bool has_identity_index = false;
  std::string candidate;  // a unique index that could be the identity; empty: none
  bool may_use_schema = true;
  bool may_select = true;
  bool filtered_by_policy = false;
  bool captured = false;  // by its own name, or by that of a table it is part of

  std::string subject() const { return concat("table ", schema, ".", name); }
  std::string quoted() const { return quote_qualified(schema, name); }
};

std::vector<TableState> read_tables(CheckContext& context) {
  const std::optional<Result> rows = context.ask("look at the tables", R"(
SELECT c.oid, n.nspname, c.relname, h.inhparent, c.relkind, c.relpersistence, c.relreplident,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid),
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indisvalid),
       (SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
          WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
            AND i.indexprs IS NULL AND NOT EXISTS (
              SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND NOT a.attnotnull)
          ORDER BY x.relname LIMIT 1),
       has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'),
       row_security_active(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_inherits h ON h.inhrelid = c.oid AND c.relispartition
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
    AND left(n.nspname, 3) <> 'pg_' ORDER BY n.nspname, c.relname)");
  std::vector<TableState> out;
  if (!rows) return out;
  for (int row = 0; row < rows->rows(); ++row) {
    TableState table;
    table.oid = rows->number<std::uint32_t>(row, 0);
    table.schema = rows->text(row, 1);
    table.name = rows->text(row, 2);
    table.parent = rows->number<std::uint32_t>(row, 3);
    table.kind = rows->character(row, 4);
    table.persistence = rows->character(row, 5);
    table.replica_identity = rows->character(row, 6);
    table.has_primary_key = rows->boolean(row, 7);
    table.has_identity_index = rows->boolean(row, 8);
    table.candidate = rows->text(row, 9);
    table.may_use_schema = rows->boolean(row, 10);
    table.may_select = rows->boolean(row, 11);
    table.filtered_by_policy = rows->boolean(row, 12);
    table.captured = captures(context.config, table.schema, table.name);
    out.push_back(std::move(table));
  }
  return out;
}

bool via_root(const CheckContext& context) {
  return context.publication ? context.publication->via_partition_root
                             : context.config.publication.via_partition_root;
}

// With publish_via_partition_root a partition is captured when a table above it is.
void inherit_capture(std::vector<TableState>& tables) {
  absl::flat_hash_map<std::uint32_t, const TableState*> by_oid;
  for (const TableState& table : tables) by_oid.emplace(table.oid, &table);
  std::vector<bool> captured(tables.size());
  for (std::size_t i = 0; i < tables.size(); ++i) {
    for (const TableState* table = &tables[i]; table != nullptr && !captured[i];) {
      captured[i] = table->captured;
      const auto above = by_oid.find(table->parent);
      table = above == by_oid.end() ? nullptr : above->second;
    }
  }
  for (std::size_t i = 0; i < tables.size(); ++i) tables[i].captured = captured[i];
}

void check_lists(CheckContext& context, const std::vector<TableState>& tables) {
  const std::vector<std::string>& entries = context.config.tables.include.entries();
  for (const std::string& entry : entries) {
    const absl::StatusOr<PatternList> pattern = PatternList::compile({entry});
    if (!pattern.ok()) continue;
    const bool used = std::ranges::any_of(tables, [&](const TableState& table) {
      return pattern->matches(concat(table.schema, ".", table.name));
    });
    if (!used) {
      context.warn("include_list", concat("table.include.list entry '", entry, "'"),
                   "matches no table of this database: entries are schema.table",
                   "correct the entry, or create the table before the first start");
    }
  }
  const auto captured = std::ranges::count_if(tables, [](const TableState& t) { return t.captured; });
  if (captured == 0) {
    context.warn("tables", "tables", "no table is captured",
                 "correct the include and exclude lists, or create the tables");
  } else {
    context.ok("tables", "tables", concat(captured, " of ", tables.size(), " tables are captured"));
  }
}

// The server rejects UPDATE and DELETE on a published table that has no identity: the application breaks, not
// only we.
bool check_identity(CheckContext& context, const TableState& table) {
  if (table.kind != 'r' || table.persistence == 'u' ||
      (!context.publishes_updates() && !context.publishes_deletes()))
    return true;
  std::string problem;
  switch (table.replica_identity) {
    case 'd':
      if (table.has_primary_key) return true;
      problem = "has no primary key and replica identity DEFAULT";
      break;
    case 'i':
      if (table.has_identity_index) return true;
      problem = "has lost the index that is its replica identity";
      break;
    case 'n':
      problem = "has replica identity NOTHING";
      break;
    default:
      return true;
  }
  std::string fix = concat("ALTER TABLE ", table.quoted(), " REPLICA IDENTITY ");
  if (table.has_primary_key) {
    fix += "DEFAULT;";
  } else if (!table.candidate.empty()) {
    append(fix, "USING INDEX ", quote_identifier(table.candidate), ";");
  } else {
    fix += "FULL;  -- or give it a primary key";
  }
  context.error("replica_identity", ReasonCode::kNotReady, table.subject(),
                concat(problem, ": once it is published, the server rejects every UPDATE and DELETE on it"),
                fix);
  return false;
}

void check_rights(CheckContext& context, const TableState& table, std::map<std::string, bool>& said) {
  if (context.config.snapshot_mode == SnapshotMode::kNoData) return;
  const std::string role = quote_identifier(context.config.database.user);
  if (!table.may_use_schema) {
    if (!std::exchange(said[table.schema], true)) {
      context.error("schema_usage", ReasonCode::kPermissionDenied, concat("schema ", table.schema),
                    "the role may not look into it, so its tables cannot be copied",
                    concat("GRANT USAGE ON SCHEMA ", quote_identifier(table.schema), " TO ", role, ";"));
    }
  }
  if (!table.may_select) {
    context.error("table_select", ReasonCode::kPermissionDenied, table.subject(),
                  "the role may not read it for the snapshot",
                  concat("GRANT SELECT ON ", table.quoted(), " TO ", role, ";"));
  }
  if (table.filtered_by_policy) {
    context.error(
        "row_security", ReasonCode::kPermissionDenied, table.subject(),
        "row-level security hides rows from the role: the snapshot would lack them, the stream would not",
        concat("ALTER ROLE ", role, " BYPASSRLS;"));
  }
}

void check_columns(CheckContext& context, const TableDescription& table) {
  const std::string subject = concat("table ", table.schema, ".", table.name);
  std::map<std::string, std::string> folded;
  for (const ColumnDescription& column : table.columns) {
    const auto [at, is_new] = folded.emplace(absl::AsciiStrToLower(column.name), column.name);
    if (!is_new) {
      context.error("column_case", ReasonCode::kNotReady, subject,
                    concat("columns \"", at->second, "\" and \"", column.name,
                           "\" differ only in case: consumers cannot tell them apart"),
                    concat("ALTER TABLE ", quote_qualified(table.schema, table.name), " RENAME COLUMN ",
                           quote_identifier(column.name), " TO ", quote_identifier(column.name + "_2"), ";"));
    }
    if (map_type(column.type, column.type_modifier, table.types, TypeMapOptions{}).has_value()) continue;
    const auto type = table.types.find(column.type);
    context.warn("column_type", concat("column ", table.schema, ".", table.name, ".", column.name),
                 concat("is of type ", type == table.types.end() ? "?" : type->second.name,
                        ", which events have no form for: it is left out"),
                 {});
  }
  if (table.primary_key.empty() && table.unique_key.empty()) {
    context.note("no_key", subject, "has neither primary key nor unique index: its events have no key");
  }
}

void check_shapes(CheckContext& context, const std::vector<const TableState*>& tables) {
  std::vector<std::uint32_t> oids;
  for (const TableState* table : tables) oids.push_back(table->oid);
  const absl::StatusOr<std::map<std::uint32_t, TableDescription>> described =
      describe_tables(context.sql, Phase::kQuery, oids);
  if (!described.ok()) return context.failed("tables", "tables", described.status());
  for (const auto& [oid, table] : *described) check_columns(context, table);
}

// Rows of partitions come under the partitions' names, which a list that names the partitioned table does not
// match.
void check_partitions(CheckContext& context, const std::vector<TableState>& tables) {
  if (via_root(context)) return;
  for (const TableState& root : tables) {
    if (root.kind != 'p' || !root.captured) continue;
    const auto lost = std::ranges::find_if(tables, [&](const TableState& t) {
      return t.parent == root.oid && t.kind == 'r' && !captures(context.config, t.schema, t.name);
    });
    if (lost == tables.end()) continue;
    context.error("partition_names", ReasonCode::kNotReady, root.subject(),
                  concat("is captured, but its rows come under the names of its partitions, such as ",
                         lost->schema, ".", lost->name, ", which are not"),
                  "publish.via.partition.root: true\n-- or name the partitions in table.include.list");
  }
}

// Keeps the first findings of each kind and counts the others.
void shorten(std::vector<CheckFinding>& findings, std::size_t from) {
  std::map<std::string, std::size_t> seen;
  std::vector<CheckFinding> kept(
      std::make_move_iterator(findings.begin()),
      std::make_move_iterator(findings.begin() + static_cast<std::ptrdiff_t>(from)));
  std::map<std::string, CheckFinding> rest;
  for (std::size_t i = from; i < findings.size(); ++i) {
    const std::size_t count = ++seen[findings[i].id];
    if (count <= kFindingsMax) {
      kept.push_back(std::move(findings[i]));
    } else {
      CheckFinding& more = rest[findings[i].id];
      more = {findings[i].severity,
              findings[i].id,
              findings[i].reason,
              "tables",
              concat(count - kFindingsMax, " more of the same kind as above"),
              {}};
    }
  }
  for (auto& [id, finding] : rest) kept.push_back(std::move(finding));
  findings = std::move(kept);
}

}  // namespace

void check_tables(CheckContext& context) {
  const std::size_t from = context.findings.size();
  std::vector<TableState> tables = read_tables(context);
  check_partitions(context, tables);
  check_lists(context, tables);
  if (via_root(context)) inherit_capture(tables);
  std::map<std::string, bool> schemas_said;
  std::vector<const TableState*> captured;
  std::size_t with_identity = 0;
  std::size_t ordinary = 0;
  for (const TableState& table : tables) {
    if (!table.captured) continue;
    if (table.persistence == 'u') {
      context.warn("unlogged", table.subject(),
                   "is unlogged: its changes never reach the log and are not seen",
                   concat("ALTER TABLE ", table.quoted(), " SET LOGGED;"));
      continue;
    }
    captured.push_back(&table);
    if (table.kind == 'r') {
      ++ordinary;
      with_identity += check_identity(context, table) ? 1 : 0;
    }
    // What is read is the partitioned table, or each partition.
    const bool is_read =
        table.kind == 'p' ? via_root(context) && table.parent == 0 : !via_root(context) || table.parent == 0;
    if (is_read) check_rights(context, table, schemas_said);
  }
  if (ordinary > 0 && ordinary == with_identity) {
    context.ok("replica_identity", "replica identity",
               "every captured table has one that updates and deletes need");
  }
  check_shapes(context, captured);
  shorten(context.findings, from);
}

}  // namespace millrace::postgres
