// SPDX-License-Identifier: Apache-2.0
// Tables and types as the catalog shows them, and which tables are captured.
#pragma once
#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "source/postgres/catalog_types.h"
#include "source/postgres/session/connection.h"

namespace millrace::postgres {

/// Describes tables with their keys and every type reachable from their columns, in one round trip.
/// Tables that do not exist are absent from the map.
absl::StatusOr<std::map<std::uint32_t, TableDescription>> describe_tables(
    Connection& connection, Phase phase, std::span<const std::uint32_t> oids);
/// One table; found == false when it is gone.
absl::StatusOr<TableDescription> describe_table(Connection& connection, std::uint32_t oid);

/// Whether the configuration captures a table: schema and table lists, never system schemas and
/// spatial_ref_sys. Lists are regular expressions for the whole name, letter case aside; tables are matched
/// as schema.table.
bool captures(const PipelineConfig& config, std::string_view schema, std::string_view table);

/// A table that can be published, as the catalog has it.
struct CatalogTable {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'r';           ///< r or p
  std::uint32_t parent = 0;  ///< Of a partition: the table it is part of, else 0.
  char persistence = 'p';    ///< u: unlogged, never published.
};
/// All ordinary and partitioned tables outside of system schemas that the configuration captures, by oid.
/// Temporary tables are left out; unlogged ones are not.
absl::StatusOr<std::vector<CatalogTable>> captured_tables(Connection& connection,
                                                          const PipelineConfig& config);

/// Those of them that a publication has to name: of a tree of partitions the topmost one that is captured,
/// which stands for partitions made later too. Unlogged tables cannot be published.
std::vector<CatalogTable> publishable(const std::vector<CatalogTable>& tables);

/// What a publication sends of a table.
struct PublishedTable {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'r';
  std::vector<std::string> columns;  ///< As published, in attribute order.
  std::string row_filter;            ///< SQL condition; empty: all rows.
  std::int64_t estimated_rows = -1;  ///< -1: never analyzed.
  bool any_generated = false;        ///< Of `columns`.
  bool filtered_by_policy = false;   ///< Row-level security hides rows from this role.
  bool may_select = true;            ///< The role may read the schema and these columns.
  bool may_use_schema = true;
};
/// The tables of the publication that the configuration captures, in the order of a snapshot (contract 4.2):
/// by entry of the include list, then by name.
absl::StatusOr<std::vector<PublishedTable>> published_tables(Connection& connection, Phase phase,
                                                             const PipelineConfig& config);

}  // namespace millrace::postgres
