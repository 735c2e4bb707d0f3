// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/snapshot_session.h"

#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "source/postgres/session/quoting.h"

namespace millrace::postgres {
namespace {

// Everything that keeps the role from reading every row of every table, in one error.
absl::Status check_readable(const std::vector<PublishedTable>& tables, const PipelineConfig& config) {
  const std::string role = quote_identifier(config.database.user);
  std::string fixes;
  std::string names;
  const auto add = [&](const PublishedTable& table, const std::string& fix) {
    append(names, names.empty() ? "" : ", ", table.schema, ".", table.name);
    if (fixes.find(fix) == std::string::npos) append(fixes, fixes.empty() ? "" : "; ", fix);
  };
  for (const PublishedTable& table : tables) {
    if (!table.may_use_schema) {
      add(table, concat("GRANT USAGE ON SCHEMA ", quote_identifier(table.schema), " TO ", role));
    }
    if (!table.may_select) {
      add(table, concat("GRANT SELECT ON ", quote_qualified(table.schema, table.name), " TO ", role));
    }
    if (table.filtered_by_policy) add(table, concat("ALTER ROLE ", role, " BYPASSRLS"));
  }
  if (fixes.empty()) return absl::OkStatus();
  return action_error({ReasonCode::kPermissionDenied, Action::kStop},
                      concat("postgres: the role may not read all rows of ", names, ". Fix: ", fixes));
}

std::string column_list(const PublishedTable& table) {
  std::string out;
  for (const std::string& column : table.columns)
    append(out, out.empty() ? "" : ", ", quote_identifier(column));
  return out;
}

absl::StatusOr<Result> begin(Connection& connection, std::string_view snapshot_name) {
  return connection.query(Phase::kSnapshot, "import the snapshot",
                          concat(R"(
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET TRANSACTION SNAPSHOT )",
                                 quote_literal(snapshot_name), R"(;
SELECT txid_snapshot_xmax(txid_current_snapshot()), (extract(epoch FROM current_timestamp) * 1000000)::bigint)"));
}

}  // namespace

std::string copy_statement(const PublishedTable& table) {
  const std::string name = quote_qualified(table.schema, table.name);
  // COPY of the table itself spares the executor a node a row; it knows no filters, generated columns and
  // partitions.
  if (table.kind == 'r' && table.row_filter.empty() && !table.any_generated && !table.columns.empty()) {
    return concat("COPY ", name, " (", column_list(table), ") TO STDOUT");
  }
  // ONLY: tables that inherit are published, and copied, under their own names.
  std::string out =
      concat("COPY (SELECT ", column_list(table), " FROM ", table.kind == 'p' ? "" : "ONLY ", name);
  if (!table.row_filter.empty()) append(out, " WHERE ", table.row_filter);
  return out + ") TO STDOUT";
}

absl::StatusOr<SnapshotReady> open_snapshot(const PipelineConfig& config, std::string_view snapshot_name,
                                            const Interrupt& interrupt) {
  absl::StatusOr<std::unique_ptr<Connection>> connection =
      Connection::open(config, ConnectionKind::kSnapshot, interrupt);
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<Result> begun = begin(**connection, snapshot_name);
  if (!begun.ok()) return begun.status();
  absl::StatusOr<std::vector<PublishedTable>> tables =
      published_tables(**connection, Phase::kSnapshot, config);
  if (!tables.ok()) return tables.status();
  if (absl::Status status = check_readable(*tables, config); !status.ok()) return status;
  std::vector<std::uint32_t> oids;
  for (const PublishedTable& table : *tables) oids.push_back(table.oid);
  absl::StatusOr<std::map<std::uint32_t, TableDescription>> described =
      describe_tables(**connection, Phase::kSnapshot, oids);
  if (!described.ok()) return described.status();
  if (tables->empty()) {
    log_warn("postgres", "the snapshot is empty: no table is both captured and in the publication",
             {{"publication", config.publication.name}});
  }
  SnapshotReady ready;
  ready.transaction_id = begun->number<std::uint64_t>(0, 0);
  for (PublishedTable& table : *tables) {
    SnapshotTable out;
    out.description = std::move((*described)[table.oid]);
    out.copy_sql = copy_statement(table);
    out.columns = std::move(table.columns);
    out.read_time_us =
        begun->number<std::int64_t>(0, 1);  // CURRENT_TIMESTAMP is the transaction's: one for all
    out.estimated_rows = table.estimated_rows;
    ready.tables.push_back(std::move(out));
  }
  absl::StatusOr<TakenSocket> socket = take_over(std::move(*connection));
  if (!socket.ok()) return socket.status();
  ready.socket = std::move(*socket);
  return ready;
}

}  // namespace millrace::postgres
