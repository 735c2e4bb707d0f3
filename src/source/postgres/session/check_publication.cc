// SPDX-License-Identifier: Apache-2.0
// Whether the publication is there or can be made, and sends what the configuration captures.
#include <absl/container/flat_hash_set.h>

#include "source/postgres/session/check_context.h"
#include "source/postgres/session/quoting.h"

namespace millrace::postgres {
namespace {

constexpr std::size_t kNamesMax = 20;  // tables named in one line

std::string listed(const std::vector<std::string>& names, std::string_view between) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < kNamesMax; ++i)
    append(out, out.empty() ? "" : between, names[i]);
  if (names.size() > kNamesMax) append(out, " and ", names.size() - kNamesMax, " more");
  return out;
}

bool lists_given(const PipelineConfig& config) {
  return !config.tables.include.empty() || !config.schemas.include.empty();
}

// May this role run CREATE PUBLICATION? FOR ALL TABLES is a superuser's, FOR TABLE takes CREATE and
// ownership.
void check_may_create(CheckContext& context, const std::vector<CatalogTable>& tables) {
  const PipelineConfig& config = context.config;
  const std::string subject = concat("publication ", config.publication.name);
  const std::string sql = concat(create_publication_sql(config, tables), ";");
  const std::optional<Result> rights = context.ask("look at the role's rights", R"(
SELECT rolsuper, has_database_privilege(current_database(), 'CREATE') FROM pg_roles WHERE rolname = current_user)");
  if (!rights || rights->rows() == 0) return;
  const bool superuser = rights->boolean(0, 0);
  const bool create = rights->boolean(0, 1);
  if (context.in_recovery) {
    return context.error("publication_missing", ReasonCode::kPublicationMissing, subject,
                         "does not exist, and a standby cannot make it", concat(sql, "  -- on the primary"));
  }
  if (config.publication.autocreate == PublicationAutocreate::kAllTables && !superuser) {
    return context.error("publication_create", ReasonCode::kPermissionDenied, subject,
                         "does not exist, and only a superuser may make one for all tables",
                         concat(sql,
                                "  -- as a superuser\n-- or let millrace name the tables: "
                                "publication.autocreate.mode: filtered"));
  }
  if (!superuser && !create) {
    return context.error(
        "publication_create", ReasonCode::kPermissionDenied, subject,
        "does not exist, and the role may not make it",
        concat("GRANT CREATE ON DATABASE ", quote_identifier(config.database.dbname), " TO ",
               quote_identifier(config.database.user), ";\n-- or as somebody who may: ", sql));
  }
  if (config.publication.autocreate == PublicationAutocreate::kFiltered && !superuser) {
    std::string oids;
    for (const CatalogTable& table : tables) append(oids, oids.empty() ? "" : ",", table.oid);
    const std::optional<Result> foreign =
        context.ask("look who owns the tables",
                    concat(R"(
SELECT c.oid::regclass::text, quote_ident(pg_get_userbyid(c.relowner)) FROM pg_class c
  WHERE c.oid = ANY ('{)",
                           oids, "}'::oid[]) AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1"));
    if (!foreign) return;
    if (foreign->rows() > 0) {
      return context.error(
          "publication_create", ReasonCode::kPermissionDenied, subject,
          concat("does not exist, and only their owner ", foreign->view(0, 1), " may publish ",
                 foreign->view(0, 0),
                 foreign->rows() > 1 ? concat(" and ", foreign->rows() - 1, " more") : ""),
          concat(sql, "  -- as the tables' owner with CREATE on the database, or as a superuser"));
    }
  }
  context.ok("publication", subject, "does not exist yet: it is made at the first start");
}

void check_missing(CheckContext& context, const std::vector<CatalogTable>& tables) {
  const PipelineConfig& config = context.config;
  const std::string subject = concat("publication ", config.publication.name);
  const std::string sql = concat(create_publication_sql(config, tables), ";");
  if (config.publication.autocreate == PublicationAutocreate::kDisabled) {
    return context.error("publication_missing", ReasonCode::kPublicationMissing, subject,
                         "does not exist, and publication.autocreate.mode is disabled", sql);
  }
  if (context.slot) {
    return context.error(
        "publication_after_slot", ReasonCode::kPublicationSkipped, subject,
        concat("does not exist, but slot ", config.slot.name,
               " does: the slot cannot be read past the changes made before the publication"),
        concat("SELECT pg_drop_replication_slot(", quote_literal(config.slot.name), ");\n",
               "-- then `millrace position reset FILE` for a new snapshot, or correct publication.name"));
  }
  if (config.publication.autocreate == PublicationAutocreate::kFiltered && tables.empty()) {
    return context.error("publication_missing", ReasonCode::kPublicationMissing, subject,
                         "does not exist, and no table matches the include and exclude lists to make it for",
                         "correct the include and exclude lists, or create the tables");
  }
  check_may_create(context, tables);
}

void check_operations(CheckContext& context) {
  const PublicationFacts& publication = *context.publication;
  const SkippedOperations& skipped = context.config.skipped_operations;
  std::vector<std::string> missing;
  if (!publication.inserts && !skipped.create) missing.emplace_back("insert");
  if (!publication.updates && !skipped.update) missing.emplace_back("update");
  if (!publication.deletes && !skipped.remove) missing.emplace_back("delete");
  if (!publication.truncates && !skipped.truncate) missing.emplace_back("truncate");
  if (missing.empty()) return;
  std::string publish;
  const auto add = [&publish](bool on, std::string_view name) {
    if (on) append(publish, publish.empty() ? "" : ", ", name);
  };
  add(publication.inserts || !skipped.create, "insert");
  add(publication.updates || !skipped.update, "update");
  add(publication.deletes || !skipped.remove, "delete");
  add(publication.truncates || !skipped.truncate, "truncate");
  context.error("publication_operations", ReasonCode::kNotReady,
                concat("publication ", context.config.publication.name),
                concat("does not publish ", listed(missing, ", "),
                       ", which skipped.operations does not skip: they would be missing"),
                concat("ALTER PUBLICATION ", quote_identifier(context.config.publication.name),
                       " SET (publish = '", publish, "');"));
}

void check_partition_root(CheckContext& context) {
  const bool wanted = context.config.publication.via_partition_root;
  if (context.publication->via_partition_root == wanted) return;
  context.warn("publication_via_root", concat("publication ", context.config.publication.name),
               concat("has publish_via_partition_root = ", wanted ? "false" : "true",
                      ", publish.via.partition.root says otherwise: rows of partitions come under the ",
                      wanted ? "partitions' names" : "partitioned table's name"),
               concat("ALTER PUBLICATION ", quote_identifier(context.config.publication.name),
                      " SET (publish_via_partition_root = ", wanted ? "true" : "false", ");"));
}

void check_coverage(CheckContext& context, const std::vector<CatalogTable>& tables) {
  const std::string& name = context.config.publication.name;
  // A partitioned table counts as published when it or its partitions are.
  const std::optional<Result> rows =
      context.ask("list the publication's tables", concat(R"(
WITH published AS (SELECT c.oid FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
                     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename WHERE p.pubname = )",
                                                          quote_literal(name), R"()
SELECT oid FROM published
UNION SELECT t.relid FROM published, pg_partition_tree(published.oid) AS t
UNION SELECT a.relid FROM published, pg_partition_ancestors(published.oid) AS a)"));
  if (!rows) return;
  absl::flat_hash_set<std::uint32_t> covered;
  for (int row = 0; row < rows->rows(); ++row) covered.insert(rows->number<std::uint32_t>(row, 0));
  std::vector<std::string> missing;
  std::string quoted;
  for (const CatalogTable& table : tables) {
    if (covered.contains(table.oid)) continue;
    missing.push_back(concat(table.schema, ".", table.name));
    append(quoted, quoted.empty() ? "" : ", ", quote_qualified(table.schema, table.name));
  }
  const std::string subject = concat("publication ", name);
  if (missing.empty()) {
    return context.ok("publication", subject, concat("publishes all ", tables.size(), " captured tables"));
  }
  const std::string fix = concat("ALTER PUBLICATION ", quote_identifier(name), " ADD TABLE ", quoted, ";");
  const std::string problem = concat("does not contain ", listed(missing, ", "));
  if (context.config.publication.autocreate == PublicationAutocreate::kFiltered) {
    return context.note("publication_tables", subject, concat(problem, ": added at the next start"));
  }
  if (!lists_given(context.config)) {
    return context.warn("publication_tables", subject, concat(problem, ": changes there are not seen"), fix);
  }
  context.error("publication_tables", ReasonCode::kNotReady, subject,
                concat(problem, ", which the configuration captures: their changes would be missing"), fix);
}

// Filters of the publication are no mistake; whoever reads the events should know.
void check_filters(CheckContext& context) {
  if (context.version < 150000) return;
  const std::optional<Result> rows =
      context.ask("read row filters and column lists",
                  concat(R"(
SELECT n.nspname, c.relname, pg_get_expr(r.prqual, r.prrelid), r.prattrs IS NOT NULL
  FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE r.prpubid = )",
                         context.publication->oid,
                         " AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL) ORDER BY 1, 2 LIMIT 20"));
  if (!rows) return;
  for (int row = 0; row < rows->rows(); ++row) {
    const std::string subject = concat("table ", rows->view(row, 0), ".", rows->view(row, 1));
    if (!captures(context.config, rows->view(row, 0), rows->view(row, 1))) continue;
    if (!rows->is_null(row, 2)) {
      context.note("row_filter", subject,
                   concat("the publication sends only rows with ", rows->view(row, 2),
                          "; a row that leaves the filter comes as a delete"));
    }
    if (rows->boolean(row, 3))
      context.note("column_list", subject, "the publication sends only some of its columns");
  }
}

}  // namespace

void check_publication(CheckContext& context) {
  const absl::StatusOr<std::vector<CatalogTable>> captured = captured_tables(context.sql, context.config);
  if (!captured.ok()) return context.failed("tables", "tables", captured.status());
  const std::vector<CatalogTable> tables = publishable(*captured);
  if (!context.publication) return check_missing(context, tables);
  check_operations(context);
  check_partition_root(context);
  check_coverage(context, tables);
  check_filters(context);
}

}  // namespace millrace::postgres
