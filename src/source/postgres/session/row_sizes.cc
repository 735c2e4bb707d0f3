// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/row_sizes.h"

#include <map>

#include "source/postgres/session/catalog.h"
#include "source/postgres/session/connection.h"
#include "source/postgres/session/interrupt.h"
#include "source/postgres/session/publication.h"

namespace millrace::postgres {

absl::StatusOr<std::vector<TableRows>> captured_rows(const PipelineConfig& config) {
  const Interrupt interrupt;
  const absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::open(config, ConnectionKind::kSql, interrupt);
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<std::vector<CatalogTable>> tables = captured_tables(**connection, config);
  if (!tables.ok()) return tables.status();
  const absl::StatusOr<std::optional<PublicationFacts>> publication =
      read_publication(**connection, config.publication.name);
  const bool via_root = publication.ok() && *publication ? (*publication)->via_partition_root
                                                         : config.publication.via_partition_root;
  const absl::StatusOr<Result> rows = (*connection)->query(Phase::kQuery, "measure tables", R"(
SELECT c.oid,
       CASE WHEN c.reltuples > 0
            THEN ((pg_relation_size(c.oid) + CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_relation_size(c.reltoastrelid) END)
                  / c.reltuples)::bigint
            ELSE 0 END,
       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND (i.indisprimary OR i.indisunique) AND i.indisvalid)
  FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p')");
  if (!rows.ok()) return rows.status();
  std::map<std::uint32_t, TableRows> measured;
  for (int row = 0; row < rows->rows(); ++row) {
    TableRows& table = measured[rows->number<std::uint32_t>(row, 0)];
    table.average_row_bytes = rows->number<std::int64_t>(row, 1);
    table.has_key = rows->boolean(row, 2);
  }
  std::vector<TableRows> out;
  for (const CatalogTable& table : *tables) {
    const bool named_in_events = via_root ? table.parent == 0 : table.kind == 'r';
    const auto found = measured.find(table.oid);
    if (!named_in_events || found == measured.end()) continue;
    out.push_back(found->second);
    out.back().schema = table.schema;
    out.back().name = table.name;
  }
  return out;
}

}  // namespace millrace::postgres
