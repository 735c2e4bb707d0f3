// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/facts.h"

#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "source/postgres/session/slot.h"

namespace millrace::postgres {
namespace {

// Before anything is asked that an old server may not know.
absl::Status check_version(int version_num) {
  if (version_num < kOldestServer) {
    return action_error(
        {ReasonCode::kServerVersion, Action::kStop},
        concat("postgres: the server is PostgreSQL ", version_num / 10000, "; millrace reads 13 and newer"));
  }
  if (version_num / 10000 > kNewestServerMajor) {
    log_warn("postgres", "this server version is newer than those millrace is tested with",
             {{"version", version_num / 10000}});
  }
  return absl::OkStatus();
}

absl::Status read_identity(Connection& replication, ServerFacts& facts) {
  const absl::StatusOr<Result> system =
      replication.query(Phase::kQuery, "identify the system", "IDENTIFY_SYSTEM");
  if (!system.ok()) return system.status();
  if (system->rows() != 1) {
    return action_error({ReasonCode::kSourceProtocol, Action::kStop}, "postgres: IDENTIFY_SYSTEM: no answer");
  }
  facts.system_identifier = system->text(0, 0);
  facts.timeline = system->number<std::uint32_t>(0, 1);
  if (facts.timeline <= 1) return absl::OkStatus();
  const absl::StatusOr<Result> history = replication.query(Phase::kQuery, "read the timeline's history",
                                                           concat("TIMELINE_HISTORY ", facts.timeline));
  if (!history.ok()) return history.status();
  if (history->rows() == 1) facts.timeline_history = history->text(0, 1);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerFacts> read_facts(Connection& sql, Connection& replication) {
  if (absl::Status status = check_version(sql.server_version()); !status.ok()) return status;
  const absl::StatusOr<Result> rows = sql.query(Phase::kQuery, "read the server's settings", R"(
SELECT current_setting('server_version_num'), current_setting('server_version'), current_database(),
       current_setting('wal_level'), pg_is_in_recovery(), current_setting('server_encoding'),
       (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout'))");
  if (!rows.ok()) return rows.status();
  ServerFacts facts;
  facts.version_num = rows->number<std::int32_t>(0, 0);
  facts.version_text = rows->text(0, 1);
  facts.database = rows->text(0, 2);
  facts.wal_level = rows->text(0, 3);
  facts.in_recovery = rows->boolean(0, 4);
  facts.encoding = rows->text(0, 5);
  facts.wal_sender_timeout_ms = rows->number<std::int64_t>(0, 6);
  if (facts.in_recovery && facts.version_num < 160000) {
    return action_error({ReasonCode::kServerVersion, Action::kStop},
                        concat("postgres: the server is a standby of version ", facts.version_text,
                               "; logical decoding on a standby needs 16 or newer. Connect to the primary"));
  }
  if (absl::Status status = read_identity(replication, facts); !status.ok()) return status;
  return facts;
}

absl::Status read_slot_and_end(Connection& sql, std::string_view slot_name, ServerFacts& facts) {
  absl::StatusOr<std::optional<SlotFacts>> slot = read_slot(sql, slot_name);
  if (!slot.ok()) return slot.status();
  facts.slot = std::move(*slot);
  const absl::StatusOr<std::uint64_t> end = read_end_of_wal(sql);
  if (!end.ok()) return end.status();
  facts.end_of_wal = *end;
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> read_end_of_wal(Connection& sql) {
  const absl::StatusOr<Result> rows =
      sql.query(Phase::kQuery, "read the end of the log",
                "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE "
                "pg_current_wal_flush_lsn() END");
  if (!rows.ok()) return rows.status();
  return rows->lsn(0, 0);
}

}  // namespace millrace::postgres
