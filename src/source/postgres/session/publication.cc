// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/publication.h"

#include <absl/container/flat_hash_set.h>

#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "source/postgres/session/quoting.h"

namespace millrace::postgres {
namespace {

std::string table_list(const std::vector<CatalogTable>& tables) {
  std::string out;
  for (const CatalogTable& table : tables)
    append(out, out.empty() ? "" : ", ", quote_qualified(table.schema, table.name));
  return out;
}

// Only what was set: the default of skipped.operations is filtered on our side, so that it can change without
// DDL.
std::string publish_list(const SkippedOperations& skipped) {
  if (skipped == SkippedOperations{}) return {};
  std::string out;
  const auto add = [&out](bool skip, std::string_view name) {
    if (!skip) append(out, out.empty() ? "" : ", ", name);
  };
  add(skipped.create, "insert");
  add(skipped.update, "update");
  add(skipped.remove, "delete");
  add(skipped.truncate, "truncate");
  return concat("publish = '", out, "'");
}

void warn_about(const PublicationFacts& publication, const PipelineConfig& config) {
  const std::string& name = config.publication.name;
  const SkippedOperations& skipped = config.skipped_operations;
  if ((!publication.inserts && !skipped.create) || (!publication.updates && !skipped.update) ||
      (!publication.deletes && !skipped.remove)) {
    log_warn("postgres",
             "the publication leaves out operations that skipped.operations does not: they will be missing",
             {{"publication", name}});
  }
  if (publication.via_partition_root != config.publication.via_partition_root) {
    log_warn("postgres",
             "the publication's publish_via_partition_root differs from publish.via.partition.root; it stays",
             {{"publication", name}, {"publish_via_partition_root", publication.via_partition_root}});
  }
}

absl::Status update_tables(Connection& connection, const PipelineConfig& config,
                           const PublicationFacts& publication, const std::vector<CatalogTable>& wanted) {
  const std::string name = quote_identifier(config.publication.name);
  const absl::StatusOr<Result> rows = connection.query(Phase::kPublication, "read the publication's tables",
                                                       concat(R"(
SELECT r.prrelid, n.nspname, c.relname FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = )",
                                                              publication.oid, " ORDER BY 1"));
  if (!rows.ok()) return rows.status();
  absl::flat_hash_set<std::uint32_t> present;
  absl::flat_hash_set<std::uint32_t> wanted_oids;
  for (const CatalogTable& table : wanted) wanted_oids.insert(table.oid);
  std::string dropped;
  for (int row = 0; row < rows->rows(); ++row) {
    const auto oid = rows->number<std::uint32_t>(row, 0);
    present.insert(oid);
    if (!wanted_oids.contains(oid)) {
      append(dropped, dropped.empty() ? "" : ", ", quote_qualified(rows->view(row, 1), rows->view(row, 2)));
    }
  }
  std::vector<CatalogTable> added;
  for (const CatalogTable& table : wanted) {
    if (!present.contains(table.oid)) added.push_back(table);
  }
  if (added.empty() && dropped.empty()) return absl::OkStatus();
  // Differences only: SET TABLE would take away the column lists and row filters somebody gave the others.
  std::string sql = "BEGIN;";
  if (!dropped.empty()) append(sql, "ALTER PUBLICATION ", name, " DROP TABLE ", dropped, ";");
  if (!added.empty()) append(sql, "ALTER PUBLICATION ", name, " ADD TABLE ", table_list(added), ";");
  sql += "COMMIT";
  if (absl::Status status = connection.query(Phase::kPublication, "alter the publication", sql).status();
      !status.ok()) {
    if (!absl::IsCancelled(status))
      connection.query(Phase::kPublication, "roll back", "ROLLBACK").status().IgnoreError();
    return action_error({reason_of(status), action_of(status)},
                        concat(status.message(), ". The statement: ", sql));
  }
  log_info("postgres", "publication altered",
           {{"publication", config.publication.name}, {"added", table_list(added)}, {"dropped", dropped}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CatalogTable>> tables_to_publish(Connection& connection,
                                                            const PipelineConfig& config) {
  absl::StatusOr<std::vector<CatalogTable>> captured = captured_tables(connection, config);
  if (!captured.ok()) return captured.status();
  for (const CatalogTable& table : *captured) {
    if (table.persistence != 'u') continue;
    log_warn("postgres", "an unlogged table leaves no trace in the log: it is not captured",
             {{"table", concat(table.schema, ".", table.name)}});
  }
  return publishable(*captured);
}

absl::Status missing(const PipelineConfig& config, std::string_view why, std::string_view sql) {
  return action_error(
      {ReasonCode::kPublicationMissing, Action::kStop},
      concat("postgres: publication \"", config.publication.name, "\" does not exist in database \"",
             config.database.dbname, "\", and ", why, ". Fix: ", sql));
}

absl::Status create(Connection& connection, const PipelineConfig& config,
                    const std::vector<CatalogTable>& tables, bool in_recovery) {
  const std::string sql = create_publication_sql(config, tables);
  if (in_recovery) return missing(config, "this server is a standby: make it on the primary", sql);
  if (config.publication.autocreate == PublicationAutocreate::kFiltered && tables.empty()) {
    return missing(config, "no table matches the include and exclude lists, so there is nothing to publish",
                   "correct table.include.list, or create the tables first");
  }
  const absl::Status status = connection.query(Phase::kPublication, "create the publication", sql).status();
  if (status.ok()) {
    log_info("postgres", "publication created", {{"publication", config.publication.name}, {"sql", sql}});
    return status;
  }
  if (absl::IsCancelled(status)) return status;
  return action_error(
      {reason_of(status), action_of(status)},
      concat(status.message(),
             ". Fix: let a superuser (FOR ALL TABLES) or the tables' owner with CREATE on the "
             "database run: ",
             sql));
}

}  // namespace

absl::StatusOr<std::optional<PublicationFacts>> read_publication(Connection& connection,
                                                                 std::string_view name) {
  const absl::StatusOr<Result> rows = connection.query(Phase::kPublication, "read the publication",
                                                       concat(R"(
SELECT oid, pg_get_userbyid(pubowner), puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot
  FROM pg_publication WHERE pubname = )",
                                                              quote_literal(name)));
  if (!rows.ok()) return rows.status();
  if (rows->rows() == 0) return std::nullopt;
  PublicationFacts out;
  out.oid = rows->number<std::uint32_t>(0, 0);
  out.owner = rows->text(0, 1);
  out.all_tables = rows->boolean(0, 2);
  out.inserts = rows->boolean(0, 3);
  out.updates = rows->boolean(0, 4);
  out.deletes = rows->boolean(0, 5);
  out.truncates = rows->boolean(0, 6);
  out.via_partition_root = rows->boolean(0, 7);
  return out;
}

std::string create_publication_sql(const PipelineConfig& config, const std::vector<CatalogTable>& tables) {
  std::string out = concat("CREATE PUBLICATION ", quote_identifier(config.publication.name));
  switch (config.publication.autocreate) {
    case PublicationAutocreate::kNoTables:
      break;
    case PublicationAutocreate::kAllTables:
    case PublicationAutocreate::kDisabled:
      out += " FOR ALL TABLES";
      break;
    case PublicationAutocreate::kFiltered:
      append(out, " FOR TABLE ", table_list(tables));
      break;
  }
  std::string options = publish_list(config.skipped_operations);
  if (config.publication.via_partition_root) {
    append(options, options.empty() ? "" : ", ", "publish_via_partition_root = true");
  }
  if (!options.empty()) append(out, " WITH (", options, ")");
  return out;
}

absl::StatusOr<PublicationFacts> ensure_publication(Connection& connection, const PipelineConfig& config,
                                                    bool in_recovery, bool slot_exists) {
  using Mode = PublicationAutocreate;
  const Mode mode = config.publication.autocreate;
  absl::StatusOr<std::optional<PublicationFacts>> found =
      read_publication(connection, config.publication.name);
  if (!found.ok()) return found.status();
  std::vector<CatalogTable> wanted;
  if (mode == Mode::kFiltered) {
    absl::StatusOr<std::vector<CatalogTable>> tables = tables_to_publish(connection, config);
    if (!tables.ok()) return tables.status();
    wanted = std::move(*tables);
  }
  if (!found->has_value()) {
    if (mode == Mode::kDisabled) {
      return missing(config, "publication.autocreate.mode is disabled",
                     create_publication_sql(config, wanted));
    }
    if (slot_exists) {
      return action_error({ReasonCode::kPublicationSkipped, Action::kStop},
                          concat("postgres: slot \"", config.slot.name, "\" exists, but publication \"",
                                 config.publication.name,
                                 "\" does not: the slot cannot be read past the changes made before the "
                                 "publication. Fix: SELECT "
                                 "pg_drop_replication_slot(",
                                 quote_literal(config.slot.name),
                                 "); then `millrace position reset` for a new "
                                 "snapshot, or correct publication.name"));
    }
    if (absl::Status status = create(connection, config, wanted, in_recovery); !status.ok()) return status;
    found = read_publication(connection, config.publication.name);
    if (!found.ok()) return found.status();
    if (!found->has_value())
      return missing(config, "it was dropped as soon as it was made", create_publication_sql(config, wanted));
  } else if (mode == Mode::kFiltered && !in_recovery) {
    if ((*found)->all_tables) {
      log_info("postgres",
               "the publication is FOR ALL TABLES: what is not captured is left out here, not on the server",
               {{"publication", config.publication.name}});
    } else if (wanted.empty()) {
      log_warn("postgres", "no table matches the include and exclude lists: the publication stays as it is",
               {{"publication", config.publication.name}});
    } else if (absl::Status status = update_tables(connection, config, **found, wanted); !status.ok()) {
      return status;
    }
  }
  warn_about(**found, config);
  return **found;
}

}  // namespace millrace::postgres
