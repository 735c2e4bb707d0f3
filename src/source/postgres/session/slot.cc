// SPDX-License-Identifier: Apache-2.0
#include "source/postgres/session/slot.h"

#include <thread>
#include <utility>

#include "base/concat.h"
#include "base/log.h"
#include "source/postgres/session/quoting.h"

namespace millrace::postgres {
namespace {

constexpr std::chrono::milliseconds kFirstLook{3'000};
constexpr std::chrono::milliseconds kLookAgain{30'000};

std::string readable_text(const Result& result, int row, const char* name) {
  const int column = result.column(name);
  return column < 0 || result.is_null(row, column) ? std::string() : result.text(row, column);
}

}  // namespace

absl::StatusOr<std::optional<SlotFacts>> read_slot(Connection& connection, std::string_view name) {
  // The view grows with the versions; a column that is not there reads as empty.
  const absl::StatusOr<Result> result =
      connection.query(Phase::kQuery, "read the slot",
                       concat("SELECT * FROM pg_replication_slots WHERE slot_name = ", quote_literal(name)));
  if (!result.ok()) return result.status();
  if (result->rows() == 0) return std::nullopt;
  const auto text = [&](const char* column) { return readable_text(*result, 0, column); };
  const auto is_true = [&](const char* column) { return text(column) == "t"; };
  SlotFacts slot;
  slot.plugin = text("plugin");
  slot.type = text("slot_type");
  slot.database = text("database");
  slot.temporary = is_true("temporary");
  slot.active = is_true("active");
  slot.active_pid = result->number<std::int32_t>(0, result->column("active_pid"));
  slot.restart_lsn = result->lsn(0, result->column("restart_lsn"));
  slot.confirmed_flush_lsn = result->lsn(0, result->column("confirmed_flush_lsn"));
  slot.wal_status = text("wal_status");
  slot.invalidation_reason = text("invalidation_reason");
  if (const int column = result->column("safe_wal_size"); column >= 0 && !result->is_null(0, column)) {
    slot.safe_wal_size = result->number<std::int64_t>(0, column);
  }
  slot.two_phase = is_true("two_phase");
  slot.failover = is_true("failover");
  slot.synced = is_true("synced");
  return slot;
}

std::string create_slot_command(const SlotWish& wish, int server_version) {
  std::string out = concat("CREATE_REPLICATION_SLOT ", quote_identifier(wish.name),
                           wish.temporary ? " TEMPORARY" : "", " LOGICAL pgoutput");
  const bool failover = wish.failover && !wish.temporary && server_version >= 170000;
  if (server_version >= 150000) {
    append(out, " (SNAPSHOT '", wish.export_snapshot ? "export" : "nothing", "'",
           failover ? ", FAILOVER true" : "", ")");
  } else {
    out += wish.export_snapshot ? " EXPORT_SNAPSHOT" : " NOEXPORT_SNAPSHOT";
  }
  return out;
}

std::string blockers(Connection& connection) {
  // Only transactions that have an id count: a reader is not waited for.
  const absl::StatusOr<Result> result = connection.query(Phase::kQuery, "look for open transactions", R"(
SELECT concat('process ', pid, ' (', concat_ws(', ', usename, nullif(application_name, ''), state), ', transaction open since ',
              to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS'), ' UTC)')
  FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
UNION ALL
SELECT concat('prepared transaction ', quote_literal(gid), ' (', owner, ', database ', database, ', since ',
              to_char(prepared, 'YYYY-MM-DD HH24:MI:SS'), ' UTC)')
  FROM pg_prepared_xacts
LIMIT 10)");
  std::string out;
  if (!result.ok()) return out;
  for (int row = 0; row < result->rows(); ++row) append(out, out.empty() ? "" : "; ", result->view(row, 0));
  return out;
}

absl::StatusOr<SlotCreated> create_slot(Connection& replication, Connection& watch, const SlotWish& wish,
                                        std::chrono::milliseconds patience) {
  const std::string command = create_slot_command(wish, replication.server_version());
  const std::string doing = concat("create slot \"", wish.name, "\"");
  if (absl::Status status = replication.send(Phase::kCreateSlot, doing, command); !status.ok()) return status;
  const auto begin = Connection::Clock::now();
  std::chrono::milliseconds next_look = std::min(kFirstLook, patience);
  for (;;) {
    const absl::StatusOr<bool> ready = replication.wait(next_look);
    if (!ready.ok()) {
      // An unfinished slot goes away with the command; left alone, the server would wait on for an hour.
      if (absl::IsCancelled(ready.status())) replication.cancel();
      return ready.status();
    }
    if (*ready) break;
    const auto waited =
        std::chrono::duration_cast<std::chrono::milliseconds>(Connection::Clock::now() - begin);
    const std::string who = blockers(watch);
    if (waited >= patience) {
      replication.cancel();
      return action_error(
          {ReasonCode::kSnapshotFailed, Action::kRetry},
          concat("postgres: ", doing, ": not done within ", patience.count() / 1000,
                 " s; the server waits for every transaction that was open at the start: ",
                 who.empty()
                     ? "(none seen now; on a standby: run SELECT pg_log_standby_snapshot() on the primary)"
                     : who,
                 ". Fix: end them: COMMIT, ROLLBACK, ROLLBACK PREPARED, or SELECT "
                 "pg_terminate_backend(<process>)"));
    }
    log_warn("postgres", "the slot's creation waits for open transactions",
             {{"slot", wish.name}, {"waited_s", waited.count() / 1000}, {"for", who}});
    next_look = std::min(kLookAgain, patience - waited);
  }
  const absl::StatusOr<std::vector<Result>> results = replication.collect();
  if (!results.ok()) return results.status();
  if (results->empty() || results->back().rows() != 1 || results->back().columns() < 4) {
    return action_error({ReasonCode::kSourceProtocol, Action::kStop},
                        concat("postgres: ", doing, ": an answer without the slot's position"));
  }
  const Result& answer = results->back();
  SlotCreated created;
  created.consistent_point = answer.lsn(0, 1);
  created.snapshot_name = answer.text(0, 2);
  return created;
}

absl::Status drop_slot(Connection& connection, std::string_view name, std::chrono::milliseconds patience) {
  const std::string doing = concat("drop slot \"", name, "\"");
  const std::string sql =
      concat("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ",
             quote_literal(name));
  const auto deadline = Connection::Clock::now() + patience;
  for (;;) {
    const absl::Status status = connection.query(Phase::kDropSlot, doing, sql).status();
    if (status.ok() || reason_of(status) != ReasonCode::kSlotInUse) return status;
    if (Connection::Clock::now() >= deadline || connection.interrupt().is_set()) return status;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace millrace::postgres
